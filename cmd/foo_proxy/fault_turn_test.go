// fault_turn_test.go: goroutines that compute beside the loop. Row R6 of the table
// of faults. The turns are measured inside a real process, at the seam between
// loop and kernel: a turn is the time from the return of one wait to the next.
//
// That a turn of 100 ms is warned of and one of 2 s ends the process has tests of
// its own, in poller and in cmd/internal/cli/loop.

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/cmd/internal/proctest"
	"fooproxy/poller"
)

// playTurns asks the test binary for a foo_proxy that measures its turns; its
// value is how many goroutines compute beside the loop.
const playTurns = "FOO_TEST_MEASURES_TURNS"

// orTurns is main, or the same with measured turns.
func orTurns() {
	computing, err := strconv.Atoi(os.Getenv(playTurns))
	if err != nil {
		main()
		return
	}
	meter := newTurnMeter()
	for range computing {
		go compute()
	}
	code := runOn(func(sys poller.Sys) poller.Sys {
		meter.Sys = sys
		return meter
	})
	if err := json.NewEncoder(os.Stdout).Encode(meter.figures()); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// runOn is main on a kernel that is wrapped, for what only the seam between loop
// and kernel shows. It gives the exit code.
func runOn(wrap func(poller.Sys) poller.Sys) (code int) {
	cli.IgnoreBrokenPipe()
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	if done {
		return code
	}
	command := o.command()
	makeService := command.Make
	command.Make = func(sys poller.Sys, log *zap.Logger) (loop.Service, error) { return makeService(wrap(sys), log) }
	return command.Run()
}

var computed atomic.Uint64 // so that the work cannot be left out

func compute() {
	for n := uint64(1); ; n++ {
		if n%(1<<20) == 0 {
			computed.Store(n)
		}
	}
}

// turnMeter is a kernel that measures what passes between two waits: by the
// clock, and by the time that the loop's thread was running.
type turnMeter struct {
	poller.Sys
	begun         time.Time
	ran           int64
	elapsed, used []int64 // nanoseconds of each turn
}

// turnsMax bounds what a meter keeps; it stops there.
const turnsMax = 4 << 20

func newTurnMeter() *turnMeter {
	return &turnMeter{elapsed: make([]int64, 0, turnsMax), used: make([]int64, 0, turnsMax)}
}

// Wait implements poller.Sys.
func (m *turnMeter) Wait(ev []poller.Event, deadline int64) (int, poller.Errno) {
	if !m.begun.IsZero() && len(m.elapsed) < turnsMax {
		m.elapsed = append(m.elapsed, int64(time.Since(m.begun)))
		m.used = append(m.used, threadTime()-m.ran)
	}
	n, e := m.Sys.Wait(ev, deadline)
	m.begun, m.ran = time.Now(), threadTime()
	return n, e
}

// threadTime is how long this thread has been running, in nanoseconds.
func threadTime() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &now); err != nil {
		panic(err)
	}
	return now.Nano()
}

// turnFigures is what the process says at its end.
type turnFigures struct {
	Turns                       int
	P999, Longest               time.Duration
	RunningP999, RunningLongest time.Duration
}

func (m *turnMeter) figures() turnFigures {
	f := turnFigures{Turns: len(m.elapsed)}
	f.P999, f.Longest = tail(m.elapsed)
	f.RunningP999, f.RunningLongest = tail(m.used)
	return f
}

func tail(turns []int64) (p999, longest time.Duration) {
	if len(turns) == 0 {
		return 0, 0
	}
	slices.Sort(turns)
	return time.Duration(turns[len(turns)*999/1000]), time.Duration(turns[len(turns)-1])
}

// TestTurnsStayShortBesideComputingGoroutines is row R6. The clock of a turn goes
// on while the machine runs somebody else, of whom there are many here: the load,
// the server and what computes share its cores.
func TestTurnsStayShortBesideComputingGoroutines(t *testing.T) {
	for _, computing := range []int{0, 1, 2} {
		cmd := proctest.Command("-listen", "127.0.0.1:0", "-forward", startServer(t))
		cmd.Env = append(cmd.Env, playTurns+"="+strconv.Itoa(computing))
		p := proctest.Launch(t, cmd)
		l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
		time.Sleep(time.Second) // what is measured takes time
		r := l.Stop()
		p.Send(syscall.SIGTERM)
		var f turnFigures
		if err := json.NewDecoder(p.Stdout).Decode(&f); err != nil {
			t.Fatal(err)
		}
		p.ExpectExit(0)
		proctest.Figure(t, "R6", fmt.Sprintf("L beside %d computing goroutines", computing),
			fmt.Sprintf("%d turns: p99.9 %v, longest %v; of these running: p99.9 %v, longest %v; p99 of a request %v", f.Turns, f.P999, f.Longest, f.RunningP999, f.RunningLongest, r.P99),
			"p99.9 1 ms, longest 10 ms")
		if !r.Faultless() || f.Turns < 20 || f.Longest > 2*time.Second || f.RunningLongest > 100*time.Millisecond {
			t.Errorf("%+v; %v", f, r)
		}
	}
}
