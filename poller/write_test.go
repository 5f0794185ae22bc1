// write_test.go: what is appended leaves once, whole and in order, and no more
// of it waits than its bounds allow.

package poller_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestTheTailOfAShortWriteFollows(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	for range 40 {
		r.kernel.Inject(fake.CallWrite, fake.Fault{Bytes: 7}, fake.Fault{Errno: poller.EINTR})
	}
	text := numbered(50, 10)
	a.conn.Append([]byte(text))
	r.settle()
	r.wantReceived(p, text)
	if r.kernel.Pending(fake.CallWrite) != 0 {
		t.Error("the writes were not cut")
	}
}

func TestOutputThatFillsTheKernelFollowsWhenItHasRoom(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	text := numbered(100_000, 10)
	a.conn.Append([]byte(text))
	var got strings.Builder
	for rounds := 0; got.Len() < len(text); rounds++ {
		if rounds > len(text)/1000 {
			t.Fatalf("%d of %d bytes came", got.Len(), len(text))
		}
		r.settle()
		got.Write(p.ReceiveSome(5000))
	}
	if got.String() != text {
		t.Error("the output is not what was appended")
	}
	if a.conn.Written() != uint64(len(text)) || a.conn.Appended() != uint64(len(text)) {
		t.Errorf("written %d, appended %d", a.conn.Written(), a.conn.Appended())
	}
}

func TestAnEdgeOnlyPermitsATry(t *testing.T) {
	r := newRig(t, func(r *rig) { r.options.NotSentLowat = 100 })
	p, a := r.client()
	p.SetWindow(0)
	text := numbered(50, 10)
	a.conn.Append([]byte(text))
	r.settle()
	for range 3 {
		r.sys.Tell(a.conn.Descriptor(), poller.MaskIn|poller.MaskOut) // neither is true
		r.settle()
	}
	if a.conn.Written() != 100 {
		t.Errorf("written %d", a.conn.Written())
	}
	p.SetWindow(1000)
	r.settle()
	r.wantReceived(p, text)
}

func TestATurnWritesOnce(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.onLines = func(c *poller.Conn, run []byte, maxLines int) (int, int) {
		taken, lines := a.take(run, maxLines)
		for range lines {
			c.Append([]byte("ACK 1\n"))
		}
		return taken, lines
	}
	before := r.kernel.Count(fake.CallWrite)
	p.SendString(strings.Repeat("REQ 1\n", 10))
	r.settle()
	r.wantReceived(p, strings.Repeat("ACK 1\n", 10))
	if n := r.kernel.Count(fake.CallWrite) - before; n != 1 {
		t.Errorf("%d writes for the replies of one turn", n)
	}
}

func TestASignalStormDoesNotHoldTheLoop(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	for range 10 * poller.CallsPerServe {
		r.kernel.Inject(fake.CallWrite, fake.Fault{Errno: poller.EINTR})
	}
	a.conn.Append([]byte("ACK 1\n"))
	before := r.kernel.Count(fake.CallWrite)
	r.turn()
	if n := r.kernel.Count(fake.CallWrite) - before; n > poller.CallsPerServe {
		t.Errorf("%d writes in one turn", n)
	}
	r.settle()
	r.wantReceived(p, "ACK 1\n")
}

func TestRoomIsWhatTheHighMarkLeaves(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.HighMark, r.config.LowMark = 10_000, 4_000 })
	p, a := r.client()
	p.SetWindow(0)
	a.conn.Append(make([]byte, r.options.NotSentLowat)) // what the kernel takes
	r.settle()
	for _, c := range []struct{ waiting, room, roomOrWake int }{
		{0, 10_000, 10_000},
		{1, 9_999, 9_999},
		{7_000, 3_000, 3_000},
		{8_000, 2_000, 0}, // too little to be worth a read
		{10_000, 0, 0},
		{12_000, 0, 0},
	} {
		a.conn.Append(make([]byte, c.waiting-int(a.conn.Appended()-a.conn.Written())))
		if got := a.conn.Room(); got != c.room {
			t.Errorf("room %d beside %d bytes, want %d", got, c.waiting, c.room)
		}
		if got := a.conn.RoomOrWake(0); got != c.roomOrWake {
			t.Errorf("room %d for a read beside %d bytes, want %d", got, c.waiting, c.roomOrWake)
		}
		if fits, over := a.conn.Fits(c.room), a.conn.Fits(c.room+1); !fits || over != (c.waiting == 0) {
			t.Errorf("beside %d bytes: %d fit: %t, one more: %t", c.waiting, c.room, fits, over)
		}
	}
	if !a.conn.Fits(0) {
		t.Error("nothing does not fit")
	}
	if got := a.conn.RoomOrWake(5_000); got != 0 {
		t.Errorf("room %d", got)
	}
}

func TestRoomIsToldOnceAndNotTooEarly(t *testing.T) {
	for _, c := range []struct{ wants, atMost int }{
		{0, 4_000}, {1, 4_000}, {6_000, 4_000}, {6_001, 3_999}, {9_999, 1}, {10_000, 0}, {50_000, 0},
	} {
		t.Run(fmt.Sprintf("%d bytes", c.wants), func(t *testing.T) {
			r := newRig(t, func(r *rig) {
				r.config.HighMark, r.config.LowMark, r.options.NotSentLowat = 10_000, 4_000, 100
			})
			p, a := r.client()
			p.SetWindow(0)
			told := -1
			a.onRoom = func(c *poller.Conn) { told = int(c.Appended() - c.Written()) }
			a.conn.Append(make([]byte, 12_000))
			r.settle()
			a.conn.WantRoom(c.wants)
			r.settle()
			if told >= 0 {
				t.Fatal("told at once")
			}
			p.SetWindow(10)
			for rounds := 0; told < 0 && rounds < 2000; rounds++ {
				p.Receive()
				r.settle()
			}
			if told > c.atMost || told < max(0, c.atMost-200) {
				t.Errorf("told beside %d bytes, want at most %d", told, c.atMost)
			}
			told = -1
			p.SetWindow(100_000)
			p.Receive()
			r.settle()
			if told >= 0 {
				t.Error("told twice")
			}
			a.conn.WantRoom(c.wants)
			r.settle()
			if told != 0 {
				t.Error("not told although nothing waits")
			}
		})
	}
}

func TestAReaderThatDoesNotReadCostsNoMoreThanTheMarks(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	echo(a)
	p.SetWindow(4096)
	p.SetFarWindow(4096)
	script := numbered(20_000, 100)
	sent, most := 0, 0
	for {
		n := p.SendString(script[sent:])
		r.settle()
		most = max(most, r.loop.Held())
		if sent += n; n == 0 {
			break
		}
	}
	if sent == len(script) {
		t.Fatal("nothing stopped the client")
	}
	if most > 2*r.config.HighMark {
		t.Errorf("%d bytes held for one client", most)
	}
	var got strings.Builder
	for got.Len() < len(script) {
		n := got.Len()
		got.Write(p.Receive())
		sent += p.SendString(script[sent:])
		r.settle()
		if got.Len() == n && p.Buffered() == 0 {
			t.Fatalf("%d of %d bytes came back, journal ends %q", n, len(script), a.journal[max(0, len(a.journal)-5):])
		}
	}
	if got.String() != script {
		t.Error("what came back is not what was sent")
	}
	if r.loop.Held() != 0 {
		t.Errorf("%d bytes held in the end", r.loop.Held())
	}
}

// echo has an actor send its lines back, as far as there is room.
func echo(a *actor) {
	a.readRoom = func(c *poller.Conn) int { return c.RoomOrWake(c.Kept()) }
	a.onRoom = func(c *poller.Conn) { c.Resume() }
	a.onLines = func(c *poller.Conn, run []byte, maxLines int) (taken, lines int) {
		for line := range strings.Lines(string(run)) {
			if lines == maxLines {
				break
			}
			if !c.Fits(len(line)) {
				c.WantRoom(len(line))
				break
			}
			c.Append([]byte(line))
			taken += len(line)
			lines++
		}
		return taken, lines
	}
}

func TestAFailedWriteLeavesWhatTheServerSaidToBeRead(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	p, a := r.dial(s)
	p.SendString("ACK 1 a\nACK 2 b\n")
	p.Reset()
	a.conn.Append([]byte("REQ 3\n"))
	r.settle()
	r.wantLines(a, "ACK 1 a\nACK 2 b\n")
	r.wantSaid(a, "closed: reset: connection reset by peer")
}

func TestOutputBehindAFailedWriteIsDropped(t *testing.T) {
	r := newRig(t)
	_, a := r.client()
	a.conn.Pause()
	r.kernel.Inject(fake.CallWrite, fake.Fault{Errno: syscall.ETIMEDOUT})
	a.conn.Append(make([]byte, 100))
	r.settle()
	a.conn.Append(make([]byte, 1<<20))
	if a.conn.Room() != r.config.HighMark || r.loop.Held() != 0 || a.conn.Appended() != 1<<20+100 {
		t.Errorf("room %d, %d bytes held, %d appended", a.conn.Room(), r.loop.Held(), a.conn.Appended())
	}
	a.conn.WantRoom(1)
	r.settle()
	r.wantSaid(a, "room")
	a.conn.Close()
	r.settle()
	r.wantSaid(a, "closed: closed")
}

func TestAFailedWriteEndsWhatNobodyReads(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, `end ""`)
	r.kernel.Inject(fake.CallWrite, fake.Fault{Errno: syscall.ETIMEDOUT})
	a.conn.Append([]byte("ACK 1\n"))
	r.settle()
	r.wantSaid(a, "closed: reset: connection timed out")
}

func TestOutputIsTakenBackWhereNoneOfItHasLeft(t *testing.T) {
	r := newRig(t, func(r *rig) { r.options.NotSentLowat = 100 })
	p, a := r.client()
	p.SetWindow(0)
	a.conn.Append([]byte(strings.Repeat("x", 150)))
	r.settle()
	if a.conn.Written() != 100 {
		t.Fatalf("written %d", a.conn.Written())
	}
	a.conn.Append([]byte("tail\n"))
	if got := string(a.conn.TakeBack(150)); got != "tail\n" {
		t.Errorf("taken back %q", got)
	}
	if a.conn.Appended() != 150 || a.conn.TakeBack(150) != nil {
		t.Errorf("appended %d", a.conn.Appended())
	}
	if got := string(a.conn.TakeBack(100)); got != strings.Repeat("x", 50) {
		t.Errorf("taken back %q", got)
	}
	a.conn.Append([]byte("end"))
	r.settle()
	p.SetWindow(1000)
	p.Receive()
	r.settle()
	if got := string(p.Receive()); got != "end" {
		t.Errorf("then came %q", got)
	}
	for _, place := range []uint64{0, 102, 104} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("took back from %d", place)
				}
			}()
			a.conn.TakeBack(place)
		}()
	}
}

func TestWhatWasTakenBackIsNotWaitedFor(t *testing.T) {
	r := newRig(t, func(r *rig) { r.options.NotSentLowat, r.config.WriteTimeout = 100, 1e9 })
	p, a := r.client()
	p.SetWindow(0)
	a.conn.Append(make([]byte, r.config.HighMark+100))
	r.settle()
	a.conn.WantRoom(1)
	a.conn.TakeBack(a.conn.Written())
	r.settle()
	r.wantSaid(a, "room")
	r.pass(10e9)
	r.wantSaid(a, "room") // and not closed for its slowness
	a.conn.Append(make([]byte, 10))
	a.conn.FinishWrite()
	r.settle()
	a.conn.TakeBack(a.conn.Written())
	r.settle()
	p.SetWindow(1000)
	p.Receive()
	r.settle()
	if !p.Ended() {
		t.Error("the FIN behind what was taken back is missing")
	}
}

func TestOutputForOneThatDiedInThisTurnCanBeTakenBack(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	s.Close()
	p, client := r.client()
	link := &actor{}
	conn, e := r.loop.Dial(s.Addr(), &r.options, link, r.config)
	if e != 0 {
		t.Fatal(e)
	}
	client.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
		conn.Append(run)
		return client.take(run, maxLines)
	}
	back := ""
	link.onClose = func(c *poller.Conn) { back = string(c.TakeBack(0)) }
	conn.Append([]byte("REQ 1\n"))
	p.SendString("REQ 2\n")
	r.turn() // the refusal is served first, then the client
	r.wantSaid(link, "closed: refused: connection refused")
	r.wantLines(client, "REQ 2\n")
	if back != "REQ 1\nREQ 2\n" {
		t.Errorf("taken back %q", back)
	}
}

// TestWhatAFailedWriteLeavesCanBeTakenBack: who keeps what is unsent may give it to
// somebody else, also what is appended later.
func TestWhatAFailedWriteLeavesCanBeTakenBack(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.KeepUnsent, r.config.WriteTimeout = true, 1e9 })
	p, a := r.client()
	r.kernel.Inject(fake.CallWrite, fake.Fault{Errno: syscall.EPIPE})
	a.conn.Append([]byte("REQ 1\n"))
	r.settle()
	room := a.conn.Room()
	a.conn.Append([]byte("REQ 2\n"))
	r.settle()
	if a.conn.Room() != room-6 || a.conn.Written() != 0 {
		t.Errorf("room for %d after %d, %d written", a.conn.Room(), room, a.conn.Written())
	}
	if got := string(a.conn.TakeBack(0)); got != "REQ 1\nREQ 2\n" {
		t.Errorf("taken back %q", got)
	}
	a.conn.Append([]byte("REQ 3\n"))
	p.Close()
	r.settle()
	if !a.closed() {
		t.Errorf("it goes on: %s", a.said())
	}
}
