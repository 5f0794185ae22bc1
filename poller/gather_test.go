// gather_test.go: output that waits for more waits no longer than it may.

package poller_test

import (
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// newGathering gives a connection whose output may wait for a millisecond, its peer,
// and what makes a turn that brings something else.
func newGathering(t *testing.T) (r *rig, p *fake.Peer, a *actor, busyTurn func()) {
	r = newRig(t, func(r *rig) { r.config.GatherTime = time.Millisecond })
	p, a = r.client()
	other, _ := r.client()
	return r, p, a, func() {
		other.SendString("x\n")
		r.turn()
	}
}

func TestOutputIsGatheredWhileTurnsBringSomething(t *testing.T) {
	r, p, a, busyTurn := newGathering(t)
	before := r.kernel.Count(fake.CallWrite)
	for range 3 {
		a.conn.Append([]byte("line\n"))
		busyTurn()
		r.wantReceived(p, "")
	}
	r.turn()
	r.wantReceived(p, strings.Repeat("line\n", 3))
	if n := r.kernel.Count(fake.CallWrite) - before; n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestGatheringHasAnEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		pass  time.Duration // in each turn
		most  int           // turns
	}{
		{"time", 1, 100 * time.Microsecond, 11},
		{"bytes", poller.GatherBytesMax / 4, 0, 4},
		{"bytes at once", poller.GatherBytesMax, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, p, a, busyTurn := newGathering(t)
			got := 0
			for turns := 0; got == 0; turns++ {
				if turns == c.most {
					t.Fatalf("nothing was written in %d turns", turns)
				}
				a.conn.Append(make([]byte, c.bytes))
				r.kernel.Advance(c.pass)
				busyTurn()
				got = len(p.Receive())
			}
			a.conn.Abort()
			r.settle()
		})
	}
}

// TestNothingIsGatheredBehindALongTurn: the next one may be as long.
func TestNothingIsGatheredBehindALongTurn(t *testing.T) {
	r, p, a, busyTurn := newGathering(t)
	busyTurn()
	r.kernel.Advance(20 * time.Millisecond)
	var timer poller.Timer
	r.loop.Arm(&timer, appender{a.conn}, r.loop.Now()+1)
	busyTurn()
	r.wantReceived(p, "line\n")
}

// appender appends a line in the course of a turn.
type appender struct{ conn *poller.Conn }

func (a appender) Expire(int64) { a.conn.Append([]byte("line\n")) }

func TestNothingIsGatheredInTheLastTurn(t *testing.T) {
	r, p, a, busyTurn := newGathering(t)
	a.conn.Append([]byte("last\n"))
	r.loop.Stop()
	busyTurn()
	r.wantReceived(p, "last\n")
}

// TestNothingIsGatheredAtTheEnd: what waits leaves before the FIN.
func TestNothingIsGatheredAtTheEnd(t *testing.T) {
	r, p, a, busyTurn := newGathering(t)
	a.conn.Append([]byte("last\n"))
	busyTurn()
	a.conn.Close()
	busyTurn()
	r.wantReceived(p, "last\n")
	p.Close()
	r.settle()
}
