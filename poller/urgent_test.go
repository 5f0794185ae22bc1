// urgent_test.go: an urgent byte vanishes, and hides nothing of what is around it.

package poller_test

import (
	"syscall"
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestAShortReadAtAnUrgentByteIsNotTheEndOfTheData(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendString("REQ 1 a")
	p.SendUrgent('!')
	p.SendString("bc\nREQ 2 x\n")
	r.settle()
	r.wantLines(a, "REQ 1 abc\nREQ 2 x\n")
}

// A signal that meets a read at an urgent byte makes it EAGAIN, and of what is
// behind that byte nothing more is told.
func TestEAGAINBesideAnUrgentByteIsNotTheEndOfTheData(t *testing.T) {
	again := fake.Fault{Errno: syscall.EAGAIN}
	for _, c := range []struct {
		name   string
		before string
		meet   func(*actor)
		want   string
	}{
		{"between two pieces", "REQ 1 a", nil, "REQ 1 abc\n"},
		{"before everything", "", nil, "bc\n"},
		{"while it stops", "REQ 1 a", func(a *actor) { a.conn.StopReading() }, "REQ 1 abc\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			p, a := r.client()
			if c.before != "" {
				p.SendString(c.before)
				r.settle()
			}
			p.SendUrgent('!')
			p.SendString("bc\n")
			r.kernel.Inject(fake.CallRead, again)
			if c.meet != nil {
				c.meet(a)
			}
			r.settle()
			r.wantLines(a, c.want)
		})
	}
}

func TestEAGAINBesideAnUrgentByteIsBelievedInTheEnd(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SendUrgent('!')
	before := r.kernel.Count(fake.CallRead)
	r.settle()
	if n := r.kernel.Count(fake.CallRead) - before; n == 0 || n > 1+poller.EAgainDoubts {
		t.Errorf("%d reads for an urgent byte alone", n)
	}
	p.SendString("a\n")
	r.settle()
	r.wantLines(a, "a\n")
}
