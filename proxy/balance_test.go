// balance_test.go: what holds for every rule, and what the tests of the rules
// share.

package proxy

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// loadsOf makes servers of these weights, whose keys are those of addresses in use.
func loadsOf(weights ...int32) []*load {
	all := make([]*load, len(weights))
	for i, w := range weights {
		all[i] = &load{weight: w, key: hashOf(fmt.Sprintf("10.0.0.%d:5151", i+1))}
	}
	return all
}

// randomLoads makes n servers in some state of use. Small numbers make ties.
func randomLoads(r *rand.Rand, n int) []*load {
	all := loadsOf(make([]int32, n)...)
	for _, l := range all {
		l.weight = weightLow + r.Int32N(8)
		if r.IntN(8) == 0 {
			l.weight = weightHigh
		}
		l.sessions, l.outstanding = r.Int32N(12), r.Int32N(12)
		if r.IntN(8) == 0 {
			l.sessions, l.outstanding = math.MaxInt32-r.Int32N(2), math.MaxInt32-r.Int32N(2)
		}
	}
	return all
}

// share is n for the weight, exactly.
func share(n, weight int32) *big.Rat { return big.NewRat(int64(n), int64(weight)) }

// wantShares fails where a count is further from its share of all than chance
// explains: five times the standard deviation, which happens once in a million
// times.
func wantShares(t *testing.T, counts []int, weights []int32) {
	t.Helper()
	var all, sum float64
	for i := range counts {
		all, sum = all+float64(counts[i]), sum+float64(weights[i])
	}
	for i, n := range counts {
		p := float64(weights[i]) / sum
		if off := math.Abs(float64(n) - p*all); off > 5*math.Sqrt(all*p*(1-p)) {
			t.Errorf("server %d of weight %d has %d of %.0f, its share is %.0f", i, weights[i], n, all, p*all)
		}
	}
}

func TestEveryRuleHasItsWord(t *testing.T) {
	words := BalanceWords()
	if got := strings.Join(words, " "); got != "roundrobin leastconn least-outstanding hash" {
		t.Errorf("the words are %s", got)
	}
	for i, word := range words {
		if b, err := ParseBalance(word); err != nil || b != Balance(i) || b.String() != word {
			t.Errorf("%s is %d, %v, shown as %v", word, b, err, b)
		}
	}
	for _, word := range []string{"", "RoundRobin", "hash ", "Balance(4)"} {
		want := fmt.Sprintf("%q is not one of roundrobin, leastconn, least-outstanding, hash", word)
		if _, err := ParseBalance(word); err == nil || err.Error() != want {
			t.Errorf("%q: %v", word, err)
		}
	}
	if _, err := ParseBalance(strings.Repeat("x", 1000)); len(err.Error()) > 150 {
		t.Errorf("%d bytes of error", len(err.Error()))
	}
	if got := Balance(len(words)).String(); got != "Balance(4)" {
		t.Errorf("a rule that is none is shown as %s", got)
	}
}

// TestOneServerIsAlwaysChosen, as are servers that only one rule would choose in
// general: nothing else is there.
func TestOneServerIsAlwaysChosen(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for b := range Balance(len(balanceWords)) {
		for range 1000 {
			if got := b.pick(randomLoads(r, 1), r.Uint64(), r.Uint64()); got != 0 {
				t.Fatalf("%v picks %d of one server", b, got)
			}
		}
	}
}

// TestAPickWritesNothingButCredit: and no rule but the two with turns writes that.
func TestAPickWritesNothingButCredit(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 2))
	for b := range Balance(len(balanceWords)) {
		for range 1000 {
			all := randomLoads(r, 1+r.IntN(8))
			before := make([]load, len(all))
			for i, l := range all {
				before[i] = *l
			}
			if got := b.pick(all, r.Uint64(), r.Uint64()); got < 0 || got >= len(all) {
				t.Fatalf("%v picks %d of %d", b, got, len(all))
			}
			for i, l := range all {
				after := *l
				if b == RoundRobin || b == LeastConn {
					after.credit = before[i].credit
				}
				if after != before[i] {
					t.Fatalf("%v makes %+v of %+v", b, *l, before[i])
				}
			}
		}
	}
}

func TestAPickAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates")
	}
	r := rand.New(rand.NewPCG(3, 3))
	for b := range Balance(len(balanceWords)) {
		all, address := randomLoads(r, 16), []byte("a client's address")
		if n := testing.AllocsPerRun(1000, func() { b.pick(all, hashOf(address), r.Uint64()) }); n != 0 {
			t.Errorf("%v allocates %v times", b, n)
		}
	}
}

func BenchmarkBalance(b *testing.B) {
	for _, n := range []int{3, 1024} {
		for rule := range Balance(len(balanceWords)) {
			b.Run(fmt.Sprintf("%v/%d", rule, n), func(b *testing.B) {
				r := rand.New(rand.NewPCG(4, 4))
				all := randomLoads(r, n)
				b.ReportAllocs()
				for b.Loop() {
					rule.pick(all, r.Uint64(), r.Uint64())
				}
			})
		}
	}
}
