package proctest

// This file owns a distribution of latencies in fixed memory, exact to 3 %. It
// shares nothing with the one that the product counts with.

import (
	"math/bits"
	"time"
)

const (
	// stepBits is how many bits behind the first are told apart.
	stepBits = 5
	// latencyUnit is the finest step, in nanoseconds: 256 ns.
	latencyUnitBits = 8
	// latencyRanges reach from 256 ns to beyond 2 hours.
	latencyRanges = 36
)

// latencies counts in steps: up to 2^stepBits units each unit is one, and each
// doubling behind is divided into as many.
type latencies struct {
	counts  [latencyRanges << stepBits]uint32
	longest time.Duration
}

func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	l.longest = max(l.longest, d)
	l.counts[min(stepOf(uint64(d)>>latencyUnitBits), len(l.counts)-1)]++
}

func stepOf(units uint64) int {
	shift := max(bits.Len64(units)-stepBits-1, 0)
	return shift<<stepBits + int(units>>shift)
}

// topOf is the longest latency of a step.
func topOf(step int) time.Duration {
	shift := max(step>>stepBits-1, 0)
	units := uint64(step-shift<<stepBits+1) << shift
	return time.Duration(units << latencyUnitBits)
}

// take adds what other holds, and empties it.
func (l *latencies) take(other *latencies) {
	for i, n := range other.counts {
		l.counts[i] += n
	}
	l.longest = max(l.longest, other.longest)
	*other = latencies{}
}

// at is the latency that a share of all did not exceed; 0 where there is none.
func (l *latencies) at(share float64) time.Duration {
	total := uint64(0)
	for _, n := range l.counts {
		total += uint64(n)
	}
	seen := uint64(0)
	for step, n := range l.counts {
		seen += uint64(n)
		if n > 0 && float64(seen) >= share*float64(total) {
			return min(topOf(step), l.longest)
		}
	}
	return 0
}
