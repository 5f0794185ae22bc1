package stats

// This file owns the snapshot and its form as JSON. It must not know how the
// numbers came about, nor who asked for them.

import (
	"math"
	"strconv"
)

// Snapshot holds the numbers of one Recorder at one moment. NewSnapshot makes it,
// and Recorder.Fill may fill it any number of times. It has
// one owner at a time: the loop while it fills it, then whoever writes it. It
// must not be copied, because a copy would share the latencies' memory.
type Snapshot struct {
	totals [numCounters]int64

	// Messages per second over the last 1 s and 10 s.
	requestRateShort, requestRateLong float64
	replyRateShort, replyRateLong     float64

	latencies *Latencies
	uptime    int64 // ns

	// Naks are the NAKs that were made here, by reason, Upstreams the servers, and
	// Words how often each was said. Whoever has none leaves them empty, and they are
	// not written.
	Naks      []Named
	Upstreams []Upstream
	Words     []Named
}

// NewSnapshot makes an empty snapshot, with the memory that Fill needs: whoever
// asks a loop for its numbers brings it, so that the loop does not allocate.
func NewSnapshot() *Snapshot { return &Snapshot{latencies: NewLatencies()} }

// AppendJSON appends the snapshot to dst as one JSON object on one line, with
// LF at its end, and returns the longer slice. Keys come in a fixed order.
// Percentiles are computed here, so the loop should not call it.
func (s *Snapshot) AppendJSON(dst []byte) []byte {
	t := &s.totals
	dst = append(dst, '{')
	dst = appendInt(dst, "msg_total", t[MsgReq]+t[MsgAck]+t[MsgNak])
	dst = s.appendCounters(dst, MsgReq, MsgAck, MsgNak)
	dst = appendFloat(dst, "request_rate_1s", s.requestRateShort)
	dst = appendFloat(dst, "request_rate_10s", s.requestRateLong)
	dst = appendFloat(dst, "response_rate_1s", s.replyRateShort)
	dst = appendFloat(dst, "response_rate_10s", s.replyRateLong)
	dst = appendInt(dst, "connections", t[Accepts]-t[Closes])
	dst = s.appendCounters(dst, RefusedPerIP, RefusedHeader, Answered)
	dst = appendInt(dst, "outstanding", t[MsgReq]-t[Answered]-t[Abandoned])
	dst = s.appendCounters(dst, Abandoned, LinesInvalid, DataInvalid, Strays, Late,
		NakZero, NaksLocal, Duplicates, OutOfOrder, BytesIn, BytesOut)
	dst = s.appendLatencies(dst)
	dst = s.appendCounters(dst, EventsStale, LogDropped)
	if len(s.Naks) > 0 {
		dst = appendNamed(dst, "naks_local_by_reason", s.Naks)
	}
	if len(s.Upstreams) > 0 {
		dst = appendUpstreams(dst, s.Upstreams)
	}
	if len(s.Words) > 0 {
		dst = appendNamed(dst, "words", s.Words)
	}
	dst = appendFloat(dst, "uptime_s", rounded(float64(s.uptime)/1e9, 1e3))
	return append(dst, '}', '\n')
}

func (s *Snapshot) appendCounters(dst []byte, counters ...Counter) []byte {
	for _, c := range counters {
		dst = appendInt(dst, c.String(), s.totals[c])
	}
	return dst
}

// reportedPercentiles are the percentiles of latency_us, in their order.
var reportedPercentiles = [...]struct {
	key        string
	percentile float64
}{
	{"p50", 50},
	{"p90", 90},
	{"p99", 99},
	{"p999", 99.9},
}

// appendLatencies writes microseconds with one decimal at most: more would claim
// a precision that the histogram does not have.
func (s *Snapshot) appendLatencies(dst []byte) []byte {
	latencies := s.latencies
	if latencies == nil {
		latencies = NewLatencies()
	}
	dst = append(appendKey(dst, "latency_us"), '{')
	for _, p := range reportedPercentiles {
		dst = appendFloat(dst, p.key, microseconds(latencies.Percentile(p.percentile)))
	}
	dst = appendFloat(dst, "max", microseconds(latencies.Longest()))
	return append(dst, '}')
}

func microseconds(ns int64) float64 {
	return rounded(float64(ns)/1e3, 10)
}

// rounded keeps the decimals that steps of a whole are written with.
func rounded(value, steps float64) float64 {
	return math.Round(value*steps) / steps
}

// appendKey writes a key, after a comma unless it is the first of its object.
// Keys are constants of this package and need no escaping.
func appendKey(dst []byte, key string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	dst = append(dst, key...)
	return append(dst, '"', ':')
}

func appendInt(dst []byte, key string, value int64) []byte {
	return strconv.AppendInt(appendKey(dst, key), value, 10)
}

func appendFloat(dst []byte, key string, value float64) []byte {
	return strconv.AppendFloat(appendKey(dst, key), value, 'f', -1, 64)
}
