package main

// This file owns a single measurement: what is read before and after a load run,
// and what figures that gives. It knows nothing of rounds and ratios.

import (
	"context"
	"os/exec"
	"path/filepath"
	"time"
)

// measureCPU makes a closed loop at full load: CPU time, busy and throughput.
func (st *stage) measureCPU(ctx context.Context, p program) (run, error) {
	if err := st.warm(ctx, p, 0); err != nil {
		return run{}, err
	}
	proxy := st.proxies[p.Name]
	var before cpuTime
	var err error
	if proxy != nil {
		if before, err = cpuTimeOf(proxy.cmd.Process.Pid); err != nil {
			return run{}, err
		}
	}
	begin := time.Now()
	report, err := runLoad(ctx, st.loadCommand(p, st.duration, 0), st.duration)
	took := time.Since(begin)
	if err != nil {
		return run{}, err
	}
	r := run{Rate: report.Rate, P99: report.P99US}
	if proxy != nil {
		after, err := cpuTimeOf(proxy.cmd.Process.Pid)
		if err != nil {
			return run{}, err
		}
		used := after.minus(before)
		r.CPU = float64(used.running) / float64(report.Answered)
		// The time holds the load generator's start, so the shares are not flattered.
		r.Busy = float64(used.running) / float64(took)
		r.Kept = float64(used.waiting) / float64(took)
	}
	return r, nil
}

// measureInstructions makes the same run under perf. Its other figures are not
// comparable with those of runs that are not counted.
func (st *stage) measureInstructions(ctx context.Context, p program) (run, error) {
	proxy := st.proxies[p.Name]
	if proxy == nil {
		return run{}, nil // direct has no proxy whose instructions there are
	}
	if err := st.warm(ctx, p, 0); err != nil {
		return run{}, err
	}
	file := filepath.Join(st.temp, "perf")
	cmd := underPerf(proxy.cmd.Process.Pid, file, st.loadCommand(p, st.duration, 0))
	report, err := runLoad(ctx, cmd, st.duration)
	if err != nil {
		return run{}, err
	}
	counted, err := readPerf(file)
	if err != nil {
		return run{}, err
	}
	return run{Rate: report.Rate, P99: report.P99US, Instructions: counted / float64(report.Answered)}, nil
}

// measureLatency makes an open loop.
func (st *stage) measureLatency(ctx context.Context, p program, rate int) (run, error) {
	if err := st.warm(ctx, p, rate); err != nil {
		return run{}, err
	}
	report, err := runLoad(ctx, st.loadCommand(p, st.duration, rate), st.duration)
	return run{Rate: report.Rate, P99: report.P99US}, err
}

// warm makes a short run that counts for nothing but its faults.
func (st *stage) warm(ctx context.Context, p program, rate int) error {
	duration := min(warmUp, st.duration)
	_, err := runLoad(ctx, st.loadCommand(p, duration, rate), duration)
	return err
}

func (st *stage) loadCommand(p program, duration time.Duration, rate int) *exec.Cmd {
	client := filepath.Join(st.bin, "foo_client")
	return pinned(st.layout.Load, client, st.loadArgs(st.target(p).addr, st.size, duration, rate)...)
}
