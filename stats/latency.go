package stats

// This file owns the distribution of latencies. It must not know what was
// waited for, nor read a clock.

import "github.com/HdrHistogram/hdrhistogram-go"

// Latencies is the distribution of all latencies recorded since it was made,
// exact to 1 % between 1 µs and 1 h; its memory is fixed (27 KiB). It has one
// owner and no lock; several goroutines may read one that nobody changes. A
// copy of the struct would share its memory, so it is passed as a pointer.
type Latencies struct {
	histogram *hdrhistogram.Histogram
	longest   int64 // ns; the histogram knows it only to 1 %
}

// NewLatencies returns an empty distribution.
func NewLatencies() *Latencies {
	return &Latencies{histogram: hdrhistogram.New(latencyMin, latencyMax, latencyDigits)}
}

// Record adds one latency in nanoseconds. Values below 1 µs, negative ones
// included, count as 1 µs, values above 1 h as 1 h. It does not allocate.
func (l *Latencies) Record(ns int64) {
	l.RecordMany(ns, 1)
}

// RecordMany counts n latencies that are alike. It costs as much as one.
func (l *Latencies) RecordMany(ns, n int64) {
	ns = min(max(ns, latencyMin), latencyMax)
	l.longest = max(l.longest, ns)
	if err := l.histogram.RecordValues(ns, n); err != nil {
		panic("stats: the histogram refused a latency within its own range: " + err.Error())
	}
}

// CopyFrom makes l equal to other. It does not allocate. Measured: 10 µs
// where the longest latency is 10 ms, 20 µs where it is 1 h.
func (l *Latencies) CopyFrom(other *Latencies) {
	// The library offers no copy into existing memory; Export and Clone
	// allocate. Merging into an empty histogram of the same shape is exact.
	l.histogram.Reset()
	if dropped := l.histogram.Merge(other.histogram); dropped != 0 {
		panic("stats: two latency histograms differ in shape")
	}
	l.longest = other.longest
}

// Count returns how many latencies were recorded.
func (l *Latencies) Count() int64 {
	return l.histogram.TotalCount()
}

// Percentile returns the latency in nanoseconds that `percentile` % (0 to 100)
// of all did not exceed; 0 where nothing was recorded. It searches the whole
// histogram and is not for the loop.
func (l *Latencies) Percentile(percentile float64) int64 {
	// The histogram answers with the upper end of a range of equivalent
	// values, which can lie above the longest latency that ever occurred.
	return min(l.histogram.ValueAtPercentile(percentile), l.longest)
}

// Longest returns the longest latency in nanoseconds, exactly; 0 where nothing
// was recorded.
func (l *Latencies) Longest() int64 {
	return l.longest
}
