package main

// This file owns the order of the runs: which program comes when, in rounds that
// each begin with another one, so that a machine that grows slower or warmer does
// so for all. It computes no ratios.

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
)

// run is what one load run has told of one program.
type run struct {
	Program string `json:"program"`
	Round   int    `json:"round"`

	CPU          float64 `json:"cpu_ns,omitempty"`       // of the proxy, a request
	Instructions float64 `json:"instructions,omitempty"` // of the proxy, a request
	Busy         float64 `json:"busy,omitempty"`         // share of its core
	Kept         float64 `json:"kept,omitempty"`         // share of the time it waited for its core
	Rate         float64 `json:"rate"`                   // requests a second
	P99          float64 `json:"p99_us"`
}

// measured is what was found in one shape. Counted is empty where perf counts
// nothing.
type measured struct {
	shape
	OpenRate int   `json:"open_rate"` // requests a second, of all programs
	Closed   []run `json:"closed_loop"`
	Counted  []run `json:"counted,omitempty"`
	Open     []run `json:"open_loop"`
}

// bench is one comparison.
type bench struct {
	options
	layout   layout
	machine  machine
	programs []program
	base     string
	missing  []string // a line for each program that is not here
	counts   bool     // whether perf counts instructions
	temp     string   // a folder for configurations and output
	progress io.Writer
}

// newBench finds out what there is to compare. The caller removes its folder.
func newBench(o options, progress io.Writer) (*bench, error) {
	b := &bench{options: o, machine: describeMachine(), progress: progress}
	var err error
	if b.layout, err = findLayout(); err != nil {
		return nil, err
	}
	ctx := context.Background() // every question has a bound of its own
	if b.programs, b.base, b.missing, err = findPrograms(ctx, o); err != nil {
		return nil, err
	}
	if b.temp, err = os.MkdirTemp("", "foo-bench-"); err != nil {
		return nil, err
	}
	if err := perfCounts(ctx, b.temp); err != nil {
		b.missing = append(b.missing, fmt.Sprintf("no instructions: %v", err))
	} else {
		b.counts = true
	}
	return b, nil
}

func (b *bench) removeTemp() {
	// What is left behind is a few files in the system's folder for such.
	_ = os.RemoveAll(b.temp)
}

// say tells where the comparison is. It goes to a terminal or a log that may be
// gone, which is no reason to end.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.progress, "bench: "+format+"\n", args...)
}

// measureShapes gives the shapes that were finished, and the error that kept it
// from the rest.
func (b *bench) measureShapes(ctx context.Context) ([]measured, error) {
	b.say("%s", b.machine)
	b.say("%s", b.layout)
	for _, line := range b.missing {
		b.say("%s", line)
	}
	var results []measured
	for _, s := range b.shapes {
		m, err := b.measureShape(ctx, s)
		if err != nil {
			return results, fmt.Errorf("%s: %w", s, err)
		}
		results = append(results, m)
	}
	return results, nil
}

func (b *bench) measureShape(ctx context.Context, s shape) (m measured, err error) {
	st := &stage{bench: b, shape: s, proxies: map[string]*process{}}
	defer st.end()
	if err := st.start(ctx); err != nil {
		return m, err
	}
	m.shape = s
	if m.Closed, err = st.rounds(ctx, "closed loop", st.measureCPU); err != nil {
		return m, err
	}
	if b.counts {
		if m.Counted, err = st.rounds(ctx, "instructions", st.measureInstructions); err != nil {
			return m, err
		}
	}
	m.OpenRate = openRate(m.Closed)
	open := func(ctx context.Context, p program) (run, error) { return st.measureLatency(ctx, p, m.OpenRate) }
	m.Open, err = st.rounds(ctx, fmt.Sprintf("open loop of %d/s", m.OpenRate), open)
	return m, err
}

// openRate is half the capacity of the program that has the least in this shape.
// One rate for all, because latencies at different rates say nothing to each
// other; the least, so that none is judged nearer to its end than at half.
func openRate(closed []run) int {
	rates := map[string][]float64{}
	for _, r := range closed {
		rates[r.Program] = append(rates[r.Program], r.Rate)
	}
	least := math.Inf(1)
	for _, values := range rates {
		least = min(least, spreadOf(values).Median)
	}
	return max(1, int(openShare*least))
}

// rotated gives the order of a round: round i begins with number i.
func rotated(n, round int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = (round + i) % n
	}
	return order
}

func (st *stage) rounds(ctx context.Context, what string, measure func(context.Context, program) (run, error)) ([]run, error) {
	var runs []run
	for round := range st.bench.rounds {
		st.say("%s: %s, round %d of %d", st.shape, what, round+1, st.bench.rounds)
		for _, i := range rotated(len(st.programs), round) {
			p := st.programs[i]
			r, err := measure(ctx, p)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", what, p.Name, err)
			}
			r.Program, r.Round = p.Name, round
			runs = append(runs, r)
		}
	}
	return runs, nil
}
