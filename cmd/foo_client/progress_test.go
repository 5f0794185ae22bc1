// This file owns the tests of what a load run shows at a terminal.
package main

import (
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"fooproxy/foo/load"
)

// screenOf runs a load run whose stdout and stderr are a terminal, and returns what
// that was told.
func screenOf(t *testing.T, args ...string) string {
	t.Helper()
	master, terminal := openTerminal(t)
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(master) // it ends with an error when the other end is closed
		shown <- string(text)
	}()
	args = append([]string{"-p", startServer(t, ackAll)}, args...)
	if code := run(t.Context(), args, streams{nil, terminal, terminal}); code != 0 {
		t.Errorf("exit code %d", code)
	}
	terminal.Close()
	return strings.ReplaceAll(<-shown, "\r\n", "\n")
}

func TestALoadRunShowsItsProgressAndClearsIt(t *testing.T) {
	// Long enough for one line, even where this process gets little time.
	text := screenOf(t, "-n", "40", "-rate", "100")
	lines := strings.Split(text, eraseLine)
	if len(lines) < 3 || len(lines) > 30 {
		t.Errorf("%d times a line was cleared: %q", len(lines)-1, text)
	}
	for _, line := range lines[1 : len(lines)-1] {
		if strings.Contains(line, "\n") || !strings.Contains(line, "replies") && !strings.Contains(line, "connecting") {
			t.Errorf("progress is %q", line)
		}
	}
	// The last one is cleared too, and then comes the report with its chart.
	last := lines[len(lines)-1]
	report, chart, _ := strings.Cut(last, "\n\n")
	if !strings.HasPrefix(report, "requests    40\n") || !strings.HasPrefix(chart, "latency to ") || !strings.Contains(chart, " #") {
		t.Errorf("the report is %q", last)
	}
}

func TestNobodyIsShownProgressWhoDoesNotWantIt(t *testing.T) {
	for _, args := range [][]string{{"-quiet"}, {"-quiet", "-json"}} {
		text := screenOf(t, append(args, "-n", "20", "-rate", "100")...)
		if strings.Contains(text, "\x1b") || strings.Contains(text, "/s  ") {
			t.Errorf("%v: %q", args, text)
		}
		if hasChart := strings.Contains(text, "latency to"); hasChart != (len(args) == 1) {
			t.Errorf("%v: %q", args, text)
		}
	}
	port := startServer(t, ackAll)
	if got := runCommand(t.Context(), nil, "-p", port, "-n", "20", "-rate", "100"); got.err != "" || strings.Contains(got.out, "latency to") {
		t.Errorf("where nobody reads: %v", got)
	}
}

func TestTheSpeedIsThatOfTheLastSecond(t *testing.T) {
	var s speedometer
	start := time.Unix(1000, 0)
	at := func(tenths int, answered uint64) (time.Duration, float64) {
		return s.read(start.Add(time.Duration(tenths)*progressInterval), load.Progress{Working: true, Answered: answered})
	}
	if elapsed, rate := s.read(start.Add(-time.Hour), load.Progress{}); elapsed != 0 || rate != 0 {
		t.Errorf("%v, %v before the beginning", elapsed, rate)
	}
	answered := uint64(0)
	for tenths := range 50 {
		if tenths <= 25 {
			answered += 100 // then it stands still
		}
		elapsed, rate := at(tenths, answered)
		if want := time.Duration(tenths) * progressInterval; elapsed != want {
			t.Errorf("%v after %v", elapsed, want)
		}
		switch {
		case tenths > 0 && tenths <= 25 && math.Abs(rate-1000) > 1e-6, tenths >= 36 && rate != 0:
			t.Errorf("%v/s after %d tenths", rate, tenths)
		}
	}
}

func TestATerminalThatTellsNoWidthHasTheUsualOne(t *testing.T) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if got := terminalWidth(file); got != terminalColumns {
		t.Errorf("%d columns", got)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := terminalWidth(file); got != terminalColumns {
		t.Errorf("closed: %d columns", got)
	}
}
