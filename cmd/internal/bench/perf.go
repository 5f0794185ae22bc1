package main

// This file owns the count of instructions, which `perf stat` takes from the
// processor where machine and kernel let it. Most virtual machines do not.
//
// perf counts a process for as long as the command it is given runs, so the load
// run itself is that command. Counting slows each switch between threads, so runs
// that are counted are not the ones whose CPU time is told.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const perfEvents = "instructions:u,instructions:k"

// perfCounts asks perf to count a command that does nothing. The error says why
// there are no instructions.
func perfCounts(ctx context.Context, folder string) error {
	if _, err := exec.LookPath("perf"); err != nil {
		return errors.New("perf: not installed")
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	file := filepath.Join(folder, "perf-probe")
	said, err := exec.CommandContext(ctx, "perf", "stat", "-x,", "-e", perfEvents, "-o", file, "--", "true").CombinedOutput()
	if err != nil {
		return fmt.Errorf("perf: %w; it said: %s", err, lastLine(said))
	}
	_, err = readPerf(file)
	return err
}

// underPerf is a command that runs another one and counts a process meanwhile.
func underPerf(pid int, file string, cmd *exec.Cmd) *exec.Cmd {
	args := []string{"stat", "-x,", "-e", perfEvents, "-o", file, "-p", strconv.Itoa(pid), "--"}
	return exec.Command("perf", append(args, cmd.Args...)...)
}

// readPerf gives the instructions counted, of program and kernel together.
func readPerf(file string) (float64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return parsePerf(text)
}

// parsePerf reads lines such as `1234,,instructions:u,5678,100.00,,`. What cannot
// be counted has words in place of the number.
func parsePerf(text []byte) (float64, error) {
	var sum float64
	counts := 0
	for line := range bytes.Lines(text) {
		fields := strings.Split(strings.TrimSpace(string(line)), ",")
		if len(fields) < 3 || !strings.HasPrefix(fields[2], "instructions") {
			continue // a comment or an empty line
		}
		n, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			return 0, fmt.Errorf("perf: %s: %.40q", fields[2], fields[0])
		}
		sum += n
		counts++
	}
	if want := strings.Count(perfEvents, ",") + 1; counts != want {
		return 0, fmt.Errorf("perf: %d of %d counts", counts, want)
	}
	return sum, nil
}
