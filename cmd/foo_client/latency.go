// This file owns the latencies of a load run. It must not know where they are
// from.
package main

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// latencies is one histogram for all connections, since one for each would
// cost 200 KiB. Connections come with batches, so that they seldom wait for
// each other.
type latencies struct {
	mutex     sync.Mutex
	histogram *hdrhistogram.Histogram // in nanoseconds, 3 digits
}

func newLatencies() *latencies {
	return &latencies{histogram: hdrhistogram.New(1, int64(latencyMax), 3)}
}

// record adds a batch; it keeps nothing of it.
func (l *latencies) record(batch []time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	for _, latency := range batch {
		// It cannot fail: the value is between the bounds.
		_ = l.histogram.RecordValue(int64(min(max(latency, 1), latencyMax)))
	}
}

// at returns the latency that the given percentage of replies did not exceed.
func (l *latencies) at(percentile float64) time.Duration {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return time.Duration(l.histogram.ValueAtPercentile(percentile))
}
