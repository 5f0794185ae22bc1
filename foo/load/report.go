// report.go owns how a result is written for programs: a figure a line, or one
// JSON object. It must not know how the figures were got.

package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"time"
)

// perSecond is how many replies came in a second.
func (s *Result) perSecond() float64 {
	if s.elapsed <= 0 {
		return 0
	}
	return float64(s.answered()) / s.elapsed.Seconds()
}

// micros is in microseconds, to the nanosecond.
func micros(nanos float64) float64 { return math.Round(nanos) / 1000 }

// Text is the report, one figure a line: its name, blanks, and the value.
func (s *Result) Text() []byte {
	var b bytes.Buffer
	line := func(name, format string, value any) { fmt.Fprintf(&b, "%-12s"+format+"\n", name, value) }
	line("requests", "%d", s.sent)
	line("seconds", "%.3f", s.elapsed.Seconds())
	line("rate", "%.1f", s.perSecond())
	for _, p := range []struct {
		name       string
		percentile float64
	}{{"p50_us", 50}, {"p90_us", 90}, {"p99_us", 99}, {"p999_us", 99.9}, {"max_us", 100}} {
		if s.answered() > 0 {
			line(p.name, "%.1f", float64(s.latencies.at(p.percentile))/float64(time.Microsecond))
		}
	}
	line("mismatches", "%d", s.mismatches())
	for _, kind := range []struct {
		name  string
		count uint64
	}{
		{"  seq", s.wrongSeq}, {"  order", s.wrongOrder}, {"  data", s.wrongData}, {"  not_foo", s.notFoo},
	} {
		if kind.count > 0 {
			line(kind.name, "%d", kind.count)
		}
	}
	line("naks", "%d", s.naks)
	line("missing", "%d", s.missing)
	if s.lost > 0 {
		line("  lost", "%d", s.lost)
	}
	if s.unsent > 0 {
		line("unsent", "%d", s.unsent)
	}
	if s.replaced > 0 {
		line("reconnects", "%d", s.replaced)
	}
	return b.Bytes()
}

// figures are the keys of the JSON object, in their order.
type figures struct {
	Connections     int     `json:"connections"`
	Depth           int     `json:"depth"`
	Size            int     `json:"size"`
	TargetRate      int     `json:"target_rate"`
	Requests        uint64  `json:"requests"`
	Answered        uint64  `json:"answered"`
	Seconds         float64 `json:"seconds"`
	Rate            float64 `json:"rate"`
	MeanMicros      float64 `json:"mean_us"`
	P50Micros       float64 `json:"p50_us"`
	P90Micros       float64 `json:"p90_us"`
	P99Micros       float64 `json:"p99_us"`
	P999Micros      float64 `json:"p999_us"`
	MaxMicros       float64 `json:"max_us"`
	Mismatches      uint64  `json:"mismatches"`
	WrongSeq        uint64  `json:"wrong_seq"`
	WrongOrder      uint64  `json:"wrong_order"`
	WrongData       uint64  `json:"wrong_data"`
	NotFoo          uint64  `json:"not_foo"`
	Naks            uint64  `json:"naks"`
	Missing         uint64  `json:"missing"`
	Lost            uint64  `json:"lost"`
	Unsent          uint64  `json:"unsent"`
	Reconnects      uint64  `json:"reconnects"`
	ConnectionsLost int     `json:"connections_lost"`
}

// JSON is the report as one object on one line, every figure in it.
func (s *Result) JSON() []byte {
	at := func(percentile float64) float64 { return micros(float64(s.latencies.at(percentile))) }
	line, err := json.Marshal(figures{
		Connections: s.connections, Depth: s.depth, Size: s.size, TargetRate: s.rate,
		Requests: s.sent, Answered: s.answered(),
		Seconds: s.elapsed.Seconds(), Rate: math.Round(s.perSecond()*10) / 10,
		MeanMicros: micros(s.latencies.mean()), P50Micros: at(50), P90Micros: at(90), P99Micros: at(99),
		P999Micros: at(99.9), MaxMicros: at(100),
		Mismatches: s.mismatches(), WrongSeq: s.wrongSeq, WrongOrder: s.wrongOrder, WrongData: s.wrongData,
		NotFoo: s.notFoo, Naks: s.naks, Missing: s.missing, Lost: s.lost, Unsent: s.unsent,
		Reconnects: s.replaced, ConnectionsLost: len(s.losses),
	})
	if err != nil {
		panic("load: numbers cannot be written: " + err.Error())
	}
	return append(line, '\n')
}
