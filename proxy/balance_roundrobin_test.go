package proxy

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// turns are n turns as letters, a for the first server.
func turns(b Balance, all []*load, n int) string {
	var s strings.Builder
	for range n {
		s.WriteByte('a' + byte(b.pick(all, 0, 0)))
	}
	return s.String()
}

func TestTurnsAreSpreadOut(t *testing.T) {
	for _, c := range []struct {
		weights []int32
		want    string
	}{
		{[]int32{1}, "aaa"},
		{[]int32{1, 1, 1}, "abcabcabc"},
		{[]int32{7, 7, 7}, "abcabcabc"},
		{[]int32{2, 1}, "abaaba"},
		{[]int32{1, 2}, "babbab"},
		{[]int32{5, 1, 1}, "aabacaaaabacaa"},
		{[]int32{3, 2, 1}, "abacbaabacba"},
		{[]int32{1, 2, 3}, "cbacbccbacbc"},
		{[]int32{4, 3, 2, 1}, "abcabdacba"},
		{[]int32{256, 256, 1}, "abababab"},
	} {
		all := loadsOf(c.weights...)
		if got := turns(RoundRobin, all, len(c.want)); got != c.want {
			t.Errorf("%v take turns %s, not %s", c.weights, got, c.want)
		}
	}
}

// TestEachCycleIsExact: after as many turns as the weights' sum, and as often as
// one likes, everyone has had as many as its weight and nobody is owed anything.
func TestEachCycleIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		all := randomLoads(r, 1+r.IntN(9))
		var sum int32
		for _, l := range all {
			sum += l.weight
		}
		for range 3 {
			counts := make([]int32, len(all))
			for range sum {
				counts[RoundRobin.pick(all, r.Uint64(), r.Uint64())]++
			}
			for i, l := range all {
				if counts[i] != l.weight || l.credit != 0 {
					t.Fatalf("the server of weight %d got %d of %d turns and is owed %d", l.weight, counts[i], sum, l.credit)
				}
			}
		}
	}
}

// TestWhoComesBackHasNoBurst: a server was away for long; from its return on it has
// its share of the turns, as if it had always been there.
func TestWhoComesBackHasNoBurst(t *testing.T) {
	all := loadsOf(1, 1, 1)
	turns(RoundRobin, all, 4)
	turns(RoundRobin, all[:2], 1000)
	got := turns(RoundRobin, all, 30)
	for _, letter := range []string{"a", "b", "c"} {
		if n := strings.Count(got, letter); n != 10 {
			t.Errorf("%s got %d of 30 turns: %s", letter, n, got)
		}
	}
	if strings.Contains(got, "cc") {
		t.Errorf("c comes in a row: %s", got)
	}
}

// TestCreditStaysBounded whatever the history: servers come and go, and credit that
// is at its bound already does not overflow.
func TestCreditStaysBounded(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 3))
	all := randomLoads(r, 12)
	var sum, most int64
	for _, l := range all {
		sum += int64(l.weight)
	}
	up := make([]*load, 0, len(all))
	for range 200_000 {
		up = up[:0]
		mask := 1 + r.IntN(1<<len(all)-1)
		for i, l := range all {
			if mask>>i&1 == 1 {
				up = append(up, l)
			}
		}
		RoundRobin.pick(up, 0, 0)
		var owed int64
		for _, l := range all {
			owed += int64(l.credit)
			most = max(most, int64(l.credit), -int64(l.credit))
		}
		if owed != 0 {
			t.Fatalf("all together are owed %d", owed)
		}
	}
	if most > 3*sum {
		t.Errorf("somebody is owed %d where the weights' sum is %d", most, sum)
	}
	for _, credit := range []int32{creditMax, -creditMax} {
		all := loadsOf(weightHigh, weightHigh)
		for range 1000 {
			all[0].credit, all[1].credit = credit, credit
			RoundRobin.pick(all, 0, 0)
			for _, l := range all {
				if l.credit > creditMax || l.credit < -creditMax {
					t.Fatalf("credit became %d", l.credit)
				}
			}
		}
	}
}
