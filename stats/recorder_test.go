package stats

import (
	"math"
	"testing"

	"github.com/rcrowley/go-metrics"
)

func TestCountersHaveDistinctNames(t *testing.T) {
	seen := map[string]Counter{}
	for c := range numCounters {
		other, taken := seen[c.String()]
		if c.String() == "" || taken {
			t.Errorf("counter %d is named %q, as counter %d", c, c.String(), other)
		}
		seen[c.String()] = c
	}
	if got := numCounters.String(); got != "counter(21)" {
		t.Errorf("a value that is no counter is named %q", got)
	}
}

// registered reads a counter as a stranger to the loop would.
func registered(t *testing.T, registry metrics.Registry, c Counter) int64 {
	t.Helper()
	counter, ok := registry.Get(c.String()).(metrics.Counter)
	if !ok {
		t.Fatalf("%s is not in the registry", c)
	}
	return counter.Count()
}

func TestEachCounterReachesTheRegistryOnceATurn(t *testing.T) {
	for c := range numCounters {
		t.Run(c.String(), func(t *testing.T) {
			registry := metrics.NewRegistry()
			r := NewRecorder(registry, 0)
			r.Add(c, 2)
			r.Add(c, 3)
			if got := registered(t, registry, c); got != 0 || r.Count(c) != 5 {
				t.Errorf("in the turn: registry %d, recorder %d, want 0 and 5", got, r.Count(c))
			}
			r.EndTurn(1)
			r.EndTurn(1)
			r.Add(c, 1)
			r.Add(c, 0)
			r.EndTurn(2)
			for other := range numCounters {
				want := int64(0)
				if other == c {
					want = 6
				}
				if got := registered(t, registry, other); got != want || r.Count(other) != want {
					t.Errorf("%s: registry %d, recorder %d, want %d", other, got, r.Count(other), want)
				}
			}
		})
	}
}

func TestOnlyMessagesEnterTheWindows(t *testing.T) {
	for c := range numCounters {
		r := NewRecorder(metrics.NewRegistry(), 0)
		r.Add(c, 4)
		r.EndTurn(5)
		s := NewSnapshot()
		r.Fill(s, 5)
		var wantRequests, wantReplies float64
		switch c {
		case MsgReq:
			wantRequests = 4
		case MsgAck, MsgNak:
			wantReplies = 4
		}
		if s.requestRateShort != wantRequests || s.replyRateShort != wantReplies {
			t.Errorf("%s: rates %v and %v, want %v and %v", c, s.requestRateShort, s.replyRateShort, wantRequests, wantReplies)
		}
	}
}

func TestSecondRecorderInOneRegistryPanics(t *testing.T) {
	registry := metrics.NewRegistry()
	NewRecorder(registry, 0)
	defer func() {
		if recover() == nil {
			t.Error("two recorders shared one registry")
		}
	}()
	NewRecorder(registry, 0)
}

// TestSteadyTrafficIsRatedWithinTwoPercent sends 1,000 messages a second for
// 15 s of virtual time, reads at odd moments, then waits for the silence.
func TestSteadyTrafficIsRatedWithinTwoPercent(t *testing.T) {
	const start = 123_456_789
	r := NewRecorder(metrics.NewRegistry(), start)
	s := NewSnapshot()
	rates := func(now int64) [4]float64 {
		r.Fill(s, now)
		return [4]float64{s.requestRateShort, s.replyRateShort, s.requestRateLong, s.replyRateLong}
	}
	var end int64
	for i := range int64(15_000) {
		end = start + i*testMillisecond
		r.Add(MsgReq, 1)
		r.Add([]Counter{MsgAck, MsgNak}[i%2], 1)
		r.EndTurn(end)
		for j, rate := range rates(end + 700_000) {
			full := i >= 1_000 && j < 2 || i >= 10_000
			if full && math.Abs(rate-1000) > 20 {
				t.Fatalf("after %d ms rate %d is %v, want 1000 within 2 %%", i, j, rate)
			}
			if rate > 1000.0001 {
				t.Fatalf("after %d ms rate %d is %v: the window is longer than its name", i, j, rate)
			}
		}
	}
	if got := rates(end + 1_020*testMillisecond); got[0] != 0 || got[1] != 0 || got[2] == 0 || got[3] == 0 {
		t.Errorf("1.02 s after the end: %v", got)
	}
	if got := rates(end + 10_020*testMillisecond); got != [4]float64{} {
		t.Errorf("10.02 s after the end: %v", got)
	}
}

func TestLoopSideDoesNotAllocate(t *testing.T) {
	r := NewRecorder(metrics.NewRegistry(), 0)
	s := NewSnapshot()
	var now int64
	r.Fill(s, now)
	w := NewWindow(now)
	tests := []struct {
		name string
		call func()
	}{
		{"Window.Add", func() {
			now += testMillisecond
			w.Add(now, 1)
		}},
		{"Add", func() { r.Add(MsgReq, 1) }},
		{"Latency", func() { r.Latency(now) }},
		{"EndTurn", func() {
			now += 3 * testMillisecond
			r.Add(MsgReq, 1)
			r.Add(MsgAck, 1)
			r.EndTurn(now)
		}},
		{"EndTurn after a long gap", func() {
			now += 30 * testSecond
			r.Add(MsgReq, 1)
			r.EndTurn(now)
		}},
		{"EndTurn without change", func() { r.EndTurn(now) }},
		{"Fill", func() {
			now += 7 * testMillisecond
			r.Add(MsgNak, 1)
			r.Fill(s, now)
		}},
	}
	for _, test := range tests {
		if got := testing.AllocsPerRun(1000, test.call); got != 0 {
			t.Errorf("%s allocates %v times", test.name, got)
		}
	}
}
