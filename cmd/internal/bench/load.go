package main

// This file owns a load run: how foo_client is called, and which of its runs count.
// A run in which anything was lost, wrong or refused is an error, never a figure.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// loadReport is what foo_client -json tells, as far as it is used here.
type loadReport struct {
	Answered int64   `json:"answered"`
	Rate     float64 `json:"rate"`
	P99US    float64 `json:"p99_us"`

	Mismatches      int64 `json:"mismatches"`
	WrongSeq        int64 `json:"wrong_seq"`
	WrongOrder      int64 `json:"wrong_order"`
	WrongData       int64 `json:"wrong_data"`
	NotFoo          int64 `json:"not_foo"`
	Naks            int64 `json:"naks"`
	Missing         int64 `json:"missing"`
	ConnectionsLost int64 `json:"connections_lost"`
}

// fault says what was wrong with a run, nil where nothing was.
func (r loadReport) fault() error {
	var faults []string
	for _, f := range []struct {
		what string
		n    int64
	}{
		{"mismatches", r.Mismatches}, {"wrong Seq", r.WrongSeq}, {"wrong order", r.WrongOrder},
		{"wrong data", r.WrongData}, {"not Foo", r.NotFoo}, {"NAKs", r.Naks}, {"missing", r.Missing},
		{"connections lost", r.ConnectionsLost},
	} {
		if f.n != 0 {
			faults = append(faults, fmt.Sprintf("%s %d", f.what, f.n))
		}
	}
	switch {
	case len(faults) > 0:
		return errors.New("a run with faults is no figure: " + strings.Join(faults, ", "))
	case r.Answered <= 0:
		return errors.New("a run without replies is no figure")
	}
	return nil
}

// loadArgs are foo_client's arguments. A rate of 0 is a closed loop.
func (s shape) loadArgs(addr string, size int, duration time.Duration, rate int) []string {
	args := []string{"-connect", addr, "-c", strconv.Itoa(s.Connections), "-d", strconv.Itoa(s.Depth),
		"-duration", duration.String(), "-size", strconv.Itoa(size), "-json", "-quiet"}
	if rate > 0 {
		args = append(args, "-rate", strconv.Itoa(rate))
	}
	return args
}

// runLoad runs a command that ends by itself and reads what foo_client told. It
// is ended with ctx, or when it takes much longer than duration.
func runLoad(ctx context.Context, cmd *exec.Cmd, duration time.Duration) (loadReport, error) {
	ctx, cancel := context.WithTimeout(ctx, duration+runWait)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.SysProcAttr = childAttributes()
	if err := cmd.Start(); err != nil {
		return loadReport{}, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		stop(cmd, ended)
		return loadReport{}, fmt.Errorf("the load run was ended: %w", ctx.Err())
	}
	return readLoad(stdout.Bytes(), stderr.Bytes(), err)
}

// readLoad judges what a load run left: what it printed and how it ended. The
// faults it counted say more than its exit code.
func readLoad(stdout, stderr []byte, end error) (loadReport, error) {
	var r loadReport
	err := json.Unmarshal(bytes.TrimSpace(stdout), &r)
	if err == nil {
		if fault := r.fault(); fault != nil {
			return r, fault
		}
	}
	switch {
	case end != nil:
		return r, fmt.Errorf("foo_client: %w; it said: %s", end, lastLine(stderr))
	case err != nil:
		return r, fmt.Errorf("foo_client printed no report: %w; it printed: %s", err, lastLine(stdout))
	}
	return r, nil
}
