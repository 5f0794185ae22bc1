package sim

import (
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// keptClient is a client that has said three requests and a line that is none,
// behind a proxy that fails over between two servers. The first server has got all
// of it on one connection and has answered the first request; time stands at one
// second.
func keptClient() (c *Client, first *Conn) {
	c, _ = acceptedClient()
	w := c.world
	w.Rules = Rules{Failover: true, MaxLine: 100, RequestTimeout: 600 * time.Millisecond, Memory: time.Millisecond, CheckTimeout: time.Second, Connect: time.Second}
	c.over, c.ended, c.how, c.got, c.heard = false, false, farewellNone, nil, 0
	c.script = &script{}
	for _, text := range []string{"REQ 1 ~00~0\n", "REQ 2 ~00~1\n", "REQ 3 ~00~2\n"} {
		_, seq, _ := splitSeq([]byte(text))
		c.script.add([]byte(text), line{request: true, seq: seq})
	}
	c.script.add([]byte("GET ~00~3\n"), line{reason: "unknown type"})
	c.kept.places = make([]place, 4)
	now := w.Kernel.Now()
	c.direct.sentAt = []int64{now, now, now, now}
	c.lines = 4
	w.AddServer(loopback)
	w.AddServer(loopback)
	first = connTo(w.Servers[0])
	first.hear([]byte("REQ 1 ~00~0\n"))
	first.speak()
	c.hears([]byte("ACK 1 s0.0.0\n"))
	return c, first
}

// connTo opens a connection of the thing under test to a server.
func connTo(s *Server) *Conn {
	sys := s.world.Kernel.NewSys()
	sys.Connect(s.addr, nil)
	s.acceptAll()
	return s.conns[len(s.conns)-1]
}

func TestTheVerdictOnAClientThatOutlivesItsServer(t *testing.T) {
	lose := func(c *Client, conn *Conn) *Conn {
		conn.hear([]byte("REQ 2 ~00~1\n"))
		conn.waiting = nil
		conn.reset()
		return connTo(c.world.Servers[1])
	}
	for name, x := range map[string]struct {
		happens func(c *Client, first *Conn)
		class   string // empty: all is well
	}{
		"a reply": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\n"))
			c.hears([]byte("ACK 2 s0.0.1\n"))
		}, ""},
		"a reply twice": {func(c *Client, _ *Conn) { c.hears([]byte("ACK 1 s0.0.0\n")) }, "no invention"},
		"a reply with another Seq": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\n"))
			c.hears([]byte("ACK 3 s0.0.1\n"))
		}, "no invention"},
		"a reply that was passed over": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\nREQ 3 ~00~2\n"))
			c.hears([]byte("ACK 3 s0.0.2\n"))
		}, "loss"},
		"lost, and the rest elsewhere": {func(c *Client, first *Conn) {
			next := lose(c, first)
			c.hears([]byte("NAK 2 upstream lost\n"))
			next.hear([]byte("REQ 1 ~00~2\n"))
			c.hears([]byte("ACK 3 s1.0.2\n"))
		}, ""},
		"lost without a loss": {func(c *Client, _ *Conn) { c.hears([]byte("NAK 2 upstream lost\n")) }, "no reason"},
		"the rest with Seqs of the client": {func(c *Client, first *Conn) {
			next := lose(c, first)
			c.hears([]byte("NAK 2 upstream lost\n"))
			next.hear([]byte("REQ 3 ~00~2\n"))
		}, "Seq"},
		"a request sent again": {func(c *Client, first *Conn) { lose(c, first).hear([]byte("REQ 1 ~00~1\n")) }, "at most once"},
		"a request that overtakes": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 3 ~00~2\nREQ 2 ~00~1\n"))
		}, "order"},
		"a reply behind its NAK": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\n"))
			c.direct.sentAt[1] -= int64(700 * time.Millisecond)
			c.hears([]byte("NAK 2 timeout\nACK 2 s0.0.1\n"))
		}, "exactly once"},
		"a timeout too early": {func(c *Client, _ *Conn) {
			c.hears([]byte("NAK 2 timeout\n"))
		}, "no reason"},
		"a timeout, and the reply has come": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\n"))
			first.asked[1].arrived = 1
			c.direct.sentAt[1] -= int64(700 * time.Millisecond)
			c.hears([]byte("NAK 2 timeout\n"))
		}, "timeout"},
		"a reply long behind its time": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\n"))
			second := int64(time.Second)
			c.direct.sentAt[1], c.kept.lastHeard = c.direct.sentAt[1]-second, c.kept.lastHeard-second
			c.hears([]byte("ACK 2 s0.0.1\n"))
		}, "bounded time"},
		"no server, and there are two": {func(c *Client, _ *Conn) {
			c.hears([]byte("NAK 2 no server\n"))
		}, "no reason"},
		"no server while both are dead": {func(c *Client, _ *Conn) {
			c.world.Servers[0].Die()
			c.world.Servers[1].Die()
			c.hears([]byte("NAK 2 no server\n"))
		}, ""},
		"no server, too early": {func(c *Client, _ *Conn) {
			c.world.Rules.NoServerWait = time.Hour
			c.world.Servers[0].Die()
			c.world.Servers[1].Die()
			c.hears([]byte("NAK 2 no server\n"))
		}, "no server"},
		"a NAK in another's place": {func(c *Client, first *Conn) {
			first.hear([]byte("REQ 2 ~00~1\nREQ 3 ~00~2\n"))
			c.hears([]byte("NAK 3 timeout\n"))
		}, "no invention"},
		"a line to a server that is drained": {func(c *Client, first *Conn) {
			c.lines = 2 // nothing that shares its server's fate
			c.world.Servers[0].Drained()
			first.hear([]byte("REQ 2 ~00~1\n"))
		}, "failover"},
		"bytes of nobody": {func(_ *Client, first *Conn) { first.hear([]byte("REQ 2 ~07~1\n")) }, "byte equality"},
		"another's line": {func(c *Client, first *Conn) {
			c.world.AddClient(c.addr)
			first.hear([]byte("REQ 2 ~01~0\n"))
		}, "byte equality"},
		"a check": {func(c *Client, _ *Conn) { connTo(c.world.Servers[1]).hear([]byte(probe)) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, first := keptClient()
			x.happens(c, first)
			expectClass(t, c.world, x.class)
		})
	}
}

func TestTheEndOfAClientThatOutlivesItsServer(t *testing.T) {
	end := func(c *Client) { c.end(farewellEnd) }
	answer := func(c *Client, first *Conn) {
		first.hear([]byte("REQ 2 ~00~1\nREQ 3 ~00~2\n"))
		c.hears([]byte("ACK 2 s0.0.1\nACK 3 s0.0.2\n"))
	}
	for name, x := range map[string]struct {
		happens func(c *Client, first *Conn)
		class   string
	}{
		"closed in the middle":               {func(c *Client, _ *Conn) { c.lines = 3; end(c) }, "end"},
		"it ended its side, without a reply": {func(c *Client, _ *Conn) { c.lines, c.ended = 3, true; end(c) }, "loss"},
		"it shares its server's fate": {func(c *Client, first *Conn) {
			answer(c, first)
			first.hear([]byte("GET ~00~3\n"))
			first.reset()
			end(c)
		}, ""},
		"its server ended before it heard a line of it": {func(c *Client, first *Conn) {
			answer(c, first)
			first.end(farewellDone)
			next := connTo(c.world.Servers[1])
			next.end(farewellLeft)
			end(c)
		}, ""},
		"a server had ended before it came": {func(c *Client, first *Conn) {
			next := connTo(c.world.Servers[1])
			next.end(farewellLeft)
			next.since = c.since - 1
			answer(c, first)
			end(c)
		}, "end"},
		"half a line of a lost server": {func(c *Client, first *Conn) {
			c.lines, c.ended = 3, true
			answer(c, first)
			first.reset()
			c.hears([]byte("ACK 9 to"))
			end(c)
		}, "torn"},
		"it left": {func(c *Client, _ *Conn) { c.end(farewellLeft) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, first := keptClient()
			c.world.Plan.faulty = true
			x.happens(c, first)
			c.judgeKept()
			expectClass(t, c.world, x.class)
		})
	}
}

func TestAStallAloneDoesNotMakeAServerDoubtful(t *testing.T) {
	c, _ := keptClient()
	w := c.world
	w.Chaos.Choices, w.Chaos.Rates[fake.Stall] = fake.NewChoices(1), 1000
	w.Kernel.NewSys().Wait(nil, 0)
	for i, s := range w.Servers {
		if s.Distrusted() {
			t.Errorf("server %d", i)
		}
	}
	w.Servers[1].Die()
	if w.Servers[0].Distrusted() || !w.Servers[1].Distrusted() {
		t.Error("the dead one is the other")
	}
}

func TestASlowConnectExcusesOnlyWhomItHeldUp(t *testing.T) {
	const second = int64(time.Second)
	for name, x := range map[string]struct {
		change func(c *Client)
		class  string
	}{
		"with small marks":          {func(c *Client) { c.world.Rules.Little = true }, ""},
		"with large marks":          {func(*Client) {}, "bounded time"},
		"before the client came":    {func(c *Client) { c.world.Rules.Little = true; c.since = c.world.Kernel.Now() + 1 }, "bounded time"},
		"answered before its reply": {func(c *Client) { c.world.Rules.Little = true; c.kept.lastHeard += 10 * second }, "bounded time"},
		"answered quickly":          {func(c *Client) { c.world.Rules.Little = true; c.world.Rules.RequestTimeout = 1600 * time.Millisecond }, "bounded time"},
	} {
		t.Run(name, func(t *testing.T) {
			c, first := keptClient()
			w := c.world
			w.Rules.Connect, w.Rules.CheckTimeout = time.Hour, time.Hour // nobody gives up
			sys := w.Kernel.NewSys()
			w.Chaos.Choices, w.Chaos.Rates[fake.ConnectSlow] = fake.NewChoices(1), 1000
			for range 100 { // at least one of them takes longer than the timeout
				sys.Connect(c.addr, nil)
			}
			w.Chaos.Rates[fake.ConnectSlow] = 0
			x.change(c)
			w.Kernel.Advance(15 * time.Second)
			first.hear([]byte("REQ 2 ~00~1\n"))
			c.hears([]byte("ACK 2 s0.0.1\n"))
			expectClass(t, w, x.class)
		})
	}
}

// TestAConnectHasTheTimeOnTopInWhichTheLoopStoodStill, and nobody else has.
func TestAConnectHasTheTimeOnTopInWhichTheLoopStoodStill(t *testing.T) {
	for name, x := range map[string]struct {
		lost    bool
		behind  time.Duration // what passes behind it, the stalls apart
		stalls  int
		explain bool
	}{
		"no connect":                             {false, time.Millisecond, 1, false},
		"a connect":                              {true, time.Millisecond, 0, true},
		"a connect before its time":              {true, 2 * time.Millisecond, 0, false},
		"a connect, and a stall":                 {true, time.Millisecond, 1, true},
		"a connect, and two stalls":              {true, time.Millisecond, 2, true},
		"a connect before its time, and a stall": {true, 2 * time.Millisecond, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := keptClient()
			w := c.world
			w.Kernel.Advance(time.Second)
			if x.lost {
				c.strike(fake.ConnectLost)
			}
			begin := w.Kernel.Now()
			w.Kernel.Advance(x.behind)
			w.Chaos.Choices, w.Chaos.Rates[fake.Stall] = fake.NewChoices(1), 1000
			for range x.stalls {
				w.Kernel.NewSys().Wait(nil, 0)
			}
			w.Chaos.Rates[fake.Stall] = 0
			stood := w.Kernel.Now() - begin
			w.Kernel.Advance(100 * time.Millisecond)
			if got := w.noServer(begin+stood, w.Kernel.Now()); got != x.explain {
				t.Errorf("it explains that there is no server: %t", got)
			}
		})
	}
}

// TestAServerThatTakesLittleForLongIsSlow: what waits behind is late.
func TestAServerThatTakesLittleForLongIsSlow(t *testing.T) {
	for name, x := range map[string]struct {
		little bool
		pause  time.Duration
		pieces int
		slow   bool
	}{
		"as long as a request may take": {true, takingGap / 2, 12, true},
		"not for so long":               {true, takingGap / 2, 6, false},
		"now and then":                  {true, 2 * takingGap, 12, false},
		"as much as comes":              {false, takingGap / 2, 12, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, first := keptClient()
			first.taking.little = x.little
			for range x.pieces {
				c.world.Kernel.Advance(x.pause)
				first.noteTaking()
			}
			if first.isSlow != x.slow || c.world.Servers[0].Distrusted() != x.slow {
				t.Errorf("it is slow: %t", first.isSlow)
			}
		})
	}
}
