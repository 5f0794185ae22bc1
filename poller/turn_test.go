// turn_test.go: what one turn does at most, however many could go on.

package poller_test

import (
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// TestATurnIsBoundedOverAllConnections has many peers send as much as the budget
// of one allows. Each gets its turn, and no turn is as long as all together.
func TestATurnIsBoundedOverAllConnections(t *testing.T) {
	r := newRig(t)
	r.kernel.Limit = 3000
	const clients = 1000
	text := strings.Repeat("x\n", 2000)
	var peers []*fake.Peer
	for range clients {
		p, _ := r.client()
		peers = append(peers, p)
	}
	for _, p := range peers {
		p.SendString(text)
	}
	most, before, turns := 0, 0, 0
	for done := false; !done; turns++ {
		r.turn()
		lines := 0
		done = true
		for _, a := range r.accepted {
			lines += len(a.lines)
			done = done && len(a.lines) == 2000
		}
		most, before = max(most, lines-before), lines
		if turns > 10_000 {
			t.Fatal("it does not end")
		}
	}
	if limit := poller.TurnWorkMax + r.config.TurnLines; most > limit {
		t.Errorf("%d lines in one turn, %d are the limit", most, limit)
	}
}

// TestALoopPollsAfterAnEventForAsLongAsItWasTold looks at the clock: while the
// loop polls, no time passes in its wait.
func TestALoopPollsAfterAnEventForAsLongAsItWasTold(t *testing.T) {
	for name, busy := range map[string]time.Duration{"off": 0, "on": 50 * time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			p, a := r.client()
			r.loop.SetBusyPoll(busy)
			r.kernel.Advance(time.Second)
			waits := func() bool {
				before := r.kernel.Now()
				r.loop.Turn(before + int64(time.Millisecond))
				r.check()
				return r.kernel.Now() > before
			}
			if !waits() {
				t.Fatal("it polls although nothing has happened for long")
			}
			p.SendString("x\n")
			for len(a.lines) == 0 {
				waits()
			}
			for range 10 {
				if waits() == (busy > 0) {
					t.Fatal("after an event it does the other")
				}
			}
			r.kernel.Advance(busy)
			waits() // this turn only learns what time it is
			if !waits() {
				t.Error("it polls for longer")
			}
		})
	}
}
