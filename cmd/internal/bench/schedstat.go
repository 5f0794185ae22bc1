package main

// This file owns the CPU time of a process, from the scheduler's own clock. The
// times of /proc/PID/stat are counted in ticks of 10 ms, these in nanoseconds.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuTime is what the threads of a process have had of the cores.
type cpuTime struct {
	running time.Duration // on a core
	waiting time.Duration // ready to run, while the core was another thread's
}

func (c cpuTime) minus(before cpuTime) cpuTime {
	return cpuTime{c.running - before.running, c.waiting - before.waiting}
}

// cpuTimeOf sums up all threads. One that has ended counts no longer, so it is for
// programs that keep theirs.
func cpuTimeOf(pid int) (sum cpuTime, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return sum, err
	}
	threads := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue // the thread has ended meanwhile
		}
		if err != nil {
			return sum, err
		}
		thread, err := parseSchedstat(text)
		if err != nil {
			return sum, fmt.Errorf("%s: %w", file, err)
		}
		sum.running += thread.running
		sum.waiting += thread.waiting
		threads++
	}
	if threads == 0 {
		return sum, fmt.Errorf("process %d has ended", pid)
	}
	return sum, nil
}

// parseSchedstat reads three numbers: nanoseconds on a core, nanoseconds waiting for
// one, and time slices.
func parseSchedstat(text []byte) (cpuTime, error) {
	fields := bytes.Fields(text)
	if len(fields) != 3 {
		return cpuTime{}, fmt.Errorf("%.40q is not three numbers", text)
	}
	var ns [2]int64
	for i := range ns {
		var err error
		if ns[i], err = strconv.ParseInt(string(fields[i]), 10, 64); err != nil || ns[i] < 0 {
			return cpuTime{}, fmt.Errorf("%.40q does not start with two times", text)
		}
	}
	return cpuTime{time.Duration(ns[0]), time.Duration(ns[1])}, nil
}
