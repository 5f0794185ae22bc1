// heap_test.go: the heap of timers does what a sorted list would.

package poller_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"fooproxy/poller"
)

// naiveTimer is the oracle's: an entry of a list that is sorted for every look.
type naiveTimer struct {
	when  int64
	timer *poller.Timer
	owner *bell
}

func TestTheHeapIsASortedList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var heap poller.Heap
	timers := make([]poller.Timer, 60)
	owners := make([]bell, len(timers))
	var list []naiveTimer
	forget := func(timer *poller.Timer) {
		list = slices.DeleteFunc(list, func(n naiveTimer) bool { return n.timer == timer })
	}
	for range 100_000 {
		i := random.IntN(len(timers))
		switch random.IntN(4) {
		case 0, 1:
			when := random.Int64N(1000)
			heap.Arm(&timers[i], &owners[i], when)
			forget(&timers[i])
			list = append(list, naiveTimer{when, &timers[i], &owners[i]})
		case 2:
			heap.Disarm(&timers[i])
			forget(&timers[i])
		case 3:
			slices.SortFunc(list, func(a, b naiveTimer) int { return cmp.Compare(a.when, b.when) })
			now := random.Int64N(1000)
			got := heap.Pop(now)
			if len(list) == 0 || list[0].when > now {
				if got != nil {
					t.Fatal("a timer that is not due")
				}
				break
			}
			at := slices.IndexFunc(list, func(n naiveTimer) bool { return poller.Expirer(n.owner) == got })
			if at < 0 || list[at].when != list[0].when {
				t.Fatalf("popped %d, want one due at %d", at, list[0].when)
			}
			list = slices.Delete(list, at, at+1)
		}
		next := poller.Forever
		for _, n := range list {
			next = min(next, n.when)
			if !n.timer.Armed() {
				t.Fatal("an armed timer says it is not")
			}
		}
		if heap.Next() != next || heap.Len() != len(list) {
			t.Fatalf("next %d of %d, want %d of %d", heap.Next(), heap.Len(), next, len(list))
		}
	}
}

// TestAnIdleConnectionIsSmall: the next larger size of the allocator would cost
// every client 32 bytes more.
func TestAnIdleConnectionIsSmall(t *testing.T) {
	if size := poller.ConnBytes; size > 128 {
		t.Errorf("a connection takes %d bytes", size)
	}
}
