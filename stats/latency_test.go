package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestLatencyOutsideTheRangeIsClamped(t *testing.T) {
	const hour = 3600 * testSecond
	tests := []struct {
		name     string
		ns, want int64
	}{
		{"most negative", math.MinInt64, 1000},
		{"negative", -1, 1000},
		{"zero", 0, 1000},
		{"just below the range", 999, 1000},
		{"least", 1000, 1000},
		{"inside", 123_456, 123_456},
		{"greatest", hour, hour},
		{"just above the range", hour + 1, hour},
		{"largest", math.MaxInt64, hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := NewLatencies()
			l.Record(test.ns)
			if got := l.Longest(); got != test.want {
				t.Errorf("longest %d, want %d", got, test.want)
			}
			for _, p := range []float64{0.1, 50, 99.9, 100} {
				if got := l.Percentile(p); got != test.want {
					t.Errorf("percentile %v is %d, want %d", p, got, test.want)
				}
			}
		})
	}
}

func TestPercentilesAreWithinOnePercent(t *testing.T) {
	const seed = 7
	random := rand.New(rand.NewPCG(seed, 0))
	l := NewLatencies()
	all := make([]int64, 10_000)
	for i := range all {
		all[i] = int64(100_000 * math.Exp(random.NormFloat64()*2))
		all[i] = max(all[i], latencyMin)
		l.Record(all[i])
	}
	slices.Sort(all)
	for _, p := range reportedPercentiles {
		want := float64(all[int(p.percentile/100*float64(len(all)))-1])
		// Half a microsecond is the histogram's unit at the low end.
		if got := float64(l.Percentile(p.percentile)); math.Abs(got-want) > 0.01*want+512 {
			t.Errorf("seed %d: %s is %v, want %v", seed, p.key, got, want)
		}
	}
	if got, want := l.Longest(), all[len(all)-1]; got != want {
		t.Errorf("seed %d: longest %d, want %d", seed, got, want)
	}
}

func TestCopiedLatenciesAreEqualAndIndependent(t *testing.T) {
	original, duplicate := NewLatencies(), NewLatencies()
	duplicate.Record(77 * testSecond) // must be gone after the copy
	for ns := int64(1); ns < 2*latencyMax; ns *= 3 {
		original.Record(ns)
	}
	duplicate.CopyFrom(original)
	if !duplicate.histogram.Equals(original.histogram) || duplicate.Longest() != original.Longest() {
		t.Error("the copy differs")
	}
	before := duplicate.Count()
	original.Record(1)
	if duplicate.Count() != before || original.Count() != before+1 {
		t.Error("the copy shares memory with the original")
	}
}
