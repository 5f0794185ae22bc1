package stats

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

const (
	testMillisecond = int64(1_000_000)
	testSecond      = int64(1_000_000_000)
)

// eventList is the naive oracle: it keeps every event with its time and counts
// again for each question.
type eventList struct {
	start int64
	times []int64
	sizes []int64
}

func (e *eventList) add(now, n int64) {
	e.times = append(e.times, now)
	e.sizes = append(e.sizes, n)
}

// since counts the events at or after the time from.
func (e *eventList) since(from int64) int64 {
	var sum int64
	for i, t := range e.times {
		if t >= from {
			sum += e.sizes[i]
		}
	}
	return sum
}

// check compares the window with the oracle at now: exactly, by where the
// buckets begin, and by the promise of the name, which knows no buckets.
func (e *eventList) check(t *testing.T, w *Window, now int64) {
	t.Helper()
	w.Advance(now)
	short, long := w.Rates()
	currentBegin := now - (now-e.start)%bucketLength
	for _, c := range []struct {
		name   string
		got    float64
		length int64
	}{
		{"1s", short, testSecond},
		{"10s", long, 10 * testSecond},
	} {
		want := e.since(currentBegin - c.length + bucketLength)
		got := int64(math.Round(c.got * float64(c.length) / float64(testSecond)))
		if got != want {
			t.Fatalf("at %d ns the %s window holds %d events, want %d", now, c.name, got, want)
		}
		if most := e.since(now - c.length + 1); got > most {
			t.Fatalf("at %d ns the %s window is longer than its name: %d events, at most %d", now, c.name, got, most)
		}
		if least := e.since(now - c.length + bucketLength); got < least {
			t.Fatalf("at %d ns the %s window forgot young events: %d, at least %d", now, c.name, got, least)
		}
	}
}

func TestWindowAgreesWithListOfEvents(t *testing.T) {
	for seed := range uint64(100) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			start := random.Int64N(1 << 40)
			window, events := NewWindow(start), &eventList{start: start}
			now := start
			for range 120 {
				now += randomGap(random)
				n := 1 + random.Int64N(1000)
				window.Add(now, n)
				events.add(now, n)
				if random.IntN(2) == 0 {
					now += randomGap(random)
				}
				events.check(t, window, now)
			}
		})
	}
}

// randomGap draws a step of every size that matters: none, within a bucket, a
// few buckets, around the length of each window, and far beyond the ring.
func randomGap(random *rand.Rand) int64 {
	switch random.IntN(8) {
	case 0, 1:
		return 0
	case 2, 3:
		return random.Int64N(bucketLength)
	case 4:
		return random.Int64N(30) * bucketLength
	case 5:
		return testSecond + random.Int64N(4*bucketLength) - 2*bucketLength
	case 6:
		return 10*testSecond + random.Int64N(4*bucketLength) - 2*bucketLength
	default:
		return random.Int64N(100 * testSecond)
	}
}

func FuzzWindowAgreesWithListOfEvents(f *testing.F) {
	step := func(gapMicroseconds uint32, n uint8) []byte {
		return append(binary.LittleEndian.AppendUint32(nil, gapMicroseconds), n)
	}
	f.Add(int64(0), step(0, 1))
	f.Add(int64(5), append(step(9_999, 3), step(1, 4)...))
	f.Add(int64(-7), append(step(990_000, 3), step(10_000, 4)...))
	f.Add(int64(1<<50), append(step(9_990_000, 3), step(10_000, 4)...))
	f.Add(int64(1), append(step(1, 3), step(4_000_000_000, 4)...))
	f.Fuzz(func(t *testing.T, start int64, steps []byte) {
		if start > 1<<60 || start < -1<<60 || len(steps) > 5*200 {
			t.Skip("no clock runs that far, and the oracle is quadratic")
		}
		window, events := NewWindow(start), &eventList{start: start}
		now := start
		for ; len(steps) >= 5; steps = steps[5:] {
			now += int64(binary.LittleEndian.Uint32(steps)) * 1000
			if n := int64(steps[4]); n != 0 {
				window.Add(now, n)
				events.add(now, n)
			}
			events.check(t, window, now)
		}
	})
}

func TestWindowRatesAtEdges(t *testing.T) {
	tests := []struct {
		name             string
		addAt            int64 // 100 events
		readAt           int64
		wantShort, wantL float64
	}{
		{"at once, divided by the whole length", 0, 0, 100, 10},
		{"last moment inside 1 s", 0, testSecond - 1, 100, 10},
		{"1 s later", 0, testSecond, 0, 10},
		{"end of its bucket, 990 ms later", 10*testMillisecond - 1, testSecond, 0, 10},
		{"last moment inside 10 s", 0, 10*testSecond - 1, 0, 10},
		{"10 s later", 0, 10 * testSecond, 0, 0},
		{"a gap of the ring's length and one bucket", 0, 10*testSecond + bucketLength, 0, 0},
		{"a year later", 0, 365 * 24 * 3600 * testSecond, 0, 0},
		{"time seems to go back", 5 * testSecond, 4 * testSecond, 100, 10},
		{"before the start", -testSecond, 0, 100, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			window := NewWindow(0)
			window.Add(test.addAt, 100)
			window.Advance(test.readAt)
			short, long := window.Rates()
			if short != test.wantShort || long != test.wantL {
				t.Errorf("rates %v and %v, want %v and %v", short, long, test.wantShort, test.wantL)
			}
		})
	}
}
