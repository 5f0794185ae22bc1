package main

// Tests of the arithmetic and of what is told of it.

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSpreadOfValuesInAnyOrder(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   spread
	}{
		{[]float64{7}, spread{7, 7, 7, 7, 7}},
		{[]float64{3, 1}, spread{1, 1.5, 2, 2.5, 3}},
		{[]float64{5, 1, 4, 2, 3}, spread{1, 2, 3, 4, 5}},
		{[]float64{4, 1, 3, 2}, spread{1, 1.75, 2.5, 3.25, 4}},
		{[]float64{1, 1, 1, 100}, spread{1, 1, 1, 25.75, 100}},
	} {
		given := slices.Clone(test.values)
		if got := spreadOf(test.values); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.values, got, test.want)
		}
		if !slices.Equal(given, test.values) {
			t.Errorf("%v was changed to %v", given, test.values)
		}
	}
}

// A quartile has a quarter of the other values on one side, whatever they are.
func TestQuartilesDivideTheValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n < 60; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = math.Floor(random.Float64() * 20)
		}
		s := spreadOf(values)
		for q, at := range map[float64]float64{0.25: s.Lower, 0.5: s.Median, 0.75: s.Upper} {
			below, above := 0, 0
			for _, v := range values {
				if v < at {
					below++
				}
				if v > at {
					above++
				}
			}
			// It lies between two of them, so one more is allowed.
			if others := float64(n - 1); float64(below) > q*others+1 || float64(above) > (1-q)*others+1 {
				t.Fatalf("%v: quantile %g is %g, with %d below and %d above", values, q, at, below, above)
			}
		}
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	base := series{100, 200, 400, 0, 100}
	s := series{90, 180, 360, 50, 0}
	got := s.ratiosTo(base)
	if want := []float64{0.9, 0.9, 0.9}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v: the machine was slower from round to round, the program was not", got, want)
	}
	f := figureOf(s, base)
	if f.Value.Median != 135 || f.Ratio.Median != 0.9 {
		t.Errorf("value %g, ratio %g", f.Value.Median, f.Ratio.Median)
	}
	if f := figureOf(series{0, 0}, base); f != nil {
		t.Errorf("no figures gave %+v", f)
	}
	if f := figureOf(s, nil); f == nil || f.Ratio != nil {
		t.Errorf("without a base: %+v", f)
	}
}

// runsOf makes one run a round.
func runsOf(name string, make func(round int) run) []run {
	var runs []run
	for round := range 3 {
		r := make(round)
		r.Program, r.Round = name, round
		runs = append(runs, r)
	}
	return runs
}

func testPrograms() []program {
	return []program{{Name: nameDirect}, {Name: nameProxy, Version: "1"}, {Name: nameHAProxy, Version: "2.6.12"},
		{Name: nameIOCopy, Version: "go"}, {Name: nameHAProxy + againSuffix, Version: "2.6.12"}}
}

// testMeasured is a shape in which foo_proxy loses, io.Copy was not busy, and the
// null test goes from 0.98 to 1.02.
func testMeasured() measured {
	m := measured{shape: shape{50, 1}, OpenRate: 12345}
	add := func(name string, cpu, busy, rate, p99 float64, factor ...float64) {
		at := func(round int) float64 {
			if factor == nil {
				return 1
			}
			return factor[round]
		}
		m.Closed = append(m.Closed, runsOf(name, func(i int) run { return run{CPU: cpu * at(i), Busy: busy, Rate: rate} })...)
		m.Open = append(m.Open, runsOf(name, func(i int) run { return run{P99: p99 * at(i), Rate: 12345} })...)
	}
	add(nameDirect, 0, 0, 90000, 50)
	add(nameProxy, 20000, 0.99, 40000, 300)
	add(nameHAProxy, 16000, 0.98, 50000, 200)
	add(nameIOCopy, 24000, 0.90, 30000, 400)
	add(nameHAProxy+againSuffix, 16000, 0.97, 50000, 200, 0.96, 1, 1.04)
	return m
}

func TestSummaryTellsWhatCounts(t *testing.T) {
	s := summarize(testMeasured(), testPrograms(), nameHAProxy)
	direct, proxy, base, idle := s.find(nameDirect), s.find(nameProxy), s.find(nameHAProxy), s.find(nameIOCopy)
	if direct.CPU != nil || direct.Busy != nil || direct.Rate == nil || direct.P99 == nil {
		t.Errorf("direct: %+v", direct)
	}
	if proxy.CPU.Ratio.Median != 1.25 || proxy.P99.Ratio.Median != 1.5 || proxy.Rate.Ratio.Median != 0.8 {
		t.Errorf("foo_proxy: %+v", proxy)
	}
	if base.CPU.Ratio != nil || base.CPU.Value.Median != 16000 {
		t.Errorf("the base: %+v", base.CPU)
	}
	if idle.Rate != nil || idle.CPU == nil || idle.Busy.Median != 0.90 {
		t.Errorf("a proxy that was not busy: %+v", idle)
	}
	if n := s.nullOf(metricCPU, nameHAProxy+againSuffix); n == nil || n.Lower != 0.98 || n.Upper != 1.02 {
		t.Errorf("null test: %+v", n)
	}
	if n := s.nullOf(metricInstructions, nameHAProxy+againSuffix); n != nil {
		t.Errorf("null test of what was not counted: %+v", n)
	}
	if s.find("nobody") != nil {
		t.Error("a row of nobody was found")
	}
}

// Where the base itself was not busy, nobody's throughput has a ratio.
func TestThroughputOfABaseThatWasNotBusyIsNoMeasure(t *testing.T) {
	m := testMeasured()
	for i := range m.Closed {
		if m.Closed[i].Program == nameHAProxy {
			m.Closed[i].Busy = 0.94
		}
	}
	s := summarize(m, testPrograms(), nameHAProxy)
	if r := s.find(nameProxy).Rate; r == nil || r.Ratio != nil {
		t.Errorf("foo_proxy: %+v", r)
	}
	if r := s.find(nameHAProxy).Rate; r != nil {
		t.Errorf("the base: %+v", r)
	}
}

func TestKeptIsTheBasesOnly(t *testing.T) {
	m := testMeasured()
	for i := range m.Closed {
		m.Closed[i].Kept = 0.5
		if m.Closed[i].Program == nameHAProxy {
			m.Closed[i].Kept = 0.01 * float64(1+m.Closed[i].Round)
		}
	}
	if got := keptOf([]measured{m, m}, nameHAProxy); got.Median != 0.02 || got.Most != 0.03 {
		t.Errorf("%+v", got)
	}
}

func TestOpenRateIsHalfTheLeastCapacity(t *testing.T) {
	var runs []run
	for _, rate := range []float64{900, 1000, 5000} {
		runs = append(runs, run{Program: "slow", Rate: rate}, run{Program: "fast", Rate: 3 * rate})
	}
	if got := openRate(runs); got != 500 {
		t.Errorf("%d, want 500", got)
	}
	if got := openRate([]run{{Program: "a", Rate: 1}}); got != 1 {
		t.Errorf("%d, want 1: a rate of 0 would be a closed loop", got)
	}
}

func TestRoundsAreRotated(t *testing.T) {
	const n = 5
	for round := range 2 * n {
		order := rotated(n, round)
		if order[0] != round%n {
			t.Errorf("round %d begins with %d", round, order[0])
		}
		sorted := slices.Sorted(slices.Values(order))
		for i, v := range sorted {
			if i != v {
				t.Fatalf("round %d: %v is not every program once", round, order)
			}
		}
	}
}
