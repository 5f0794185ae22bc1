// fault_clock_test.go owns row R14: the wall clock jumps. No test may set the
// clock of the machine it runs on, so the row is shown at the seam: all time of the
// loop comes from the kernel's side of it, poller.Sys, which counts from the start
// of the process by the monotonic clock; nothing else that runs on the loop asks
// for the time. The simulated kernel's clock has nothing to do with the machine's,
// and every timer runs by it there.

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// loopPackages are those whose code runs on a loop, from this folder.
var loopPackages = []string{"poller", "proxy", "proxy/reqlog", "stats", "foo", "foo/newcomer", "foo/proxyheader", "foo/server"}

// timeReadings are the functions that ask for the time or wait by it, and those
// that make a time of a number.
var timeReadings = map[string][]string{
	"time":    {"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep", "Unix", "UnixMilli", "UnixMicro", "Date", "Parse", "ParseInLocation"},
	"unix":    {"ClockGettime", "ClockNanosleep", "Gettimeofday", "Time", "CLOCK_REALTIME", "CLOCK_REALTIME_COARSE", "CLOCK_REALTIME_ALARM", "TimerfdCreate"},
	"syscall": {"Gettimeofday", "Time"},
}

// elsewhere are the functions that may: none of them runs on the loop while it
// serves, but for the first two, which are the seam, and the one that only writes a
// stamp.
var elsewhere = map[string]string{
	"poller/kernel_linux.go NewKernel":      "the start of the loop's clock",
	"poller/kernel_linux.go Now":            "the loop's clock: monotonic, since the start",
	"poller/unix_linux.go lockFolder":       "before the loop runs",
	"poller/watchdog.go Watch":              "a goroutine of its own",
	"proxy/resolve.go watchName":            "a goroutine of its own",
	"proxy/reqlog/log.go Stop":              "behind the loop's end",
	"proxy/reqlog/writer.go run":            "the writer's goroutine",
	"proxy/reqlog/writer.go writeAll":       "the writer's goroutine",
	"proxy/reqlog/writer.go judge":          "the writer's goroutine",
	"proxy/reqlog/writer.go tellOfFullRing": "the writer's goroutine",
	"proxy/reqlog/output.go put":            "the writer's goroutine",
	"proxy/reqlog/line.go appendTime":       "a stamp of the loop's clock, told from the wall clock at the start",
}

// readings gives the functions of a file that ask for the time, by name.
func readings(file *ast.File) (functions []string) {
	for _, d := range file.Decls {
		name := "package"
		if f, ok := d.(*ast.FuncDecl); ok {
			name = f.Name.Name
		}
		ast.Inspect(d, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && slices.Contains(timeReadings[x.Name], s.Sel.Name) && !slices.Contains(functions, name) {
					functions = append(functions, name)
				}
			}
			return true
		})
	}
	return functions
}

// TestNothingOnTheLoopReadsTheWallClock is row R14.
func TestNothingOnTheLoopReadsTheWallClock(t *testing.T) {
	files, found := 0, map[string]bool{}
	for _, folder := range loopPackages {
		names, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(folder), "*.go"))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: no files (%v)", folder, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files++
			for _, function := range readings(file) {
				found[folder+"/"+filepath.Base(name)+" "+function] = true
			}
		}
	}
	onLoop := 0
	for _, place := range slices.Sorted(maps.Keys(found)) {
		if elsewhere[place] == "" {
			t.Errorf("%s asks for the time, and is not known to run beside the loop", place)
			onLoop++
		}
	}
	for place := range elsewhere {
		if !found[place] {
			t.Errorf("%s does not ask for the time any more: it is to leave the list", place)
		}
	}
	proctest.Figure(t, "R14", fmt.Sprintf("wall clock jumps: shown by the sources of the %d packages that run on a loop, %d files", len(loopPackages), files),
		fmt.Sprintf("%d places on the loop's path read the wall clock or a clock of their own; the loop's is monotonic, and read in one place; %d functions beside the loop have timers", onLoop, len(found)-2), "0")
}

// TestAReadingOfTheClockIsFound is the test of that test.
func TestAReadingOfTheClockIsFound(t *testing.T) {
	const source = `package p
import ("time"; "golang.org/x/sys/unix")
var begin = time.Now()
func a() { _ = time.Now }
func b() { x.Arm(func() { time.AfterFunc(1, nil) }) }
func c() { unix.ClockGettime(unix.CLOCK_REALTIME, nil) }
func d(now time.Time) time.Duration { return now.Sub(begin) + time.Second }
func e() { loop.Now() }
`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(readings(file)); got != "[package a b c]" {
		t.Errorf("found %s", got)
	}
}
