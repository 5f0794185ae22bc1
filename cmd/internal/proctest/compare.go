package proctest

// This file owns the comparison of a load with a fault and without it: windows
// that take turns in one run, so that the machine's own moods meet both alike, and
// a null test beside it, which says how large a difference means nothing.

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"time"
)

// releaseVariable asks for the longer form of a test.
const releaseVariable = "FOO_RELEASE"

// Release reports whether the longer forms of tests are asked for.
func Release() bool { return os.Getenv(releaseVariable) == "1" }

// Pairs is how often a fault and its absence are to take turns.
func Pairs() int {
	if Release() {
		return 15
	}
	return 5
}

// Comparison is the figures of the windows, in their order. Null are further
// windows without the fault.
type Comparison struct{ Without, With, Null []LoadResult }

// Compare has so many windows without the fault, with it, and without it again
// take turns. begin brings the fault about and end takes it away; the time that
// they need belongs to no window.
func Compare(l *Load, pairs int, window time.Duration, begin, end func()) Comparison {
	var c Comparison
	measure := func(into *[]LoadResult) {
		l.Mark()
		time.Sleep(window) // what is measured takes time
		*into = append(*into, l.Mark())
	}
	for i := range pairs {
		first, last := &c.Without, &c.Null
		if i%2 == 1 {
			first, last = last, first // neither is always first
		}
		measure(first)
		begin()
		measure(&c.With)
		end()
		measure(last)
	}
	return c
}

// Median is the median of one figure over windows.
func Median[T cmp.Ordered](windows []LoadResult, figure func(LoadResult) T) T {
	var all []T
	for _, w := range windows {
		all = append(all, figure(w))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// P99 is a figure for Median.
func P99(r LoadResult) time.Duration { return r.P99 }

// Rate is a figure for Median.
func Rate(r LoadResult) float64 { return r.Rate }

// Ratio is the median p99 with the fault over the one without.
func (c Comparison) Ratio() float64 { return ratio(c.With, c.Without) }

// NullRatio is the same of windows that both are without the fault.
func (c Comparison) NullRatio() float64 { return ratio(c.Null, c.Without) }

func ratio(a, b []LoadResult) float64 {
	return float64(Median(a, P99)) / float64(max(Median(b, P99), 1))
}

// String tells medians, made for figures.
func (c Comparison) String() string {
	return fmt.Sprintf("p99 %v with it, %v without: ratio %.2f, null test %.2f (medians of %d pairs)",
		Median(c.With, P99).Round(10*time.Microsecond), Median(c.Without, P99).Round(10*time.Microsecond), c.Ratio(), c.NullRatio(), len(c.With))
}
