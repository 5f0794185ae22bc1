package stats

// This file owns the loop's side of the numbers. It must not block, allocate
// after NewRecorder, read a clock, or know how the numbers are written down.

import (
	"math/bits"

	"github.com/rcrowley/go-metrics"
)

// Recorder collects the numbers of one loop. It belongs to the loop's
// goroutine and has no lock. All times are nanoseconds on the loop's monotonic
// clock and never go backwards.
type Recorder struct {
	totals    [numCounters]int64
	changed   uint32             // bit c: totals[c] may differ from published[c]
	published [numCounters]int64 // what the windows and the registry know
	counters  [numCounters]*metrics.StandardCounter

	requests  *Window // MsgReq
	replies   *Window // MsgAck and MsgNak
	latencies *Latencies
	start     int64
}

// replyCounters are the bits of the counters that make up the response rate.
const replyCounters = 1<<MsgAck | 1<<MsgNak

// NewRecorder returns a recorder whose uptime begins at start. It registers
// one counter for each Counter in registry, under its name; they may be read
// by any goroutine. Each Recorder needs a registry of its own: it panics where
// one of the names is taken.
func NewRecorder(registry metrics.Registry, start int64) *Recorder {
	r := &Recorder{
		requests:  NewWindow(start),
		replies:   NewWindow(start),
		latencies: NewLatencies(),
		start:     start,
	}
	for c := range numCounters {
		r.counters[c] = new(metrics.StandardCounter)
		if err := registry.Register(c.String(), r.counters[c]); err != nil {
			panic("stats: a recorder needs a registry of its own: " + err.Error())
		}
	}
	return r
}

// Add adds n, which is not negative, to a counter. Others see it after the
// next EndTurn or Fill.
func (r *Recorder) Add(c Counter, n int64) {
	r.totals[c] += n
	r.changed |= 1 << c
}

// Latency records that a request got its reply after ns nanoseconds.
func (r *Recorder) Latency(ns int64) {
	r.latencies.Record(ns)
}

// Latencies records the same of n requests that got their replies together.
func (r *Recorder) Latencies(ns, n int64) {
	r.latencies.RecordMany(ns, n)
}

// Count returns what was added to a counter since the start, the current turn
// included. Only the loop may call it.
func (r *Recorder) Count(c Counter) int64 {
	return r.totals[c]
}

// EndTurn publishes what was added since the last call: to the windows at the
// time now, and to the registry. The loop calls it once a turn. It costs one
// comparison when nothing was added.
func (r *Recorder) EndTurn(now int64) {
	if r.changed != 0 {
		r.publish(now)
	}
}

// publish is apart from EndTurn so that the compiler can inline the comparison.
func (r *Recorder) publish(now int64) {
	if r.changed&(1<<MsgReq) != 0 {
		r.requests.Add(now, r.pending(MsgReq))
	}
	if r.changed&replyCounters != 0 {
		r.replies.Add(now, r.pending(MsgAck)+r.pending(MsgNak))
	}
	for ; r.changed != 0; r.changed &= r.changed - 1 {
		c := bits.TrailingZeros32(r.changed)
		r.counters[c].Inc(r.totals[c] - r.published[c])
		r.published[c] = r.totals[c]
	}
}

// pending returns what was added to a counter since it was last published.
func (r *Recorder) pending(c Counter) int64 {
	return r.totals[c] - r.published[c]
}

// Fill copies all numbers as they are at the time now into s. It ends the turn
// first, so that totals, rates and registry agree in whatever phase of a turn
// it is called. It does not allocate, and costs as much as
// Latencies.CopyFrom. The recorder keeps no reference to s: afterwards it
// belongs to the caller, who may give it to another goroutine.
func (r *Recorder) Fill(s *Snapshot, now int64) {
	r.EndTurn(now)
	r.requests.Advance(now)
	r.replies.Advance(now)
	s.totals = r.totals
	s.requestRateShort, s.requestRateLong = r.requests.Rates()
	s.replyRateShort, s.replyRateLong = r.replies.Rates()
	s.latencies.CopyFrom(r.latencies)
	s.uptime = now - r.start
}
