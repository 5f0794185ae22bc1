package sim

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

var loopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

// directClient is a client of a server that answers by itself, which has said
// three lines and heard three answers. Time stands at one second.
func directClient() *Client {
	c, _ := acceptedClient()
	return c
}

// acceptedClient is the same, with the kernel's side of it: fd is its connection.
func acceptedClient() (c *Client, end func()) {
	w := NewWorld(fake.PlayChoices(nil))
	w.Rules = Rules{Direct: true, MaxLine: 100, Delay: time.Second, TurnBytes: 1000, Linger: time.Minute, Drain: time.Minute}
	sys := w.Kernel.NewSys()
	listener := must(sys.Listen(loopback, &poller.SocketOptions{}))
	addr, _, _ := sys.Names(listener)
	c = w.AddClient(poller.TCPAddr(addr))
	c.script = &script{}
	c.script.add([]byte("REQ 1 a\n"), line{request: true, seq: 1, data: []byte("a")})
	c.script.add([]byte("foo\n"), line{reason: "unknown type"})
	c.script.add([]byte("REQ 2 \xff\n"), line{request: true, seq: 2, data: []byte{0xff}, reason: "data is not UTF-8"})
	c.peer = w.Kernel.Dial(poller.TCPAddr(addr))
	fd, _, e := sys.Accept(listener)
	must(fd, e)
	c.sent, c.lines, c.ended = len(c.script.stream), 3, true
	c.noteSent(3)
	w.Kernel.Advance(time.Second)
	c.hear("ACK 1 a\nNAK 0 unknown type\nNAK 2 data is not UTF-8\n")
	c.end(farewellEnd)
	return c, func() { sys.Close(fd) }
}

func must(fd int, e poller.Errno) int {
	if e != 0 {
		panic(e)
	}
	return fd
}

// strike has a misfortune happen now.
func (c *Client) strike(m fake.Misfortune) {
	sys := c.world.Kernel.NewSys()
	c.world.Chaos.Choices, c.world.Chaos.Rates[m] = fake.NewChoices(1), 1000
	if m == fake.RegisterFailed {
		sys.Register(must(sys.OpenWake()), 0)
	} else {
		sys.Connect(c.addr, nil)
	}
	c.world.Chaos.Rates[m] = 0
}

// hear sets what the client has got.
func (c *Client) hear(text string) {
	c.got, c.heard = []byte(text), strings.Count(text, "\n")
}

func TestTheVerdictOnADirectServer(t *testing.T) {
	const first = "ACK 1 a\n"
	for name, x := range map[string]struct {
		change func(*Client)
		class  string // empty: all is well
	}{
		"right answers, then the end":             {func(*Client) {}, ""},
		"another order":                           {func(c *Client) { c.hear("NAK 0 unknown type\nACK 1 a\n") }, "byte equality"},
		"other bytes":                             {func(c *Client) { c.hear("ACK 1 b\n") }, "byte equality"},
		"another reason":                          {func(c *Client) { c.hear(first + "NAK 0 empty line\n") }, "byte equality"},
		"an answer twice":                         {func(c *Client) { c.hear(first + first) }, "byte equality"},
		"an answer more":                          {func(c *Client) { c.hear(string(c.got) + first) }, "no invention"},
		"a refusal by chance that is not allowed": {func(c *Client) { c.hear("NAK 1 nak-rate\n") }, "byte equality"},
		"a refusal by chance": {func(c *Client) {
			c.world.Rules.NAKs = true
			c.hear("NAK 1 nak-rate\nNAK 0 unknown type\nNAK 2 data is not UTF-8\n")
		}, ""},
		"a bad line refused by chance": {func(c *Client) {
			c.world.Rules.NAKs = true
			c.hear(first + "NAK 0 unknown type\nNAK 2 nak-rate\n")
		}, "byte equality"},
		"an end before the last answer":    {func(c *Client) { c.hear(first) }, "loss"},
		"an end in the middle of one":      {func(c *Client) { c.hear(first + "NAK 0 unkn") }, "loss"},
		"an end that nobody asked for":     {func(c *Client) { c.hear(first); c.ended = false }, "end"},
		"an end behind all, not asked for": {func(c *Client) { c.ended = false }, "end"},
		"an end behind QUIT":               {func(c *Client) { c.ended = false; c.script.lines[2].quit = true }, ""},
		"QUIT that is not answered": {func(c *Client) {
			c.ended, c.script.lines[2].quit = false, true
			c.hear(first + "NAK 0 unknown type\n")
		}, "loss"},
		"a client that left": {func(c *Client) { c.hear(first); c.how = farewellLeft }, ""},
		"a reset":            {func(c *Client) { c.how = farewellReset }, "end"},
		"a timeout":          {func(c *Client) { c.hear(first); c.world.Rules.Idle, c.silence = time.Second, time.Second }, ""},
		"no memory":          {func(c *Client) { c.how = farewellReset; c.strike(fake.RegisterFailed) }, ""},
		"a drain":            {func(c *Client) { c.hear(first); c.world.Draining = true }, ""},
		"a drain with answers owed": {func(c *Client) {
			c.hear(first)
			c.world.Draining, c.direct.owed = true, 2
		}, "drain"},
		"a drain in the middle of an answer": {func(c *Client) { c.hear("ACK 1"); c.world.Draining = true }, "loss"},
		"a drain that resets":                {func(c *Client) { c.how, c.world.Draining = farewellReset, true }, "end"},
		"a drain whose time is over": {func(c *Client) {
			c.hear("ACK 1")
			c.world.Draining, c.world.Rules.Drain, c.how = true, time.Second, farewellReset
		}, ""},
		"a drain before which there was no descriptor": {func(c *Client) {
			c.hear("")
			c.world.Draining, c.how = true, farewellReset
			c.peer = c.world.Kernel.Dial(c.addr) // which nobody has accepted
			c.strike(fake.Exhausted)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := directClient()
			x.change(c)
			c.judge()
			expectClass(t, c.world, x.class)
		})
	}
}

func expectClass(t *testing.T, w *World, class string) {
	t.Helper()
	switch v := w.Violation(); {
	case v == nil && class != "":
		t.Errorf("no violation, %q was expected", class)
	case v != nil && v.Class != class:
		t.Errorf("%v, %q was expected", v, class)
	}
}

func TestAnAnswerMustNotComeBeforeItsTime(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Client)
		class  string
	}{
		"in time":                       {func(*Client) {}, ""},
		"too early":                     {func(c *Client) { c.direct.sentAt[2]++ }, "delay"},
		"begins too early":              {func(c *Client) { c.hear("ACK 1 a\nN"); c.direct.sentAt[1]++ }, "delay"},
		"the next one would be":         {func(c *Client) { c.hear("ACK 1 a\n"); c.direct.sentAt[1]++ }, ""},
		"before its line is whole":      {func(c *Client) { c.lines = 2 }, "no invention"},
		"while a long line has no end":  {func(c *Client) { c.lines, c.script.lines[2].long = 2, true }, ""},
		"one more than there are lines": {func(c *Client) { c.hear(string(c.got) + "A") }, ""}, // another rule's
	} {
		t.Run(name, func(t *testing.T) {
			c := directClient()
			x.change(c)
			c.checkAnswerTimes()
			expectClass(t, c.world, x.class)
		})
	}
}

func TestADrainOwesWhatHasArrived(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*Client)
		owed   int
	}{
		"all":                    {func(*Client) {}, 3},
		"as much as it reads":    {func(c *Client) { c.world.Rules.TurnBytes = 15 }, 2},
		"no half line":           {func(c *Client) { c.sent = 11 }, 1},
		"not what was not sent":  {func(c *Client) { c.sent = 0 }, 0},
		"nothing to who is gone": {func(c *Client) { c.over = true }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			c := directClient()
			c.over = false
			c.peer.Send(c.script.stream)
			x.change(c)
			c.world.Drain()
			if c.direct.owed != x.owed {
				t.Errorf("%d answers are owed, not %d", c.direct.owed, x.owed)
			}
		})
	}
}

func TestDirectTotalsCountWhatWasSaid(t *testing.T) {
	c := directClient()
	c.script.fragment = true
	c.script.stream = append(c.script.stream, "REQ"...)
	c.judge()
	got, exact := c.world.DirectTotals()
	want := DirectTotals{Requests: 2, BadData: 1, Invalid: 2, ACKs: 1, NAKs: 2, BytesIn: 8 + 4 + 8 + 3, BytesOut: len(c.got)}
	if got != want || !exact {
		t.Errorf("%+v (exact: %t), not %+v", got, exact, want)
	}
	c.script.lines[2].long = true
	if got, _ := c.world.DirectTotals(); got.BytesIn != -1 {
		t.Errorf("%d bytes are to have come where a line was too long", got.BytesIn)
	}
	c.how = farewellLeft
	if _, exact := c.world.DirectTotals(); exact {
		t.Error("a client left, and the totals are called exact")
	}
}

func TestAClientLeavesTheEndToTheServerBehindQUIT(t *testing.T) {
	c := directClient()
	if c.awaitsEnd() {
		t.Error("it waits for an end that nobody asked for")
	}
	if c.script.lines[2].quit = true; !c.awaitsEnd() {
		t.Error("it does not wait")
	}
	if c.closes = true; c.awaitsEnd() {
		t.Error("it waits although it is to end its side")
	}
}

// TestTotalsAreNotExactWhereHalfALineWasCut: a timeout may come before its end.
func TestTotalsAreNotExactWhereHalfALineWasCut(t *testing.T) {
	for name, x := range map[string]struct{ fragment, timeout, exact bool }{
		"half a line":                {true, false, true},
		"half a line, and a timeout": {true, true, false},
		"a timeout":                  {false, true, true},
	} {
		c := directClient()
		c.judge()
		if c.script.fragment = x.fragment; x.timeout {
			c.world.Rules.Line, c.linger = time.Second, time.Second
		}
		if _, exact := c.world.DirectTotals(); exact != x.exact {
			t.Errorf("%s: the totals are exact: %t", name, exact)
		}
		if _, exact := c.world.SharedTotals(); exact != x.exact {
			t.Errorf("%s: the totals of shared connections are exact: %t", name, exact)
		}
	}
}
