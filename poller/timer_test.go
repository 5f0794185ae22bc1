// timer_test.go: what is due happens then, neither before nor much later.

package poller_test

import (
	"slices"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestWaitsAreRoundedUpToMilliseconds(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	for _, c := range []struct {
		left time.Duration
		want int
	}{
		{-time.Hour, 0}, {-1, 0}, {0, 0},
		{1, 1}, {time.Millisecond - 1, 1}, {time.Millisecond, 1}, {time.Millisecond + 1, 2},
		{time.Second, 1000}, {24 * time.Hour, day}, {25 * time.Hour, day}, {1<<63 - 1 - time.Hour, day},
	} {
		if got := poller.WholeMillis(int64(c.left)); got != c.want {
			t.Errorf("%v: %d ms, want %d", c.left, got, c.want)
		}
	}
	kernel, err := poller.NewKernel()
	fatal(t, err)
	defer func() { fatal(t, kernel.Shut()) }()
	for _, c := range []struct {
		deadline int64
		want     int
	}{{0, 0}, {-1, 0}, {1, 0}, {poller.Forever, -1}, {poller.Forever - 1, poller.WaitMillisMax}, {kernel.Now() + int64(48*time.Hour), poller.WaitMillisMax}} {
		if got := kernel.TimeoutMillis(c.deadline); got != c.want {
			t.Errorf("deadline %d: %d ms, want %d", c.deadline, got, c.want)
		}
	}
}

func TestAWaitDoesNotEndBeforeItsDeadline(t *testing.T) {
	kernel, err := poller.NewKernel()
	fatal(t, err)
	defer func() { fatal(t, kernel.Shut()) }()
	events := make([]poller.Event, 4)
	for _, wait := range []time.Duration{300 * time.Microsecond, 1700 * time.Microsecond} {
		deadline := kernel.Now() + int64(wait)
		waits := 0
		for kernel.Now() < deadline {
			if _, e := kernel.Wait(events, deadline); e != 0 && e != poller.EINTR {
				t.Fatal(e)
			}
			waits++
		}
		if waits > 10 {
			t.Errorf("%d waits for %v", waits, wait)
		}
	}
}

// bell is an Expirer that writes down when it rang.
type bell struct {
	rang []int64
	then func(now int64)
}

func (b *bell) Expire(now int64) {
	b.rang = append(b.rang, now)
	if b.then != nil {
		b.then(now)
	}
}

func TestASignalDoesNotMoveADeadline(t *testing.T) {
	r := newRig(t)
	r.settle()
	var timer poller.Timer
	b := &bell{}
	due := r.sys.Now() + int64(10*time.Millisecond)
	r.loop.Arm(&timer, b, due)
	r.loop.Turn(due - 1)
	r.kernel.Inject(fake.CallWait, fake.Fault{Errno: poller.EINTR})
	r.loop.Turn(poller.Forever) // interrupted at once
	if len(b.rang) != 0 || r.sys.Now() != due-1 {
		t.Fatalf("rang %v at %d", b.rang, r.sys.Now())
	}
	r.loop.Turn(poller.Forever)
	if !slices.Equal(b.rang, []int64{due}) {
		t.Errorf("rang at %v, want %d", b.rang, due)
	}
}

func TestATimerThatArmsItselfInThePastDoesNotHoldTheTurn(t *testing.T) {
	r := newRig(t)
	var timer poller.Timer
	b := &bell{}
	b.then = func(now int64) { r.loop.Arm(&timer, b, now-1) }
	r.loop.Arm(&timer, b, 0)
	for turns := 1; turns < 4; turns++ {
		r.turn()
		if len(b.rang) > 4*turns {
			t.Fatalf("rang %d times in %d turns", len(b.rang), turns)
		}
	}
	r.loop.Disarm(&timer)
	r.loop.Disarm(&timer)
	r.settle()
}

func TestWhatHasArrivedIsServedBeforeTimers(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.IdleTimeout = time.Second })
	p, a := r.client()
	p.SendString("REQ 1\n")
	r.kernel.Advance(time.Minute) // the process stood still
	r.settle()
	r.wantSaid(a, "1 lines")
}

func TestTimeouts(t *testing.T) {
	const second, step = time.Second, 100 * time.Millisecond
	for _, c := range []struct {
		name   string
		config func(c *poller.ConnConfig)
		live   func(r *rig, p *fake.Peer, a *actor) // keeps the connection for ten seconds
		wait   func(r *rig, p *fake.Peer, a *actor) // begins what is not to last
		said   string
	}{
		{"idle after reads", func(c *poller.ConnConfig) { c.IdleTimeout = second },
			func(r *rig, p *fake.Peer, a *actor) {
				for range 50 {
					p.SendString("x\n")
					r.pass(2 * step)
				}
			},
			func(_ *rig, p *fake.Peer, _ *actor) { p.SendString("x\n") }, "closed: idle timeout"},
		{"idle after writes", func(c *poller.ConnConfig) { c.IdleTimeout = second },
			func(r *rig, p *fake.Peer, a *actor) {
				for range 50 {
					a.conn.Append([]byte("y\n"))
					r.pass(2 * step)
				}
			},
			func(_ *rig, _ *fake.Peer, a *actor) { a.conn.Append([]byte("y\n")) }, "closed: idle timeout"},
		{"line", func(c *poller.ConnConfig) { c.LineTimeout = second },
			func(r *rig, p *fake.Peer, _ *actor) {
				for range 50 {
					p.SendString("half")
					r.pass(step)
					p.SendString(" a line\n")
					r.pass(step)
				}
			},
			func(_ *rig, p *fake.Peer, _ *actor) { p.SendString("half a line") }, "closed: line timeout"},
		{"line behind lines", func(c *poller.ConnConfig) { c.LineTimeout = second },
			func(r *rig, p *fake.Peer, _ *actor) {
				for range 50 {
					p.SendString("line\nhalf")
					r.pass(step)
					p.SendString(" a line\nline\nand")
					r.pass(step)
					p.SendString("\n")
				}
			},
			func(_ *rig, p *fake.Peer, _ *actor) { p.SendString("line\nhalf") }, "closed: line timeout"},
		{"write", func(c *poller.ConnConfig) { c.WriteTimeout = second },
			func(r *rig, p *fake.Peer, a *actor) {
				p.SetWindow(10)
				a.conn.Append(make([]byte, 2000))
				for range 100 { // some bytes go every few steps, never all
					r.pass(step)
					p.ReceiveSome(10)
				}
				p.SetWindow(100_000)
				r.pass(10 * second)
			},
			func(_ *rig, p *fake.Peer, a *actor) {
				p.SetWindow(0)
				a.conn.Append(make([]byte, 100_000))
			}, "closed: write timeout"},
		{"write while closing", func(c *poller.ConnConfig) { c.WriteTimeout = second },
			func(r *rig, p *fake.Peer, a *actor) { r.pass(10 * second) },
			func(_ *rig, p *fake.Peer, a *actor) {
				p.SetWindow(0)
				a.conn.Append(make([]byte, 100_000))
				a.conn.Close()
			}, "closed: write timeout"},
		{"linger", func(c *poller.ConnConfig) { c.LingerTimeout = second },
			func(r *rig, p *fake.Peer, a *actor) { r.pass(10 * second) },
			func(_ *rig, p *fake.Peer, a *actor) { a.conn.Close() }, "closed: closed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				c.config(r.config)
				r.options.NotSentLowat = 90
			})
			p, a := r.client()
			c.live(r, p, a)
			if a.closed() {
				t.Fatalf("at %v, too early: %s", time.Duration(r.sys.Now()), a.said())
			}
			c.wait(r, p, a)
			r.settle()
			r.pass(second - step/2)
			if a.closed() {
				t.Fatalf("too early: %s", a.said())
			}
			r.pass(step)
			r.wantSaid(a, c.said)
		})
	}
}

func TestALineThatGrowsIsNotYoungerForIt(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.LineTimeout = time.Second })
	p, a := r.client()
	for range 9 {
		p.SendString("x")
		r.pass(100 * time.Millisecond)
	}
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	p.SendString("x")
	r.pass(100 * time.Millisecond)
	r.wantSaid(a, "closed: line timeout")
}

func TestAnUnfinishedLineIsNotBlamedOnWhoIsNotRead(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.LineTimeout = time.Second })
	p, a := r.client()
	most := 1
	a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) { return a.take(run, most) }
	p.SendString("one\ntwo\nthr")
	r.settle()
	p.SendString("ee\n") // it is there, and we do not look
	r.pass(time.Minute)
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	most = 10
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "one\ntwo\nthree\n")
	p.SendString("fou")
	r.settle() // its time begins
	a.conn.Pause()
	p.SendString("r\nfiv")
	r.pass(time.Minute)
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "one\ntwo\nthree\nfour\n")
	a.conn.Pause()
	r.pass(time.Minute)
	a.conn.Resume()
	r.pass(time.Second - 1)
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	r.pass(1)
	r.wantSaid(a, "closed: line timeout")
}

func TestSilenceIsNotBlamedOnWhoIsNotRead(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.IdleTimeout = time.Second })
	p, a := r.client()
	a.conn.Pause()
	p.SendString("REQ 1\n")
	r.pass(time.Minute)
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "REQ 1\n")
	a.conn.Pause()
	r.pass(time.Minute)
	a.conn.Resume() // with nothing to read
	r.pass(time.Second - 1)
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	r.pass(1)
	r.wantSaid(a, "closed: idle timeout")
}

func TestATimeoutStillDeliversWhatWaits(t *testing.T) {
	for _, c := range []struct {
		name   string
		config func(c *poller.ConnConfig)
		said   string
	}{
		{"idle", func(c *poller.ConnConfig) { c.IdleTimeout = time.Second }, "closed: idle timeout"},
		{"line", func(c *poller.ConnConfig) { c.LineTimeout = time.Second }, "closed: line timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { c.config(r.config); r.options.NotSentLowat = 100 })
			p, a := r.client()
			p.SetWindow(0)
			text := numbered(50, 10)
			a.conn.Append([]byte(text))
			p.SendString("frag")
			r.settle()
			r.pass(time.Minute)
			if a.closed() {
				t.Fatalf("journal: %s", a.said())
			}
			p.SetWindow(1000)
			r.settle()
			r.wantReceived(p, text)
			if !p.Ended() {
				t.Error("no FIN")
			}
			p.Close()
			r.settle()
			r.wantSaid(a, c.said)
		})
	}
}

// After a stop of the whole process more has arrived than one batch tells.
func TestNobodyIsLateBecauseTheLoopWas(t *testing.T) {
	const clients = 2*poller.EventsPerWait + 10
	r := newRig(t, func(r *rig) { r.config.IdleTimeout = time.Second })
	r.kernel.Limit = 10 * clients
	var peers []*fake.Peer
	for range clients {
		peers = append(peers, r.kernel.Dial(r.listener.Addr()))
	}
	r.settle()
	for _, p := range peers {
		p.SendString("REQ 1\n")
	}
	r.kernel.Advance(time.Minute)
	r.settle()
	for i, a := range r.accepted {
		if a.said() != "1 lines" {
			t.Fatalf("client %d: %s", i, a.said())
		}
	}
}

func TestTimersArePutOffOnlySoOften(t *testing.T) {
	r := newRig(t)
	_, a := r.client()
	var timer poller.Timer
	b := &bell{}
	r.loop.Arm(&timer, b, r.sys.Now())
	turns := 0
	for ; len(b.rang) == 0 && turns < 10*poller.JudgePutOffMax; turns++ {
		for range poller.EventsPerWait {
			r.sys.Tell(a.conn.Descriptor(), poller.MaskOut)
		}
		r.turn()
	}
	if turns < 2 || turns > poller.JudgePutOffMax+1 {
		t.Errorf("rang after %d turns", turns)
	}
}

func TestTimersAreArmedOnlyForWhatIsDue(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
	s := r.kernel.Listen(anyLoopback)
	for range 3 * poller.SpareTimersMax / 2 {
		r.kernel.Limit = 1 << 20
		s.SetBacklog(1 << 20)
		if _, e := r.loop.Dial(s.Addr(), &r.options, &actor{}, r.config); e != 0 {
			t.Fatal(e)
		}
	}
	r.settle()
	if n := r.loop.SpareTimers(); n != poller.SpareTimersMax {
		t.Errorf("%d spare timers, want %d", n, poller.SpareTimersMax)
	}
}
