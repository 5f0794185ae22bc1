// stall_test.go: the loop, or its whole process, stands still for a while. Nobody
// is to be blamed for what he did meanwhile, or could not do.

package poller_test

import (
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func idleAndLine(timeout time.Duration) func(*rig) {
	return func(r *rig) { r.config.IdleTimeout, r.config.LineTimeout = timeout, timeout }
}

func TestALongStallIsForgiven(t *testing.T) {
	r := newRig(t, idleAndLine(time.Second))
	p, a := r.client()
	p.SendString("REQ 1 ha")
	r.settle()
	r.kernel.Advance(10 * time.Second)
	r.turn() // the rest comes only after the loop has looked
	if a.closed() {
		t.Fatalf("closed for the time in which the loop stood still: %s", a.said())
	}
	p.SendString("lf\n")
	r.settle()
	r.wantLines(a, "REQ 1 half\n")
	r.pass(3 * time.Second)
	if !a.closed() {
		t.Error("silence behind a stall is silence")
	}
}

// A turn reads one budget of what came during a stall that is too short to be
// noticed.
func TestWhoHasMoreToReadIsNotSilent(t *testing.T) {
	for _, eagain := range []bool{false, true} {
		r := newRig(t, idleAndLine(50*time.Millisecond), func(r *rig) {
			r.config.TurnBytes, r.config.ReadToEAGAIN = 100, eagain
		})
		p, a := r.client()
		line := strings.Repeat("x", 999) + "\n"
		p.SendString(line)
		r.turn()
		r.kernel.Advance(60 * time.Millisecond)
		r.settle()
		r.wantLines(a, line)
		p.SendString("half")
		r.settle()
		r.pass(100 * time.Millisecond)
		if !a.closed() {
			t.Error("silence begins when everything was read")
		}
	}
}

// A reply that was read in the turn of a timer leaves only after the timers.
func TestWhoIsAboutToGetSomethingIsNotSilent(t *testing.T) {
	r := newRig(t, idleAndLine(50*time.Millisecond))
	p, a := r.client()
	other, b := r.client()
	b.onLines = func(_ *poller.Conn, run []byte, most int) (int, int) {
		a.conn.Append([]byte("reply\n"))
		return b.take(run, most)
	}
	r.kernel.After(30*time.Millisecond, func() { other.SendString("x\n") })
	r.kernel.Advance(60 * time.Millisecond)
	r.settle()
	r.wantReceived(p, "reply\n")
	if a.closed() || p.Ended() {
		t.Errorf("closed with its reply: %s", a.said())
	}
}

// A dial that has succeeded meanwhile is looked at before it is judged, also
// where others use up the work of the turn.
func TestADialThatTheKernelHasToldOfIsNotLate(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = 50 * time.Millisecond })
	r.kernel.Limit = 1000
	var busy []*fake.Peer
	for range 200 {
		p, _ := r.client()
		busy = append(busy, p)
	}
	s := r.kernel.Listen(anyLoopback)
	r.kernel.Inject(fake.CallConnect, fake.Fault{Delay: 10 * time.Millisecond})
	a := &actor{}
	if _, e := r.loop.Dial(s.Addr(), &r.options, a, r.config); e != 0 {
		t.Fatal(e)
	}
	for _, p := range busy {
		p.SendString(strings.Repeat("x\n", 1000))
	}
	r.kernel.Advance(60 * time.Millisecond)
	r.settle()
	if a.said() != "open" {
		t.Errorf("the dial: %s", a.said())
	}
}

// A peer that has taken output meanwhile is looked at before it is judged, too,
// open or closing. Its timeout goes on afterwards.
func TestAPeerWithRoomThatTheKernelHasToldOfIsNotStuck(t *testing.T) {
	for _, closing := range []bool{false, true} {
		r := newRig(t, func(r *rig) { r.config.WriteTimeout = 50 * time.Millisecond })
		r.kernel.Limit = 1000
		var busy []*fake.Peer
		for range 200 {
			p, _ := r.client()
			busy = append(busy, p)
		}
		slow, a := r.client()
		a.conn.Append(make([]byte, 1<<20))
		r.settle()
		if a.conn.Written() == a.conn.Appended() {
			t.Fatal("the kernel has taken all of the output")
		}
		if closing {
			a.conn.Close()
		}
		for _, p := range busy {
			p.SendString(strings.Repeat("x\n", 1000))
		}
		r.kernel.After(10*time.Millisecond, func() { slow.Receive() })
		r.kernel.Advance(60 * time.Millisecond)
		before := a.conn.Written()
		r.settle()
		if a.closed() || a.conn.Written() == before {
			t.Fatalf("closed for output that had room (closing: %v): %s", closing, a.said())
		}
		r.pass(60 * time.Millisecond)
		r.wantSaid(a, "closed: write timeout")
	}
}

func TestNothingAppendedStartsNoTimeout(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.WriteTimeout = time.Second })
	_, a := r.client()
	a.conn.Append(nil)
	r.pass(3 * time.Second)
	if a.closed() {
		t.Errorf("closed for output that it was never given: %s", a.said())
	}
}

// The check after the turn is what this is about: input that has come already is
// discarded, and no edge tells of it again.
func TestAConnectionClosedWithInputWaitingIsOnTheList(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.TurnLines = 1 })
	p, a := r.client()
	a.readRoom = func(*poller.Conn) int { return 0 }
	p.SendString("one\ntwo\n")
	r.settle()
	a.conn.Close()
	r.check()
	r.settle()
	p.Close()
	r.settle()
	r.wantSaid(a, "closed: closed")
}

func TestAClosedListenerIsNotResumed(t *testing.T) {
	r := newRig(t)
	r.listener.Pause()
	r.listener.Close()
	r.listener.Resume()
	r.check()
	r.settle()
}

// Who is not listened to any more may have sent more; that must not turn the end of
// its time into a reset.
func TestASilentConnectionThatIsMutedEndsWithoutAReset(t *testing.T) {
	r := newRig(t, idleAndLine(time.Second))
	p, a := r.client()
	a.conn.Mute()
	p.SendString("nobody reads this\n")
	r.settle()
	r.pass(2 * time.Second)
	if !p.Ended() || p.Err() != 0 {
		t.Errorf("ended %v, error %v", p.Ended(), p.Err())
	}
	p.Close()
	r.settle()
	r.wantSaid(a, "closed: idle timeout")
}

// Full batches put the timers off, which is no stall: otherwise whoever floods would
// save all others from their timeouts.
func TestTimersThatArePutOffAreNoStall(t *testing.T) {
	// The timers are looked at every 205 ms, so this one is found over 100 ms late.
	r := newRig(t, func(r *rig) { r.config.LineTimeout = 900 * time.Millisecond })
	r.kernel.Limit = 3000
	var busy []*fake.Peer
	for range poller.EventsPerWait + 100 {
		p, _ := r.client()
		busy = append(busy, p)
	}
	p, a := r.client()
	p.SendString("REQ 1 ha")
	for begin := r.kernel.Now(); !a.closed() && !p.Ended(); {
		if r.kernel.Now()-begin > int64(3*time.Second) {
			t.Fatal("an unfinished line has no end while others flood")
		}
		for _, b := range busy {
			b.SendString("x\n")
		}
		r.kernel.Advance(5 * time.Millisecond)
		r.loop.Turn(0)
	}
}

// What closing connections throw away is work as well.
func TestDiscardingIsBoundedOverAllConnections(t *testing.T) {
	r := newRig(t)
	r.kernel.Limit = 3000
	var peers []*fake.Peer
	for range 500 {
		p, a := r.client()
		a.readRoom = func(*poller.Conn) int { return 0 }
		p.SendString(strings.Repeat("x\n", 32<<10))
		peers = append(peers, p)
	}
	r.settle()
	for _, a := range r.accepted {
		a.conn.Close()
	}
	unread := func() (n int) {
		for _, p := range peers {
			n += p.Unread()
		}
		return n
	}
	for before, turns := unread(), 0; before > 0; turns++ {
		r.turn()
		now := unread()
		if most := poller.TurnWorkMax/4<<10 + r.config.TurnBytes; before-now > most {
			t.Fatalf("%d KiB were thrown away in one turn, %d are the limit", (before-now)>>10, most>>10)
		}
		if before = now; turns > 1000 {
			t.Fatal("it does not end")
		}
	}
}

// TestAStallIsTold to whoever has deadlines of his own, once and before his timers.
func TestAStallIsTold(t *testing.T) {
	r := newRig(t, idleAndLine(time.Minute))
	r.client()
	var stood []int64
	r.loop.OnStall(func(ns int64) { stood = append(stood, ns) })
	due := &noted{}
	var timer poller.Timer
	r.loop.Arm(&timer, due, r.loop.Now()+int64(time.Second))
	r.settle()
	r.kernel.Advance(10 * time.Second)
	r.settle()
	if len(stood) != 1 || time.Duration(stood[0]) < 9*time.Second || due.times != 1 {
		t.Errorf("told of stalls of %v, %d timers expired", stood, due.times)
	}
	r.pass(time.Minute / 2)
	if len(stood) != 1 {
		t.Errorf("time that passed while the loop waited is called a stall: %v", stood)
	}
}

type noted struct{ times int }

func (n *noted) Expire(int64) { n.times++ }
