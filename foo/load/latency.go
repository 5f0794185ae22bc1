// latency.go owns the latencies of a run. It must not know where they are from.

package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latencies is one histogram for all connections, since one for each would cost
// 264 KiB. It is in nanoseconds.
type latencies struct {
	histogram *hdrhistogram.Histogram
	longest   int64 // exactly, unlike all that is in the histogram
}

func newLatencies() latencies {
	return latencies{histogram: hdrhistogram.New(1, int64(latencyMax), latencyDigits)}
}

func (l *latencies) record(nanos int64) {
	nanos = min(max(nanos, 1), int64(latencyMax))
	l.longest = max(l.longest, nanos)
	// It cannot fail: the value is between the bounds.
	_ = l.histogram.RecordValue(nanos)
}

// at is the latency, in nanoseconds, that the given percentage of replies did not
// exceed; 0 where there was none. It is the upper end of what the histogram does
// not tell apart, but never more than the longest.
func (l *latencies) at(percentile float64) int64 {
	return min(l.histogram.ValueAtPercentile(percentile), l.longest)
}

// mean is in nanoseconds.
func (l *latencies) mean() float64 {
	if l.longest == 0 {
		return 0
	}
	return l.histogram.Mean()
}

// bar is how many latencies lay up to a bound, and above the one before it.
type bar struct {
	bound time.Duration
	count int64
}

// bars are those of the bounds 1, 2, 5, 10, 20, 50, ... nanoseconds, from the
// first to the last that has some.
func (l *latencies) bars() (bars []bar) {
	bound, step := int64(1), 0
	for _, found := range l.histogram.Distribution() {
		if found.Count == 0 {
			continue
		}
		for found.From > bound {
			bound, step = nextBound(bound, step)
			if bars != nil {
				bars = append(bars, bar{bound: time.Duration(bound)})
			}
		}
		if bars == nil {
			bars = append(bars, bar{bound: time.Duration(bound)})
		}
		bars[len(bars)-1].count += found.Count
	}
	return bars
}

// nextBound goes from 1 to 2 to 5 to 10.
func nextBound(bound int64, step int) (next int64, nextStep int) {
	switch step {
	case 1:
		return bound / 2 * 5, 2
	default:
		return bound * 2, (step + 1) % 3
	}
}
