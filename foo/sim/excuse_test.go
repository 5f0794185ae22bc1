package sim

import (
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// guest is a client that came at one second, was accepted, and was closed by the
// loop at two.
func guest(before, during func(c *Client)) *Client {
	c, end := acceptedClient()
	w := c.world
	w.Rules = Rules{MaxLine: 100, Connect: time.Second, Drain: 10 * time.Second, Linger: time.Minute}
	w.AddServer(loopback)
	before(c)
	w.Kernel.Advance(time.Millisecond)
	c.since = w.Kernel.Now()
	during(c)
	w.Kernel.Advance(time.Second)
	end()
	c.until = w.Kernel.Now()
	return c
}

func nothing(*Client) {}

func TestAnExcuseHoldsForItsTime(t *testing.T) {
	refuse := func(c *Client) { c.strike(fake.ConnectRefused) }
	slow := func(c *Client) { // as slow as it gets
		c.world.Chaos.Choices, c.world.Chaos.Rates[fake.ConnectSlow] = fake.PlayChoices([]uint32{1, 21}), 1000
		c.world.Kernel.NewSys().Connect(c.addr, nil)
		c.world.Chaos.Rates[fake.ConnectSlow] = 0
	}
	for name, x := range map[string]struct {
		before, during func(*Client)
		want           bool
	}{
		"nothing":                            {nothing, nothing, false},
		"a refusal":                          {nothing, refuse, true},
		"a refusal before it came":           {refuse, nothing, false},
		"a slow answer":                      {nothing, slow, true},
		"a slow answer before it came":       {slow, nothing, false},
		"a slow answer within the timeout":   {nothing, func(c *Client) { slow(c); c.world.Rules.Connect = time.Minute }, false},
		"a dead server":                      {nothing, func(c *Client) { c.world.Servers[0].Die() }, true},
		"a server that was dead before":      {func(c *Client) { c.world.Servers[0].Die(); c.world.Servers[0].start() }, nothing, false},
		"few descriptors":                    {nothing, func(c *Client) { c.world.RunShort() }, true},
		"few descriptors, and a calm since":  {func(c *Client) { c.world.RunShort(); c.world.Calm(); c.world.Kernel.Advance(time.Second) }, nothing, false},
		"no memory for a registration":       {nothing, func(c *Client) { c.strike(fake.RegisterFailed) }, true},
		"no memory for one, before it came":  {func(c *Client) { c.strike(fake.RegisterFailed) }, nothing, false},
		"no descriptor for a second address": {nothing, func(c *Client) { c.world.AddServer(loopback); c.strike(fake.Exhausted) }, true},
		"no descriptor for the only address": {nothing, func(c *Client) { c.strike(fake.Exhausted) }, false},
	} {
		if got := guest(x.before, x.during).unreachable(); got != x.want {
			t.Errorf("%s: unreachable: %t", name, got)
		}
	}
}

func TestADrainExcusesWhoEndsInIt(t *testing.T) {
	drain := func(c *Client) { c.world.Drain() }
	late := guest(nothing, nothing)
	late.world.Kernel.Advance(1)
	late.world.Drain()
	for name, x := range map[string]struct {
		c                   *Client
		drained, mayBeReset bool
	}{
		"in it":                 {guest(nothing, drain), true, false},
		"before it":             {late, false, false},
		"when its time is over": {guest(nothing, func(c *Client) { drain(c); c.world.Rules.Drain = time.Second }), true, true},
		"long behind the FIN":   {guest(nothing, func(c *Client) { drain(c); c.world.Rules.Linger = 0 }), true, true},
	} {
		if got := x.c.drained(); got != x.drained {
			t.Errorf("%s: drained: %t", name, got)
		}
		if got := x.c.mayBeReset(); got != x.mayBeReset {
			t.Errorf("%s: may be reset: %t", name, got)
		}
	}
}

func TestATimeoutIsAnExcuseWhereItsTimeWasOver(t *testing.T) {
	for name, x := range map[string]struct {
		during func(c *Client)
		want   bool
	}{
		"no timeouts":                            {func(c *Client) { c.silence, c.linger = time.Hour, time.Hour }, false},
		"idle":                                   {func(c *Client) { c.world.Rules.Idle, c.silence = time.Minute, time.Minute }, true},
		"not idle for so long":                   {func(c *Client) { c.world.Rules.Idle, c.silence = time.Minute, time.Minute-1 }, false},
		"a reply was there in time":              {func(c *Client) { beSilent(c); c.conn = &Conn{saidAt: c.moved + 1} }, false},
		"a reply was there too late":             {func(c *Client) { beSilent(c); c.conn = &Conn{saidAt: c.moved + int64(time.Minute) + 1} }, true},
		"a reply in time, but turns were narrow": {func(c *Client) { beSilent(c); c.conn, c.world.Narrow = &Conn{saidAt: c.moved + 1}, true }, true},
		"a line of a minute":                     {func(c *Client) { c.world.Rules.Line, c.linger = time.Minute, time.Minute }, true},
		"a line of less":                         {func(c *Client) { c.world.Rules.Line, c.linger = time.Minute, time.Second }, false},
		"output that never waited":               {func(c *Client) { c.world.Rules.Write, c.holdsBack = time.Second, true }, false},
	} {
		if got := guest(nothing, x.during).timedOut(); got != x.want {
			t.Errorf("%s: timed out: %t", name, got)
		}
	}
}

func beSilent(c *Client) {
	c.moved, c.world.Rules.Idle = c.world.Kernel.Now(), time.Minute
	c.silence, c.lastSilence = 2*time.Minute, 2*time.Minute
}

func TestALoopMayNotBeMorePatientThanItWasTold(t *testing.T) {
	for name, x := range map[string]struct {
		change func(c *Client)
		class  string
	}{
		"no timeouts":               {nothing, ""},
		"idle for too long":         {func(c *Client) { c.world.Rules.Idle = time.Second }, "timeout"},
		"not for so long":           {func(c *Client) { c.world.Rules.Idle = time.Hour }, ""},
		"not all replies have come": {func(c *Client) { c.world.Rules.Idle = time.Second; c.heard = 0 }, ""},
		"memory is scarce":          {func(c *Client) { c.world.Rules.Idle = time.Second; c.world.Rules.Scarce = true }, ""},
		"half a line for too long":  {func(c *Client) { c.world.Rules.Line = time.Second; c.begun = 1 }, "timeout"},
		"no line is begun":          {func(c *Client) { c.world.Rules.Line = time.Second }, ""},
		"there was no descriptor":   {func(c *Client) { c.world.Rules.Idle = time.Second; c.strike(fake.Exhausted) }, ""},
	} {
		c, _ := acceptedClient()
		c.over, c.ended, c.moved = false, false, 0
		c.world.Rules = Rules{}
		c.peer.OnNews(nil)
		fd := c.world.Kernel.Descriptor(c.peer)
		sys := c.world.Kernel.NewSys()
		sys.Read(fd, make([]byte, 100)) // what it has sent is read
		x.change(c)
		c.world.Kernel.Advance(10 * time.Second)
		c.checkPatience()
		t.Run(name, func(t *testing.T) { expectClass(t, c.world, x.class) })
	}
}

func TestOutputMayNotWaitForLongerThanTheTimeout(t *testing.T) {
	for _, x := range []struct {
		timeout time.Duration
		class   string
	}{{time.Second, "timeout"}, {time.Hour, ""}, {0, ""}} {
		c, _ := acceptedClient()
		c.over, c.world.Rules = false, Rules{Write: x.timeout}
		c.peer.SetWindow(10)
		sys, fd := c.world.Kernel.NewSys(), c.world.Kernel.Descriptor(c.peer)
		for e := poller.Errno(0); e == 0; {
			_, e = sys.Write(fd, make([]byte, 64<<10))
		}
		c.world.Kernel.Advance(10 * time.Second)
		c.checkPatience()
		expectClass(t, c.world, x.class)
	}
}

func TestAStallBetweenTheJudgementAndTheEndCountsForNothing(t *testing.T) {
	w := NewWorld(fake.PlayChoices(nil))
	sys := w.Kernel.NewSys()
	stall := func() (begin, end int64) {
		w.Chaos.Choices, w.Chaos.Rates[fake.Stall] = fake.NewChoices(1), 1000
		begin = w.Kernel.Now()
		sys.Wait(make([]poller.Event, 1), 0)
		w.Chaos.Rates[fake.Stall] = 0
		return begin, w.Kernel.Now()
	}
	first, _ := stall()
	w.Kernel.Advance(judgement - 1)
	second, end := stall()
	for _, c := range []struct{ at, want int64 }{
		{end, first - int64(judgement)},
		{end + int64(judgement), end},
		{second - 1, first - int64(judgement)},
		{first, first - int64(judgement)},
	} {
		if got := w.judgedFrom(c.at); got != c.want {
			t.Errorf("an end at %d was judged from %d on, not %d", c.at, got, c.want)
		}
	}
}

func TestATimeoutIsAnExcuseBeforeTheClientKnows(t *testing.T) {
	for _, x := range []struct {
		timeout time.Duration
		closed  bool
		want    bool
	}{{time.Second, true, true}, {time.Second, false, false}, {time.Hour, true, false}, {0, true, false}} {
		c, end := acceptedClient()
		c.over, c.until, c.world.Rules = false, 0, Rules{Write: x.timeout}
		c.peer.SetWindow(10)
		sys, fd := c.world.Kernel.NewSys(), c.world.Kernel.Descriptor(c.peer)
		for e := poller.Errno(0); e == 0; {
			_, e = sys.Write(fd, make([]byte, 64<<10))
		}
		c.world.Kernel.Advance(10 * time.Second)
		if x.closed {
			end()
		}
		if got := c.timedOut(); got != x.want {
			t.Errorf("a timeout of %v, closed %t: timed out: %t", x.timeout, x.closed, got)
		}
	}
}

func TestALineBeginsForTheLoopWithItsFirstByte(t *testing.T) {
	for name, x := range map[string]struct {
		read  bool // its first bytes, before the rest comes
		class string
	}{
		"read at once, and again later": {true, "timeout"},
		"not read before":               {false, ""},
	} {
		c, _ := acceptedClient()
		w := c.world
		c.over, c.ended, w.Rules = false, false, Rules{Line: time.Second}
		c.peer.OnNews(nil)
		sys, fd := w.Kernel.NewSys(), w.Kernel.Descriptor(c.peer)
		c.script.add([]byte("REQ 3 c\n"), line{request: true, seq: 3})
		for _, piece := range []string{"RE", "Q"} {
			c.advance(c.peer.SendString(piece))
			if x.read || piece == "Q" {
				sys.Read(fd, make([]byte, 100))
			}
			w.Kernel.Advance(700 * time.Millisecond)
		}
		c.checkPatience()
		t.Run(name, func(t *testing.T) { expectClass(t, w, x.class) })
	}
}
