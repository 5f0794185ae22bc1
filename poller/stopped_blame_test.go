package poller_test

import (
	"testing"
	"time"
)

func TestALineTimeoutDoesNotCountBehindAStopOfReading(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.LineTimeout, r.config.TurnLines, r.config.TurnBytes = 100*time.Millisecond, 1, 16
	})
	p, a := r.client()
	p.SendString("1\n2\n3\n4\n5\n6\n7\nab and the rest of the line, which nobody will read\n")
	a.conn.StopReading()
	for range 10 {
		r.turn()
		r.kernel.Advance(40 * time.Millisecond)
	}
	r.settle()
	r.wantLines(a, "1\n2\n3\n4\n5\n6\n7\n")
}
