package proxy

import (
	"math"
	"math/rand/v2"
	"testing"
)

// worse says by exact fractions that a is the worse choice of the two.
func worse(a, b *load) bool {
	order := share(a.outstanding, a.weight).Cmp(share(b.outstanding, b.weight))
	if order == 0 {
		order = share(a.sessions, a.weight).Cmp(share(b.sessions, b.weight))
	}
	return order > 0
}

// TestOfTwoServersTheBetterIsTaken: with two servers both are drawn.
func TestOfTwoServersTheBetterIsTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for range 20_000 {
		all := randomLoads(r, 2)
		i := LeastOutstanding.pick(all, r.Uint64(), r.Uint64())
		if worse(all[i], all[1-i]) {
			t.Fatalf("%+v was picked, not %+v", *all[i], *all[1-i])
		}
	}
}

// TestTheWorstOfAllIsNeverTaken: two different servers are drawn, so there is
// always a better one.
func TestTheWorstOfAllIsNeverTaken(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 2))
	for range 20_000 {
		all := randomLoads(r, 2+r.IntN(6))
		got := all[LeastOutstanding.pick(all, r.Uint64(), r.Uint64())]
		worst := true
		for _, l := range all {
			worst = worst && (l == got || worse(got, l))
		}
		if worst {
			t.Fatalf("%+v was picked, the worst of all", *got)
		}
	}
}

// TestEqualServersAreDrawnByWeight: nothing tells them apart, so the first drawn is
// taken.
func TestEqualServersAreDrawnByWeight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	weights := []int32{1, 2, 4, 8, 256}
	all, counts := loadsOf(weights...), make([]int, len(weights))
	for range 200_000 {
		counts[LeastOutstanding.pick(all, 0, r.Uint64())]++
	}
	wantShares(t, counts, weights)
}

// TestTheSecondIsDrawnFromTheRest: the first of three has most to do and is never
// taken; how often each other one is follows from both draws, counted out here.
func TestTheSecondIsDrawnFromTheRest(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	w := []float64{5, 3, 2}
	all := loadsOf(5, 3, 2)
	all[0].outstanding, all[1].outstanding = 50, 6 // the last one has least
	const runs = 200_000
	counts := make([]int, 3)
	for range runs {
		counts[LeastOutstanding.pick(all, 0, r.Uint64())]++
	}
	// The middle one is taken where it is drawn together with the first.
	p := w[0]/10*w[1]/(w[1]+w[2]) + w[1]/10*w[0]/(w[0]+w[2])
	if off := math.Abs(float64(counts[1]) - p*runs); counts[0] != 0 || off > 5*math.Sqrt(runs*p*(1-p)) {
		t.Errorf("taken %v times, want 0, %.0f and the rest", counts, p*runs)
	}
}

// TestExtremesOfChanceAreInRange: all bits 0 draw the first two, all bits 1 the last
// two.
func TestExtremesOfChanceAreInRange(t *testing.T) {
	all := loadsOf(3, weightHigh, 1)
	if got := LeastOutstanding.pick(all, 0, 0); got != 0 {
		t.Errorf("no bits draw %d first", got)
	}
	if got := LeastOutstanding.pick(all, 0, math.MaxUint64); got != 2 {
		t.Errorf("all bits draw %d first", got)
	}
	all[0].outstanding, all[2].outstanding = 1, 1
	for _, random := range []uint64{0, math.MaxUint64} {
		if got := LeastOutstanding.pick(all, 0, random); got != 1 {
			t.Errorf("%x draws %d second", random, got)
		}
	}
}

// TestTwoChoicesKeepServersLevel: 10,000 requests that stay on 100 servers. One
// choice alone leaves some server about 30 above the mean.
func TestTwoChoicesKeepServersLevel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	all := loadsOf(make([]int32, 100)...)
	for _, l := range all {
		l.weight = 1
	}
	for range 10_000 {
		all[LeastOutstanding.pick(all, 0, r.Uint64())].outstanding++
	}
	for _, l := range all {
		if l.outstanding > 105 {
			t.Errorf("a server has %d of 10,000 requests where the mean is 100", l.outstanding)
		}
	}
}

// TestIdleSessionsAreSpreadByWeight: nothing is outstanding, so the sessions decide.
func TestIdleSessionsAreSpreadByWeight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 6))
	all := loadsOf(1, 2, 3)
	for range 6000 {
		all[LeastOutstanding.pick(all, 0, r.Uint64())].sessions++
	}
	for _, l := range all {
		if off := l.sessions - 1000*l.weight; off > 20 || off < -20 {
			t.Errorf("the server of weight %d has %d of 6000 sessions", l.weight, l.sessions)
		}
	}
}
