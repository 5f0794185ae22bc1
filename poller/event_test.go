// event_test.go: an edge means the connection it was registered for, and nobody
// else, whatever has become of the number meanwhile.

package poller_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestAnEventOfAFormerOwnerIsDroppedAndCounted(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.AbandonOnReset = true })
	p, a := r.client()
	fd := r.kernel.Descriptor(p)
	giveUp := r.kernel.Share(fd) // so that the registration outlives the number
	a.conn.Abort()
	r.settle()
	next, b := r.client()
	if r.kernel.Descriptor(next) != fd {
		t.Fatal("the number was not used again")
	}
	b.conn.Pause()
	before := r.loop.Stale()
	p.SendString("for nobody\n")
	p.Reset()
	r.settle()
	if r.loop.Stale() != before+1 {
		t.Errorf("%d stale events", r.loop.Stale()-before)
	}
	if b.closed() {
		t.Errorf("a reset of another connection ended this one: %s", b.said())
	}
	giveUp()
}

func TestAnEventOfAFormerOwnerIsDroppedOnTheRealKernel(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	fd := a.conn.Descriptor()
	other, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	l.must(err)
	a.conn.Abort()
	l.await("it is freed", a.closed)
	before := l.loop.Stale()
	l.send(client, "for nobody\n")
	l.await("a stale event", func() bool { return l.loop.Stale() > before })
	l.must(unix.Close(other))
}

func TestTokensHoldNumberAndGenerationAndNoPointer(t *testing.T) {
	l := newLive(t)
	for range 3 {
		client, a := l.client()
		a.conn.Abort()
		l.await("it is freed", a.closed)
		client.Close()
	}
	generations := map[uint32]uint32{}
	for _, token := range l.sys.tokens {
		fd, generation := uint32(token), uint32(token>>32)
		if before, seen := generations[fd]; seen && generation != before+1 {
			t.Errorf("descriptor %d: generation %d after %d", fd, generation, before)
		}
		if generation > 3 || fd > 1000 {
			t.Errorf("token %#x is no number with a generation", token)
		}
		generations[fd] = generation
	}
	// What the kernel keeps must not be the only way to anything.
	if size := unsafe.Sizeof(poller.Event{}.Token); size != 8 {
		t.Errorf("a token of %d bytes", size)
	}
}

// The kernel's memory is no root of the collector: whoever could be reached only
// by an event would be gone.
func TestConnectionsSurviveTheCollector(t *testing.T) {
	l := newLive(t)
	seen := make([]string, 50)
	clients := make([]interface{ Write([]byte) (int, error) }, len(seen))
	for i := range seen {
		client, a := l.client()
		clients[i] = client
		a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) {
			seen[i] += string(run)
			return len(run), strings.Count(string(run), "\n")
		}
	}
	l.accepted = nil // only the loop knows them now
	for round := range 3 {
		for range 3 {
			runtime.GC()
			rubbish(1000)
		}
		for _, c := range clients {
			_, err := c.Write([]byte("line\n"))
			l.must(err)
		}
		want := strings.Repeat("line\n", round+1)
		l.await("all lines", func() bool {
			for _, s := range seen {
				if s != want {
					return false
				}
			}
			return true
		})
	}
}

var sink [][]byte

// rubbish overwrites memory that was just freed.
func rubbish(n int) {
	sink = sink[:0]
	for range n {
		sink = append(sink, make([]byte, 512))
	}
	sink = nil
}

func TestAConnectionThatIsReleasedTellsNothingMore(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	most := 1
	a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) { return a.take(run, most) }
	p.SetWindow(0)
	p.SendString("one\ntwo\nfrag")
	r.settle()
	a.conn.Append([]byte(strings.Repeat("o", r.options.NotSentLowat)))
	r.settle()
	a.conn.Append([]byte("unsent\n"))
	conns := r.loop.Conns()
	fd, unread, unsent := a.conn.Release()
	r.check()
	if string(unread) != "two\nfrag" || string(unsent) != "unsent\n" || r.loop.Conns() != conns-1 {
		t.Errorf("unread %q, unsent %q, %d connections", unread, unsent, r.loop.Conns())
	}
	if fd != r.kernel.Descriptor(p) {
		t.Error("the descriptor does not live on")
	}
	before := r.loop.Stale()
	p.SendString("ment\n")
	r.settle()
	if n := r.loop.Stale() - before; n != 0 {
		t.Errorf("%d events of a connection that was released", n)
	}
	b := &actor{}
	conn, e := r.loop.Adopt(fd, unread, b, r.config)
	if e != 0 {
		t.Fatal(e)
	}
	b.conn = conn
	conn.Append(unsent)
	r.settle()
	r.wantLines(b, "two\nfragment\n")
	p.SetWindow(1 << 20)
	r.settle()
	if got := string(p.Receive()); !strings.HasSuffix(got, "ounsent\n") {
		t.Errorf("received %.100q", got)
	}
	r.wantSaid(a, "1 lines") // and no OnClose
	p.Close()
	conn.Close()
	r.settle()
}

func TestAReleasedConnectionIsFreeForAnotherLoopOnTheRealKernel(t *testing.T) {
	l, m := newLive(t), newLive(t)
	client, a := l.client()
	l.send(client, "one\nfrag")
	l.await("the line", func() bool { return len(a.lines) == 1 })
	fd, unread, _ := a.conn.Release()
	b := &actor{}
	conn, e := m.loop.Adopt(fd, unread, b, m.config)
	if e != 0 {
		t.Fatal(e)
	}
	l.send(client, "ment\n")
	m.await("the rest of the line", func() bool { return b.text() == "fragment\n" })
	l.quiet()
	if l.loop.Stale() != 0 {
		t.Errorf("%d events for the loop that released it", l.loop.Stale())
	}
	conn.Abort()
	m.await("the close", b.closed)
}

func TestAConnectionCannotBeReleasedOutOfItsHandlersHands(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	panics := false
	a.onLines = func(c *poller.Conn, run []byte, _ int) (int, int) {
		defer func() { panics = recover() != nil }()
		c.Release()
		return 0, 0
	}
	p.SendString("REQ 1\n")
	r.turn()
	if !panics {
		t.Error("lines that are neither handed over nor unread would be lost")
	}
	a.conn.Abort()
	if fd, _, _ := a.conn.Release(); fd != -1 {
		t.Error("a dead connection was released")
	}
	r.settle()
	if !a.closed() {
		t.Error("and OnClose is missing")
	}
}

func TestWhoIsReleasedIsOnNoList(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.TurnLines = 1 })
	p, a := r.client()
	p.SendString("one\ntwo\nthree\n")
	r.turn() // there is more to hand over in the next
	fd, unread, _ := a.conn.Release()
	r.check()
	if string(unread) != "two\nthree\n" {
		t.Errorf("unread %q", unread)
	}
	r.settle()
	r.wantLines(a, "one\n")
	r.sys.Close(fd)
}

func TestAReadRoomThatEndsTheConnectionIsTheLastCall(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.readRoom = func(c *poller.Conn) int { c.Abort(); return 100 }
	before := r.kernel.Count(fake.CallRead)
	p.SendString("REQ 1\n")
	r.settle()
	if a.said() != "closed: aborted" || r.kernel.Count(fake.CallRead) != before {
		t.Errorf("journal: %s", a.said())
	}
}

func TestWhatIsKilledInATurnIsNotServedInIt(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	q, b := r.client()
	before := r.kernel.Open()
	a.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
		b.conn.Abort()
		if r.kernel.Open() != before {
			t.Error("a descriptor was closed in the middle of a turn")
		}
		return a.take(run, maxLines)
	}
	p.SendString("REQ 1\n")
	q.SendString("REQ 2\n")
	r.settle()
	r.wantLines(a, "REQ 1\n")
	if b.said() != "closed: aborted" {
		t.Errorf("journal: %s", b.said())
	}
	if r.kernel.Open() != before-1 {
		t.Errorf("%d descriptors", r.kernel.Open())
	}
}

func TestEventsInAnyOrderAndInSmallBatches(t *testing.T) {
	for _, c := range []struct {
		name   string
		batch  int
		choose func(what fake.Choice, n int) int
	}{
		{"one at a time", 1, nil},
		{"the last one first", 0, func(what fake.Choice, n int) int {
			if what == fake.ChooseEvent {
				return n - 1
			}
			return 0
		}},
		{"some", 0, func(what fake.Choice, n int) int { return n / 2 }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.kernel.Batch, r.kernel.Choose = c.batch, c.choose
			var peers []*fake.Peer
			for range 10 {
				p, a := r.client()
				echo(a)
				peers = append(peers, p)
			}
			for _, p := range peers {
				p.SendString("REQ 1\nREQ")
			}
			r.settle()
			for _, p := range peers {
				p.SendString(" 2\n")
				p.CloseWrite()
			}
			r.settle()
			for _, p := range peers {
				r.wantReceived(p, "REQ 1\nREQ 2\n")
			}
		})
	}
}

func TestABatchIsBoundedAndNobodyIsForgotten(t *testing.T) {
	const clients = 700 // more than one batch holds
	r := newRig(t)
	var peers []*fake.Peer
	for range clients {
		peers = append(peers, r.kernel.Dial(r.listener.Addr()))
	}
	r.settle()
	for _, p := range peers {
		p.SendString("REQ 1\n")
	}
	r.settle()
	for i, a := range r.accepted {
		if len(a.lines) != 1 {
			t.Fatalf("client %d: %q", i, a.lines)
		}
	}
	if len(r.accepted) != clients {
		t.Errorf("%d clients", len(r.accepted))
	}
}

func TestSignalsInterruptAnyCall(t *testing.T) {
	r := newRig(t)
	interrupted := []fake.Fault{{Errno: poller.EINTR}, {Errno: poller.EINTR}, {Errno: poller.EINTR}}
	for _, call := range []fake.Call{fake.CallWait, fake.CallAccept, fake.CallRead, fake.CallWrite} {
		r.kernel.Inject(call, interrupted...)
	}
	p := r.kernel.Dial(r.listener.Addr())
	r.prepare = func(a *actor, _ *poller.Conn) { echo(a) }
	p.SendString("REQ 1\n")
	r.settle()
	r.wantReceived(p, "REQ 1\n")
	for _, call := range []fake.Call{fake.CallWait, fake.CallAccept, fake.CallRead, fake.CallWrite} {
		if r.kernel.Pending(call) != 0 {
			t.Errorf("call %d was not interrupted", call)
		}
	}
}

func TestALoopThatCannotBeginLeavesNothing(t *testing.T) {
	k := fake.New()
	k.Inject(fake.CallRegister, fake.Fault{Errno: unix.ENOSPC})
	if _, err := poller.NewLoop(k.NewSys()); !errors.Is(err, unix.ENOSPC) || k.Open() != 0 {
		t.Errorf("%v, %d descriptors", err, k.Open())
	}
	k.Limit = 0
	if _, err := poller.NewLoop(k.NewSys()); !errors.Is(err, unix.EMFILE) {
		t.Error(err)
	}
}

func TestAWaitThatFailsIsOurFault(t *testing.T) {
	r := newRig(t)
	r.kernel.Inject(fake.CallWait, fake.Fault{Errno: unix.EBADF})
	defer func() {
		if recover() == nil {
			t.Error("the loop went on without a kernel")
		}
	}()
	r.turn()
}
