// close_test.go: a connection ends once, and its peer gets everything that was
// meant for it.

package poller_test

import (
	"io"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestCloseDeliversBeforeItCloses(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SetWindow(10_000)
	p.SetFarWindow(1 << 20)
	output := numbered(100_000, 10)
	a.onLines = func(c *poller.Conn, run []byte, _ int) (int, int) {
		c.Append([]byte(output))
		c.Close()
		return a.take(run, 1)
	}
	var got strings.Builder
	for rounds := 0; !p.Ended(); rounds++ {
		if rounds > 10_000 || p.Err() != 0 {
			t.Fatalf("%d of %d bytes came, error %v", got.Len(), len(output), p.Err())
		}
		p.SendString("a request that nobody will read\n")
		r.settle()
		got.Write(p.Receive())
	}
	if got.String() != output {
		t.Errorf("%d of %d bytes came", got.Len(), len(output))
	}
	if a.closed() {
		t.Error("closed before the peer's FIN")
	}
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, "1 lines", "closed: closed")
	if p.Err() != 0 {
		t.Error(p.Err())
	}
}

// With one receive window of output or less everything is in the peer's hands
// before the close, and the fault would not show.
func TestCloseLosesNothingOnARealSocket(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	l.must(client.SetReadBuffer(64 << 10))
	output := numbered(400_000, 20) // 8 MB
	a.onLines = func(c *poller.Conn, run []byte, _ int) (int, int) {
		c.Append([]byte(output))
		c.Close()
		return a.take(run, 1)
	}
	var ended atomic.Bool
	sent := make(chan struct{})
	go func() { // it never stops to send what nobody will read
		defer close(sent)
		for line := []byte("REQ 1 unread\n"); !ended.Load(); {
			if _, err := client.Write(line); err != nil {
				return // the reading tells
			}
		}
	}()
	l.await("the connection is being closed", func() bool { return len(a.journal) > 0 })
	got := receive(client)
	l.await("the client has read everything", got.over)
	ended.Store(true)
	if got.err != nil || got.all.Len() != len(output) || got.all.String() != output {
		t.Fatalf("%d of %d bytes came, error %v", got.all.Len(), len(output), got.err)
	}
	l.await("the client sends no more", func() bool {
		select {
		case <-sent:
			return true
		default:
			return false
		}
	})
	l.must(client.CloseWrite())
	l.await("the connection is closed", a.closed)
	if a.why.Kind != poller.CauseClosed {
		t.Error(a.why)
	}
}

func TestAnIdleCloseIsAFinAndNotAReset(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	a.conn.Append([]byte("bye\n"))
	a.conn.Close()
	got := receive(client)
	l.await("the client sees the end", got.over)
	if got.err != nil || got.all.String() != "bye\n" {
		t.Fatalf("%q, error %v", got.all.String(), got.err)
	}
	client.Close()
	l.await("the connection is closed", a.closed)
}

func TestAHalfCloseOnARealSocketGetsAllReplies(t *testing.T) {
	const requests = 1000
	l := newLive(t)
	client, a := l.client()
	echo(a)
	a.onEnd = func(c *poller.Conn, _ []byte) { c.FinishWrite() }
	script := numbered(requests, 12)
	l.send(client, script)
	l.must(client.CloseWrite())
	got := receive(client)
	l.await("the client sees the end", got.over)
	if got.err != nil || got.all.String() != script {
		t.Fatalf("%d of %d bytes came back, error %v", got.all.Len(), len(script), got.err)
	}
	a.conn.Close()
	l.await("the connection is closed", a.closed)
}

func TestAnEndOnAnIdleConnectionIsSeen(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	p, a := r.dial(s)
	r.pass(time.Hour)
	p.Close()
	r.turn()
	r.wantSaid(a, "open", `end ""`)
	a.conn.Append([]byte("REQ 1\n")) // into a connection that is gone
	r.settle()
	if !a.closed() || a.why.Kind != poller.CauseReset {
		t.Errorf("journal: %s", a.said())
	}
}

func TestAnEndOnAnIdleConnectionIsSeenOnARealSocket(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	l.quiet()
	client.Close()
	l.await("the end is seen", func() bool { return a.said() == `end ""` })
}

func TestDescriptorsAreClosedOnce(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(r *rig, p *fake.Peer, a *actor)
	}{
		{"abort twice", func(_ *rig, _ *fake.Peer, a *actor) { a.conn.Abort(); a.conn.Abort() }},
		{"abort and close", func(_ *rig, _ *fake.Peer, a *actor) { a.conn.Abort(); a.conn.Close() }},
		{"close and abort", func(_ *rig, _ *fake.Peer, a *actor) { a.conn.Close(); a.conn.Abort() }},
		{"close twice", func(_ *rig, p *fake.Peer, a *actor) { a.conn.Close(); a.conn.Close(); p.Close() }},
		{"abort and reset", func(_ *rig, p *fake.Peer, a *actor) { p.Reset(); a.conn.Abort() }},
		{"reset, and abort in OnEnd", func(_ *rig, p *fake.Peer, a *actor) {
			a.onEnd = func(c *poller.Conn, _ []byte) { c.Abort() }
			p.Reset()
		}},
		{"reset, and close in OnEnd", func(_ *rig, p *fake.Peer, a *actor) {
			a.onEnd = func(c *poller.Conn, _ []byte) { c.Close() }
			p.Reset()
		}},
		{"both ends, and timeout in one turn", func(r *rig, p *fake.Peer, a *actor) {
			a.conn.Close()
			r.settle()
			p.Close()
			r.kernel.Advance(time.Minute)
		}},
		{"abort in OnClose", func(_ *rig, _ *fake.Peer, a *actor) {
			a.onClose = func(c *poller.Conn) {
				c.Abort()
				c.Close()
				c.Append([]byte("x"))
				c.FinishWrite()
				c.Resume()
				c.Mute()
			}
			a.conn.Abort()
		}},
		{"a failed write behind the end", func(r *rig, p *fake.Peer, a *actor) {
			p.CloseWrite()
			r.settle()
			p.Reset()
			a.conn.Append([]byte("x"))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.IdleTimeout = 10 * time.Second })
			before := r.kernel.Open()
			p, a := r.client()
			c.end(r, p, a)
			r.settle() // the kernel panics at a second close
			closes := 0
			for _, entry := range a.journal {
				if strings.HasPrefix(entry, "closed") {
					closes++
				}
			}
			if closes != 1 || r.kernel.Open() != before || r.loop.Conns() != 0 {
				t.Errorf("journal: %s; %d descriptors more than before", a.said(), r.kernel.Open()-before)
			}
		})
	}
}

func TestAClosingConnectionWaitsForItsPeerOnlySoLong(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SetWindow(0)
	a.conn.Append([]byte(strings.Repeat("x", 100_000)))
	a.conn.Close()
	r.pass(time.Hour) // its output has not left: a slow reader has all the time
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	p.SetWindow(1 << 20)
	r.settle()
	r.pass(r.config.LingerTimeout - time.Millisecond)
	if a.closed() {
		t.Fatalf("journal: %s", a.said())
	}
	r.pass(time.Millisecond)
	r.wantSaid(a, "closed: closed")
	if got := len(p.Receive()); got != 100_000 || !p.Ended() {
		t.Errorf("%d bytes came, ended %t", got, p.Ended())
	}
}

func TestAClosingConnectionDiscardsWithinItsBudget(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.TurnBytes = 10_000 })
	p, a := r.client()
	p.SetFarWindow(1 << 20)
	a.conn.Close()
	r.settle()
	p.SendString(strings.Repeat("x", 1<<20))
	before := r.kernel.Count(fake.CallRead)
	r.turn()
	if n := r.kernel.Count(fake.CallRead) - before; n != 1 {
		t.Errorf("%d reads in one turn", n)
	}
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, "closed: closed")
	if p.Err() != 0 {
		t.Error(p.Err())
	}
}

func TestFinishWriteSendsFinBehindTheOutput(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		r := newRig(t)
		p, a := r.client()
		a.conn.Append([]byte("ACK 1\n"))
		if flushed {
			r.settle()
		}
		a.conn.FinishWrite()
		a.conn.FinishWrite()
		a.conn.Append([]byte("too late\n"))
		r.settle()
		r.wantReceived(p, "ACK 1\n")
		if !p.Ended() {
			t.Error("no FIN")
		}
		p.SendString("REQ 1\n")
		r.settle()
		r.wantLines(a, "REQ 1\n")
		a.conn.Close()
		p.Close()
		r.settle()
		r.wantSaid(a, "closed: closed")
	}
}

func TestNoLinesComeAfterAnAbort(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.LowMark, r.options.NotSentLowat = 0, 100 })
	p, a := r.client()
	p.SetWindow(0)
	a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) { return a.take(run, 1) }
	a.conn.Append(make([]byte, 150))
	p.SendString("REQ 1\nREQ 2\n")
	r.settle()
	a.conn.WantRoom(0)
	a.onRoom = func(c *poller.Conn) { c.Abort() }
	a.conn.Resume() // there is a line to hand over, and room to be told of first
	p.SetWindow(1000)
	r.settle()
	r.wantSaid(a, "1 lines", "room", "closed: aborted")
}

func TestShutTellsEverybodyAndClosesEverything(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	b := &actor{}
	_, e := l.loop.Dial(l.listener.Addr(), &l.options, b, l.config)
	if e != 0 {
		t.Fatal(e)
	}
	l.loop.Shut()
	if a.why.Kind != poller.CauseShutdown || b.why.Kind != poller.CauseShutdown {
		t.Errorf("%s; %s", a.said(), b.said())
	}
	if _, err := io.ReadAll(client); err != nil {
		if _, ok := err.(*net.OpError); !ok {
			t.Error(err)
		}
	}
}

func TestAResetBehindOurFinIsAnEnd(t *testing.T) {
	for _, c := range []struct {
		name   string
		window int
		said   string
	}{
		{"all was delivered", 1 << 20, "closed: closed"},
		{"output was lost", 0, "closed: reset: connection reset by peer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			p, a := r.client()
			p.SetWindow(c.window)
			a.conn.Append(make([]byte, 100_000))
			a.conn.Close()
			r.settle()
			p.Reset()
			r.settle()
			r.wantSaid(a, c.said)
		})
	}
}

func TestASignalDoesNotStopTheDiscarding(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.conn.Close()
	r.settle()
	r.kernel.Inject(fake.CallRead, fake.Fault{Errno: poller.EINTR}, fake.Fault{Errno: poller.EINTR})
	p.SendString("unread\n")
	r.settle()
	if len(a.journal) != 0 || r.kernel.Pending(fake.CallRead) != 0 {
		t.Fatalf("journal: %s", a.said())
	}
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, "closed: closed")
}

func TestAShutdownThatFailsIsAFailedWrite(t *testing.T) {
	r := newRig(t)
	_, a := r.client()
	r.kernel.Inject(fake.CallShutdown, fake.Fault{Errno: syscall.ENOTCONN})
	a.conn.Close()
	r.settle()
	r.wantSaid(a, "closed: reset: transport endpoint is not connected")
}
