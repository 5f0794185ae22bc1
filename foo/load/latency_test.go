// latency_test.go: what becomes of a latency.

package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestLatenciesOutsideTheBoundsAreKeptAtThem(t *testing.T) {
	l := newLatencies()
	for _, latency := range []time.Duration{-time.Second, 0, time.Millisecond, 100 * time.Hour} {
		l.record(int64(latency))
	}
	if got := l.at(50); got != 1 {
		t.Errorf("median %v", got)
	}
	if got := l.at(100); got != int64(latencyMax) {
		t.Errorf("longest %v", got)
	}
}

func TestNoLatencyIsNone(t *testing.T) {
	l := newLatencies()
	if l.at(50) != 0 || l.at(100) != 0 || l.mean() != 0 || l.bars() != nil {
		t.Errorf("median %d, longest %d, mean %v, bars %v", l.at(50), l.at(100), l.mean(), l.bars())
	}
}

// TestPercentilesAreThoseOfASortedList: to the three digits that are kept.
func TestPercentilesAreThoseOfASortedList(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 0))
	l := newLatencies()
	var list []int64
	sum := 0.0
	for range 50_000 {
		nanos := int64(random.ExpFloat64() * 1e6 * float64(1+random.IntN(3)))
		nanos = max(nanos, 1)
		l.record(nanos)
		list = append(list, nanos)
		sum += float64(nanos)
	}
	slices.Sort(list)
	near := func(got, want float64) bool { return got >= want*0.999 && got <= want*1.001 }
	for _, percentile := range []float64{1, 50, 90, 99, 99.9} {
		want := list[int(percentile/100*float64(len(list)))-1]
		if got := l.at(percentile); !near(float64(got), float64(want)) {
			t.Errorf("p%v is %d, want %d", percentile, got, want)
		}
	}
	if got := l.at(100); got != list[len(list)-1] {
		t.Errorf("longest %d, want %d", got, list[len(list)-1])
	}
	if want := sum / float64(len(list)); !near(l.mean(), want) {
		t.Errorf("mean %v, want %v", l.mean(), want)
	}
	for i, bar := range l.bars() {
		naive := int64(0)
		for _, nanos := range list {
			if nanos <= int64(bar.bound) {
				naive++
			}
		}
		for _, before := range l.bars()[:i] {
			naive -= before.count
		}
		// Three digits again: those at the bounds may go one bar up or down.
		if difference := naive - bar.count; difference < -60 || difference > 60 {
			t.Errorf("%d replies up to %v, want %d", bar.count, bar.bound, naive)
		}
	}
}

func TestBarsGoFromTheFirstToTheLast(t *testing.T) {
	l := newLatencies()
	for _, latency := range []time.Duration{150 * time.Microsecond, 200 * time.Microsecond, 201 * time.Microsecond, 3 * time.Millisecond} {
		l.record(int64(latency))
	}
	want := []bar{{200 * time.Microsecond, 2}, {500 * time.Microsecond, 1}, {time.Millisecond, 0}, {2 * time.Millisecond, 0}, {5 * time.Millisecond, 1}}
	if got := l.bars(); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
