// stop_test.go: a connection that is to be read no more: at once, or when what is
// there has been taken.

package poller_test

import (
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestStopReadingTakesWhatIsThereAndNoMore(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(r *rig, p *fake.Peer, a *actor)
		lines  string
		said   []string
	}{
		{"what the kernel holds", func(_ *rig, p *fake.Peer, _ *actor) { p.SendString("REQ 1\nfrag") }, "REQ 1\n", []string{"1 lines", `end "frag"`}},
		{"nothing", func(*rig, *fake.Peer, *actor) {}, "", []string{`end ""`}},
		{"in spite of a signal", func(r *rig, p *fake.Peer, _ *actor) {
			p.SendString("REQ 1\n")
			r.kernel.Inject(fake.CallRead, fake.Fault{Errno: poller.EINTR})
		}, "REQ 1\n", []string{"1 lines", `end ""`}},
		{"the end itself", func(_ *rig, p *fake.Peer, _ *actor) { p.SendString("REQ 1\n"); p.CloseWrite() }, "REQ 1\n", []string{"1 lines", `end ""`}},
		{"what is kept", func(r *rig, p *fake.Peer, a *actor) {
			most := 1
			a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) {
				defer func() { most = 9 }()
				return a.take(run, most)
			}
			p.SendString("REQ 1\nREQ 2\nfr")
			r.settle()
			defer a.conn.Resume()
		}, "REQ 1\nREQ 2\n", []string{"1 lines", "1 lines", `end "fr"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			p, a := r.client()
			c.before(r, p, a)
			a.conn.StopReading()
			a.conn.StopReading()
			r.settle()
			p.SendString("later\n")
			r.settle()
			r.wantLines(a, c.lines)
			r.wantSaid(a, c.said...)
			a.conn.Append([]byte("ACK 1\n"))
			a.conn.Close()
			r.settle()
			r.wantReceived(p, "ACK 1\n")
			p.Close()
			r.settle()
			r.wantSaid(a, "closed: closed")
		})
	}
}

func TestStopReadingTakesAllThatIsThereUpToABudget(t *testing.T) {
	for _, c := range []struct {
		name              string
		room, sent, least int
	}{
		{"in small reads", 10, 5000, 5000},
		{"more than the budget", 64 << 10, 500_000, 10_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.TurnBytes = 10_000 })
			p, a := r.client()
			p.SetFarWindow(1 << 20)
			a.readRoom = func(*poller.Conn) int { return c.room }
			p.SendString(numbered(c.sent/10, 10))
			a.conn.StopReading()
			r.settle()
			if n := len(a.text()); n < c.least || n > max(c.least, 2*r.config.TurnBytes) {
				t.Errorf("%d bytes were taken", n)
			}
			r.wantSaid(a, `end ""`)
		})
	}
}

func TestStopReadingWaitsForAHandlerWithoutRoom(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	room := 0
	a.readRoom = func(*poller.Conn) int { return room }
	p.SendString("REQ 1\n")
	r.settle()
	a.conn.StopReading()
	r.settle()
	if len(a.journal) != 0 {
		t.Fatalf("journal: %s", a.said())
	}
	room = 100
	a.conn.Resume()
	r.settle()
	r.wantSaid(a, "1 lines", `end ""`)
}

func TestMutedInputIsForgotten(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.onLines = func(c *poller.Conn, run []byte, _ int) (int, int) {
		c.Mute()
		return a.take(run, 1)
	}
	p.SendString("REQ 1\nREQ 2\nfrag")
	r.settle()
	p.SendString("ment\n")
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, "1 lines")
	r.wantLines(a, "REQ 1\n")
	if r.loop.Held() != 0 {
		t.Errorf("%d bytes held", r.loop.Held())
	}
	a.conn.Append([]byte("NAK 1\n"))
	a.conn.Close()
	r.settle()
	r.wantReceived(p, "NAK 1\n")
	r.wantSaid(a, "closed: closed")
}
