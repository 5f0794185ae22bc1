// place_test.go: a dial to a unix socket whose queue is full is a dial under way:
// it waits for a place as long as its connect timeout lets it.

package poller_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

var unixAddr = poller.UnixAddr("/run/server")

// fullServer is one whose queue has no place left.
func fullServer(r *rig) *fake.Server {
	s := r.kernel.Listen(unixAddr)
	s.SetBacklog(0)
	r.kernel.Dial(unixAddr)
	return s
}

// dialUnix dials with a line to send.
func (r *rig) dialUnix() *actor {
	r.t.Helper()
	a := &actor{}
	c, e := r.loop.Dial(unixAddr, &r.options, a, r.config)
	if e != 0 {
		r.t.Fatal(e)
	}
	c.Append([]byte("REQ 1\n"))
	r.settle()
	return a
}

func TestADialWaitsForAPlaceInAFullQueue(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
	s := fullServer(r)
	a := r.dialUnix()
	r.pass(900 * time.Millisecond)
	if a.said() != "" {
		t.Fatalf("journal: %s", a.said())
	}
	s.Accept()
	r.pass(20 * time.Millisecond)
	r.wantSaid(a, "open")
	r.wantReceived(s.Accept(), "REQ 1\n")
	r.pass(time.Minute)
	r.wantSaid(a, "open")
}

func TestADialDoesNotWaitForAPlaceForEver(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
	fullServer(r)
	before := r.kernel.Open()
	a := r.dialUnix()
	r.pass(time.Second - time.Millisecond)
	if a.said() != "" {
		t.Fatalf("journal: %s", a.said())
	}
	r.pass(time.Millisecond)
	if a.said() != "closed: connect timeout" || r.kernel.Open() != before {
		t.Errorf("journal: %s; %d descriptors", a.said(), r.kernel.Open()-before)
	}
	asked := r.kernel.Count(fake.CallConnect)
	r.pass(time.Second)
	if r.kernel.Count(fake.CallConnect) != asked {
		t.Error("a dial that has ended asks on")
	}
}

func TestADialThatWaitsForAPlaceIsRefusedWhenItsServerEnds(t *testing.T) {
	r := newRig(t)
	s := fullServer(r)
	a := r.dialUnix()
	s.Close()
	r.pass(20 * time.Millisecond)
	if a.said() != "closed: refused: connection refused" {
		t.Errorf("journal: %s", a.said())
	}
}

func TestADialThatWaitsForAPlaceCanBeGivenUp(t *testing.T) {
	r := newRig(t)
	s := fullServer(r)
	a, b := r.dialUnix(), r.dialUnix()
	r.loop.Turn(0)
	for _, end := range []func(*poller.Conn){(*poller.Conn).Abort, (*poller.Conn).Close} {
		c := &actor{}
		conn, e := r.loop.Dial(unixAddr, &r.options, c, r.config)
		if e != 0 {
			t.Fatal(e)
		}
		end(conn)
		r.settle()
		if !c.closed() {
			t.Errorf("journal: %s", c.said())
		}
	}
	s.SetBacklog(10)
	r.pass(20 * time.Millisecond)
	r.wantSaid(a, "open")
	r.wantSaid(b, "open")
	if s.Waiting() != 3 {
		t.Errorf("%d connections wait", s.Waiting())
	}
}

// TestManyThatWaitForAPlaceCostOneCall also says who is first.
func TestManyThatWaitForAPlaceCostOneCall(t *testing.T) {
	const dials = 50
	r := newRig(t)
	s := fullServer(r)
	var all []*actor
	for range dials {
		all = append(all, r.dialUnix())
	}
	asked := r.kernel.Count(fake.CallConnect)
	r.pass(time.Second)
	if n := r.kernel.Count(fake.CallConnect) - asked; n < 90 || n > 110 {
		t.Errorf("%d calls in 100 times 10 ms", n)
	}
	for i := range dials {
		s.Accept()
		r.pass(20 * time.Millisecond)
		for j, a := range all {
			if open := a.said() == "open"; open != (j <= i) {
				t.Fatalf("after %d places: dial %d is open: %t", i+1, j, open)
			}
		}
	}
}

func TestAUnixSocketAnswersADialAtOnce(t *testing.T) {
	r := newRig(t)
	before := r.kernel.Open()
	if c, e := r.loop.Dial(unixAddr, &r.options, &actor{}, r.config); c != nil || e != syscall.ECONNREFUSED || r.kernel.Open() != before {
		t.Errorf("%v, %d descriptors", e, r.kernel.Open()-before)
	}
	s := r.kernel.Listen(unixAddr)
	p, a := r.dial(s)
	r.wantSaid(a, "open")
	p.SendString("ACK 1\n")
	p.Close()
	r.settle()
	r.wantSaid(a, "open", "1 lines", `end ""`)
}

func TestUnixDialsOnTheRealKernel(t *testing.T) {
	addr := poller.UnixAddr(filepath.Join(t.TempDir(), "s"))
	l := newLive(t, func(l *live) {
		l.addr, l.options.Backlog = addr, 1
		l.config.ConnectTimeout = patience
	})
	if l.listener.Addr() != addr {
		t.Errorf("it listens at %v", l.listener.Addr())
	}
	l.listener.Pause()
	dial := func() *actor {
		a := &actor{}
		c, e := l.loop.Dial(addr, &l.options, a, l.config)
		if e != 0 {
			t.Fatal(e)
		}
		a.conn = c
		c.Append([]byte("REQ 1\n"))
		return a
	}
	first, second, third, fourth := dial(), dial(), dial(), dial()
	l.await("two places", func() bool { return first.said() == "open" && second.said() == "open" })
	l.quiet()
	if third.said() != "" || fourth.said() != "" {
		t.Fatalf("journals: %s and %s", third.said(), fourth.said())
	}
	l.listener.Resume()
	l.await("all of them", func() bool { return third.said() == "open" && fourth.said() == "open" })
	l.await("the lines", func() bool {
		return len(l.accepted) == 4 && l.accepted[0].text()+l.accepted[3].text() == "REQ 1\nREQ 1\n"
	})
	l.listener.Pause()
	dial()
	dial()
	late := dial()
	l.await("the two", func() bool { return l.loop.Conns() == 4+4+3 })
	l.listener.Close()
	l.await("the refusal", late.closed)
	if late.said() != "closed: refused: connection refused" {
		t.Errorf("journal: %s", late.said())
	}
	if c, e := l.loop.Dial(poller.UnixAddr(addr.Path()+"x"), &l.options, &actor{}, l.config); c != nil || e != syscall.ENOENT {
		t.Error(e)
	}
}
