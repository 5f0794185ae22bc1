package proxy

import (
	"math/rand/v2"
	"testing"
)

// TestLeastConnTakesTheFewest: whatever is picked, nobody has fewer for its weight.
// The oracle divides, exactly.
func TestLeastConnTakesTheFewest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 20_000 {
		all := randomLoads(r, 1+r.IntN(8))
		got := all[LeastConn.pick(all, r.Uint64(), r.Uint64())]
		for _, l := range all {
			if share(l.sessions, l.weight).Cmp(share(got.sessions, got.weight)) < 0 {
				t.Fatalf("%+v was picked although there is %+v", *got, *l)
			}
		}
	}
}

func TestLeastConnBreaksTiesByTurns(t *testing.T) {
	if got := turns(LeastConn, loadsOf(1, 1, 1), 6); got != "abcabc" {
		t.Errorf("idle servers take turns %s", got)
	}
	if got := turns(LeastConn, loadsOf(2, 1), 6); got != "abaaba" {
		t.Errorf("idle servers of weights 2 and 1 take turns %s", got)
	}
	// 2 for weight 1 is as many as 4 for weight 2; the third has more and never
	// gets a turn.
	all := loadsOf(1, 2, 1)
	all[0].sessions, all[1].sessions, all[2].sessions = 2, 4, 3
	if got := turns(LeastConn, all, 6); got != "babbab" {
		t.Errorf("two of three take turns %s", got)
	}
	if all[2].credit != 0 {
		t.Errorf("who takes no part is owed %d", all[2].credit)
	}
}

// TestLeastConnFillsByWeight: sessions that stay are at no moment further from the
// weights than the next session can mend.
func TestLeastConnFillsByWeight(t *testing.T) {
	weights := []int32{1, 2, 5}
	all := loadsOf(weights...)
	for n := int32(1); n <= 800; n++ {
		all[LeastConn.pick(all, 0, 0)].sessions++
		for _, l := range all {
			if off := 8*l.sessions - n*l.weight; off > 8*3 || off < -8*3 {
				t.Fatalf("of %d sessions the server of weight %d has %d", n, l.weight, l.sessions)
			}
		}
	}
	for _, l := range all {
		if l.sessions != 100*l.weight {
			t.Errorf("of 800 sessions the server of weight %d has %d", l.weight, l.sessions)
		}
	}
}

// TestLeastConnLevelsAnEmptyServer: one that comes back with no sessions gets all
// new ones until it has as many as the others.
func TestLeastConnLevelsAnEmptyServer(t *testing.T) {
	all := loadsOf(1, 1, 1)
	all[0].sessions, all[1].sessions = 50, 50
	for range 50 {
		i := LeastConn.pick(all, 0, 0)
		if i != 2 {
			t.Fatalf("server %d with %d sessions was picked, the empty one has %d", i, all[i].sessions, all[2].sessions)
		}
		all[i].sessions++
	}
}
