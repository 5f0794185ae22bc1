package server

// This file owns the test of who gets room in a store that is asked for more than it
// takes.

import (
	"fmt"
	"strings"
	"testing"
)

// TestABusyStoreIsShared has one who asks once come behind several who ask for
// thousands of things.
func TestABusyStoreIsShared(t *testing.T) {
	const lines, step = 3000, 32
	for _, x := range []struct{ most, greedy int }{{64, 2}, {64, 20}, {2 * pendingMax, 2}, {2 * pendingMax, 20}} {
		t.Run(fmt.Sprintf("%d operations, %d clients", x.most, x.greedy), func(t *testing.T) {
			s, store := stepLate(t, x.most, nil)
			var many strings.Builder
			for n := range lines {
				fmt.Fprintf(&many, "REQ %d set k v\n", n+1)
			}
			greedy, heard := make([]*caller, x.greedy), make([]int, x.greedy)
			for i := range greedy {
				greedy[i] = s.call()
				greedy[i].say(many.String())
			}
			modest := s.call()
			modest.say("REQ 1 get a\n")
			answer, done := "", 0
			for len(store.waiting) > 0 {
				n := min(step, len(store.waiting))
				s.completes(store, n)
				if answer == "" {
					answer, done = string(modest.Receive()), done+n
				}
				for i, c := range greedy {
					heard[i] += strings.Count(string(c.Receive()), "\n")
				}
			}
			if answer != "NAK 1 no such key\n" {
				t.Errorf("the answer is %q", answer)
			}
			// Those that were there before, and one of each other client.
			if most := x.most + x.greedy + 2*step; done > most {
				t.Errorf("it came behind %d operations, %d are fair", done, most)
			}
			for i, n := range heard {
				if n != lines {
					t.Errorf("client %d has %d answers of %d", i, n, lines)
				}
			}
		})
	}
}
