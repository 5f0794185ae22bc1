// pace_test.go: what is due when, and for whom.

package load

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestPaceIsEven(t *testing.T) {
	for _, c := range []struct {
		rate   float64
		number uint64
		want   time.Duration
	}{
		{1000, 0, 0},
		{1000, 1, time.Millisecond},
		{1000, 3_600_000, time.Hour},
		{3, 1, 333_333_333},
		{3, 3, time.Second},
		{RateMax, 7, 70},
		{1, 86400, 24 * time.Hour},
	} {
		if got := (pace{c.rate}).due(c.number); got != int64(c.want) {
			t.Errorf("%v/s: request %d is due at %d, want %d", c.rate, c.number, got, c.want)
		}
	}
}

// TestWhatIsDueIsCounted counts one by one.
func TestWhatIsDueIsCounted(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 0))
	rates := []float64{1, 3, 7, 1000, 99_999, 1_000_000, RateMax}
	for range 200 {
		rates = append(rates, float64(1+random.IntN(10_000_000)))
	}
	for _, rate := range rates {
		p := pace{rate}
		at, naive := int64(-3), uint64(0)
		for range 300 {
			for p.due(naive) <= at {
				naive++
			}
			if got := p.count(at); got != naive {
				t.Fatalf("%v/s: %d requests are due at %d, want %d", rate, got, at, naive)
			}
			switch random.IntN(3) {
			case 0:
				at++
			case 1:
				at = p.due(naive) - int64(random.IntN(2)) // at the very moment, or just before
			case 2:
				at += random.Int64N(int64(3*float64(time.Second)/rate) + 1)
			}
		}
	}
}

func TestRequestsGoToTheConnectionsInTurn(t *testing.T) {
	next := uint64(0)
	for seq := uint64(1); seq <= 100; seq++ {
		for connection := range 4 {
			if got := number(4, connection, seq); got != next {
				t.Fatalf("connection %d, Seq %d: request %d, want %d", connection, seq, got, next)
			}
			next++
		}
	}
}

func TestSharesAddUp(t *testing.T) {
	for _, c := range []struct {
		requests    uint64
		connections int
	}{{0, 3}, {1, 1}, {10, 3}, {3, 10}, {1_000_003, 50}} {
		sum, previous := uint64(0), share(c.requests, c.connections, 0)
		for i := range c.connections {
			count := share(c.requests, c.connections, i)
			if count > previous || previous-count > 1 {
				t.Errorf("%+v: connection %d gets %d after %d", c, i, count, previous)
			}
			// Its last one is among them, and the one behind that is not.
			if count > 0 && number(c.connections, i, count) >= c.requests || number(c.connections, i, count+1) < c.requests {
				t.Errorf("%+v: connection %d gets %d", c, i, count)
			}
			sum, previous = sum+count, count
		}
		if sum != c.requests {
			t.Errorf("%+v: %d in all", c, sum)
		}
	}
}
