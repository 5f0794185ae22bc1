// read_test.go: what arrives is read to its end, whoever cuts it, stops it, or
// sends too much of it.

package poller_test

import (
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestAnOrdinaryShortReadSavesACall(t *testing.T) {
	for _, c := range []struct {
		name     string
		toEAGAIN bool
		reads    int
	}{{"a short read clears readiness", false, 1}, {"unless the switch says otherwise", true, 2}} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.ReadToEAGAIN = c.toEAGAIN })
			p, a := r.client()
			before := r.kernel.Count(fake.CallRead)
			p.SendString("REQ 1 a\n")
			r.settle()
			r.wantLines(a, "REQ 1 a\n")
			if n := r.kernel.Count(fake.CallRead) - before; n != c.reads {
				t.Fatalf("%d reads for one line, want %d", n, c.reads)
			}
		})
	}
}

func TestReadToEAGAINDoesNotTrustAShortRead(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ReadToEAGAIN = true })
	p, a := r.client()
	r.kernel.Inject(fake.CallRead, fake.Fault{Bytes: 3}, fake.Fault{Bytes: 1})
	p.SendString("REQ 1 a\nREQ 2 b\n")
	r.settle()
	r.wantLines(a, "REQ 1 a\nREQ 2 b\n")
}

func TestAnEndThatCameWithTheDataIsFound(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendString("REQ 1 a\nfrag")
	p.CloseWrite()
	r.settle()
	r.wantSaid(a, "1 lines", `end "frag"`)
	if !a.conn.Ended() {
		t.Error("Ended is false")
	}
}

func TestAConnectionWithoutRoomIsReadAgainWhenItHasSome(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	room := 0
	a.readRoom = func(*poller.Conn) int { return room }
	p.SendString("REQ 1 a\n")
	r.settle()
	if !a.conn.Paused() || len(a.lines) != 0 {
		t.Fatalf("paused: %t, lines: %q", a.conn.Paused(), a.lines)
	}
	room = 100
	a.conn.Resume()
	r.check()
	r.settle()
	r.wantLines(a, "REQ 1 a\n")
}

func TestLinesThatWereNotTakenComeAgain(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	most := 1
	a.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
		return a.take(run, min(most, maxLines))
	}
	p.SendString("one\ntwo\nthree\nfra")
	r.settle()
	r.wantLines(a, "one\n")
	if a.conn.Kept() != len("two\nthree\nfra") {
		t.Errorf("%d bytes are kept", a.conn.Kept())
	}
	reads := r.kernel.Count(fake.CallRead)
	p.SendString("gment\n")
	r.settle()
	if n := r.kernel.Count(fake.CallRead) - reads; n != 0 {
		t.Errorf("%d reads while lines are kept", n)
	}
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "one\ntwo\n")
	most = 100
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "one\ntwo\nthree\nfragment\n")
}

func TestATurnReadsNoMoreThanItsBudget(t *testing.T) {
	for _, c := range []struct {
		name         string
		bytes, lines int
		line         int // bytes of each
		most         int // lines a turn
	}{
		{"bytes end first", 1000, 256, 100, 10},
		{"lines end first", 64 << 10, 7, 10, 7},
		{"the buffer ends first", 1 << 20, 1 << 20, 1 << 10, 64 * poller.CallsPerServe},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.TurnBytes, r.config.TurnLines = c.bytes, c.lines })
			flooder, fa := r.client()
			flooder.SetFarWindow(1 << 20)
			p, a := r.client()
			flood := strings.Repeat(strings.Repeat("x", c.line-1)+"\n", min(900<<10/c.line, 100*c.most))
			flooder.SendString(flood)
			p.SendString("REQ 1 a\n")
			r.turn()
			if len(fa.lines) > c.most || len(fa.lines) == 0 {
				t.Errorf("%d lines of the flooder in one turn, want at most %d", len(fa.lines), c.most)
			}
			r.wantLines(a, "REQ 1 a\n")
			for before := len(fa.lines); len(fa.lines) < len(flood)/c.line; before = len(fa.lines) {
				p.SendString("REQ 1 a\n")
				got := len(a.lines)
				r.turn()
				if n := len(fa.lines) - before; n > c.most || n == 0 {
					t.Fatalf("%d lines of the flooder in one turn, want at most %d", n, c.most)
				}
				if len(a.lines) != got+1 {
					t.Fatal("the other client did not have its turn")
				}
			}
			r.wantLines(fa, flood)
		})
	}
}

func TestWhoUsedUpABudgetGoesToTheBackOfTheList(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.TurnLines = 1 })
	var order strings.Builder
	var peers []*fake.Peer
	for _, name := range []string{"a", "b", "c"} {
		p, a := r.client()
		peers = append(peers, p)
		a.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
			order.WriteString(name)
			return a.take(run, maxLines)
		}
	}
	for _, p := range peers {
		p.SendString("1\n2\n3\n")
	}
	r.settle()
	if order.String() != "abcabcabc" {
		t.Errorf("served in the order %s", order.String())
	}
}

func TestACallThatBringsLittleIsNotRepeatedForEver(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.readRoom = func(*poller.Conn) int { return 1 }
	p.SendString(strings.Repeat("x", 1000) + "\n")
	before := r.kernel.Count(fake.CallRead)
	r.turn()
	if n := r.kernel.Count(fake.CallRead) - before; n > poller.CallsPerServe {
		t.Errorf("%d reads in one turn", n)
	}
	r.settle()
	r.wantLines(a, strings.Repeat("x", 1000)+"\n")
}

func TestDataAndRoomInOneEdgeAreBothUsed(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SetWindow(1000)
	output := strings.Repeat("o", 500_000)
	a.conn.Append([]byte(output))
	r.settle()
	p.SendString("REQ 1 a\n")
	received := string(p.Receive()) // one edge tells of room and of data
	before := r.kernel.Count(fake.CallWrite)
	r.turn()
	r.wantLines(a, "REQ 1 a\n")
	if r.kernel.Count(fake.CallWrite) == before {
		t.Error("the room was not used")
	}
	for len(received) < len(output) {
		received += string(p.Receive())
		r.settle()
	}
	if received != output {
		t.Error("the output is not what was appended")
	}
}

func TestWhatCameBeforeAResetIsReadFirst(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendString("REQ 1 a\nREQ 2 b\nfrag")
	p.Reset()
	r.settle()
	r.wantLines(a, "REQ 1 a\nREQ 2 b\n")
	r.wantSaid(a, "2 lines", `end "frag"`, "closed: reset: connection reset by peer")
}

func TestAResetThatAWriteMetIsNotTakenForAnEnd(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendString("REQ 1 a\nfrag")
	p.Reset()
	a.conn.Append([]byte("answer\n")) // leaves first, and takes the error
	r.settle()
	r.wantSaid(a, "1 lines", `end "frag"`, "closed: reset: connection reset by peer")
}

func TestAResetThatOnlyAWriteMetIsNotTakenForAnEnd(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.onLines = func(c *poller.Conn, run []byte, maxLines int) (int, int) {
		p.Reset() // behind the wait of this turn, so no edge has told of it
		c.Append([]byte("answer\n"))
		return a.take(run, maxLines)
	}
	p.SendString("REQ 1 a\nfrag")
	r.settle()
	r.wantSaid(a, "1 lines", `end "frag"`, "closed: reset: connection reset by peer")
}

func TestAHalfClosedPeerStillGetsItsReplies(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.onEnd = func(c *poller.Conn, _ []byte) {
		c.Append([]byte("ACK 1\n"))
	}
	p.SendString("REQ 1 a\n")
	p.CloseWrite()
	if turns := r.settle(); turns > 10 {
		t.Errorf("%d turns for a half-close", turns)
	}
	r.wantReceived(p, "ACK 1\n")
	r.pass(time.Minute)
	a.conn.Append([]byte("ACK 2\n"))
	a.conn.Close()
	r.settle()
	r.wantReceived(p, "ACK 2\n")
	if !p.Ended() || p.Err() != 0 {
		t.Errorf("ended %t, error %v", p.Ended(), p.Err())
	}
	r.wantSaid(a, "closed: closed")
}

func TestAConnectionThatWantsNothingIsLeftAlone(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	a.conn.Pause()
	registered := r.kernel.Count(fake.CallRegister)
	p.SendString("REQ 1 a\n")
	p.Reset()
	reads, turns := r.kernel.Count(fake.CallRead), r.settle()
	if n := r.kernel.Count(fake.CallRead) - reads; n != 0 || turns > 4 {
		t.Errorf("%d reads and %d turns", n, turns)
	}
	if r.kernel.Count(fake.CallRegister) != registered {
		t.Error("it was registered again")
	}
	a.conn.Resume()
	r.settle()
	r.wantLines(a, "REQ 1 a\n")
	r.wantSaid(a, "closed: reset: connection reset by peer")
}

func TestAResetEndsAConnectionThatNobodyWillRead(t *testing.T) {
	for _, c := range []struct {
		name    string
		abandon bool
		before  func(a *actor, p *fake.Peer)
		after   func(a *actor)
	}{
		{"paused before it", true, func(a *actor, _ *fake.Peer) { a.conn.Pause() }, nil},
		{"paused behind it", true, func(a *actor, p *fake.Peer) {
			p.SendString("REQ 1 a\nREQ 2 b\n")
			a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) { return a.take(run, 1) }
		}, nil},
		{"without room behind it", true, func(a *actor, p *fake.Peer) {
			p.SendString("REQ 1 a\n")
			a.readRoom = func(*poller.Conn) int { return 0 }
		}, nil},
		{"muted", false, func(a *actor, _ *fake.Peer) { a.conn.Mute() }, nil},
		{"ended", false, func(_ *actor, p *fake.Peer) { p.CloseWrite() }, nil},
		{"paused by hand later", true, func(a *actor, p *fake.Peer) {
			p.SendString(strings.Repeat("REQ 1 a\n", 4))
			a.onLines = func(c *poller.Conn, run []byte, _ int) (int, int) { c.Pause(); return a.take(run, 4) }
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.AbandonOnReset = c.abandon })
			p, a := r.client()
			c.before(a, p)
			if c.name == "ended" {
				r.settle()
			}
			p.Reset()
			r.settle()
			if !a.closed() || a.why.Kind != poller.CauseReset || a.why.Errno == 0 {
				t.Errorf("journal: %s", a.said())
			}
		})
	}
}

func TestLinesAreJudgedByTheirLengthAlone(t *testing.T) {
	long := strings.Repeat("x", 100)
	for _, c := range []struct {
		name, text, lines string
		long              bool
		head              string
	}{
		{"the longest line", long[:99] + "\n", long[:99] + "\n", false, ""},
		{"one byte more", long + "\n", "", true, long + "\n"},
		{"lines before it", "a\nb\n" + long + "\nc\n", "a\nb\n", true, long + "\nc\n"},
		{"without an end", "a\n" + long, "a\n", true, long},
		{"a long fragment", long[:99], "", false, ""},
	} {
		r := newRig(t, func(r *rig) { r.config.MaxLine = 100 })
		for cut := 0; cut <= len(c.text); cut++ {
			p, a := r.client()
			head := ""
			a.onLong = func(_ *poller.Conn, h []byte) { head = string(h) }
			p.SendString(c.text[:cut])
			r.settle()
			p.SendString(c.text[cut:])
			r.settle()
			r.wantLines(a, c.lines)
			if strings.Contains(a.said(), "long line") != c.long || !strings.HasPrefix(c.head, head) || c.long && head == "" {
				t.Fatalf("%s, cut at %d: journal %s, head %q", c.name, cut, a.said(), head)
			}
			a.conn.Abort()
			r.settle()
		}
	}
}

func TestALongLineBehindLinesThatWaitIsRefusedWhenTheyHaveGone(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.MaxLine = 100 })
	p, a := r.client()
	a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) { return a.take(run, 1) }
	p.SendString("a\nb\n" + strings.Repeat("x", 200) + "\n")
	r.settle()
	r.wantSaid(a, "1 lines")
	a.conn.Resume()
	r.settle()
	r.wantSaid(a, "1 lines", "1 lines", "long line")
	p.SendString("more\n")
	r.settle()
	r.wantSaid(a, "long line")
}
