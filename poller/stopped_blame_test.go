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

// A line that is not finished, or the silence behind it, is not blamed on a peer whose
// lines before it wait here for their turn; it begins when they have gone on.
func TestSilenceBeginsBehindTheLinesThatWaitHere(t *testing.T) {
	for name, config := range map[string]func(*rig){
		"line timeout": func(r *rig) { r.config.LineTimeout = 100 * time.Millisecond },
		"idle timeout": func(r *rig) { r.config.IdleTimeout = 100 * time.Millisecond },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config, func(r *rig) { r.config.TurnLines = 1 })
			p, a := r.client()
			p.SendString("1\n2\n3\n4\n5\n6\n7\nhalf a li")
			for range 8 {
				r.turn()
				r.kernel.Advance(40 * time.Millisecond)
			}
			r.turn()
			r.wantLines(a, "1\n2\n3\n4\n5\n6\n7\n")
			if a.closed() {
				t.Fatalf("journal: %s", a.said())
			}
			r.pass(100 * time.Millisecond)
			r.wantSaid(a, "closed: "+name)
		})
	}
}
