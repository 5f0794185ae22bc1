package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/rcrowley/go-metrics"
)

// BenchmarkTurn is a turn that forwards one request and one reply.
func BenchmarkTurn(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	b.ReportAllocs()
	var now int64
	for b.Loop() {
		now += 20_000
		r.Add(MsgReq, 1)
		r.Add(MsgAck, 1)
		r.Add(Answered, 1)
		r.Add(BytesIn, 100)
		r.Add(BytesOut, 100)
		r.EndTurn(now)
	}
}

func BenchmarkAdd(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	b.ReportAllocs()
	for b.Loop() {
		r.Add(MsgReq, 1)
	}
}

func BenchmarkEndTurnWithoutChange(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	b.ReportAllocs()
	for b.Loop() {
		r.EndTurn(1)
	}
}

// BenchmarkEndTurnAfterGap is the worst advance: one bucket short of the gap
// at which the ring is simply cleared.
func BenchmarkEndTurnAfterGap(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	b.ReportAllocs()
	var now int64
	for b.Loop() {
		now += (longBuckets - 1) * bucketLength
		r.Add(MsgReq, 1)
		r.Add(MsgAck, 1)
		r.EndTurn(now)
	}
}

// benchmarkLatencies are spread evenly over the magnitudes from 1 µs to 10 ms.
func benchmarkLatencies() []int64 {
	random := rand.New(rand.NewPCG(1, 2))
	latencies := make([]int64, 4096)
	for i := range latencies {
		latencies[i] = int64(math.Pow(10, 3+4*random.Float64()))
	}
	return latencies
}

func BenchmarkLatency(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	latencies := benchmarkLatencies()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r.Latency(latencies[i%len(latencies)])
		i++
	}
}

func BenchmarkFill(b *testing.B) {
	for _, longest := range []int64{10 * testMillisecond, latencyMax} {
		b.Run(fmt.Sprintf("longest=%dms", longest/testMillisecond), func(b *testing.B) {
			r := NewRecorder(metrics.NewRegistry(), 0)
			for _, ns := range benchmarkLatencies() {
				r.Latency(ns)
			}
			r.Latency(longest)
			s := NewSnapshot()
			b.ReportAllocs()
			var now int64
			for b.Loop() {
				now += testMillisecond
				r.Fill(s, now)
			}
		})
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	for _, ns := range benchmarkLatencies() {
		r.Latency(ns)
	}
	s := NewSnapshot()
	r.Fill(s, testSecond)
	b.ReportAllocs()
	var line []byte
	for b.Loop() {
		line = s.AppendJSON(line[:0])
	}
}

// BenchmarkHistogramDigits is what latencyDigits was decided by.
func BenchmarkHistogramDigits(b *testing.B) {
	latencies := benchmarkLatencies()
	for _, digits := range []int{2, 3} {
		histogram := hdrhistogram.New(latencyMin, latencyMax, digits)
		duplicate := hdrhistogram.New(latencyMin, latencyMax, digits)
		b.Run(fmt.Sprintf("record/digits=%d", digits), func(b *testing.B) {
			i := 0
			for b.Loop() {
				if err := histogram.RecordValue(latencies[i%len(latencies)]); err != nil {
					b.Fatal(err)
				}
				i++
			}
			b.ReportMetric(float64(histogram.ByteSize()), "bytes")
		})
		b.Run(fmt.Sprintf("copy/digits=%d", digits), func(b *testing.B) {
			for b.Loop() {
				duplicate.Reset()
				duplicate.Merge(histogram)
			}
		})
	}
}

// BenchmarkWindow is what a turn with one message costs its window.
func BenchmarkWindow(b *testing.B) {
	w := NewWindow(0)
	b.ReportAllocs()
	var now int64
	for b.Loop() {
		now += 20_000
		w.Add(now, 1)
	}
}
