// bench compares the proxy with other ways from a client to a server, in
// interleaved runs on one machine: no proxy at all, HAProxy, nginx and a proxy of
// io.Copy. `./run.sh bench` calls it.
//
//	for each shape, 50 x 1 and so on
//	  start every program ─► closed loop, rounds in rotated order ─► CPU, busy, throughput
//	                      ─► the same under perf, where it counts ─► instructions
//	                      ─► open loop at half the capacity       ─► p99
//	  end every program
//	ratios to the base, round by round ─► medians ─► table, JSON, plot
//
// This file owns what the binary can be asked for: the comparison, the io.Copy
// proxy it compares with, and the wrapper that pins a program to its core. It
// knows nothing of how either works.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"fooproxy/cmd/internal/cli"
)

// The words that make the binary something other than the comparison.
const (
	playIOCopy = "iocopy" // iocopy LISTEN SERVER
	playPinned = "pinned" // pinned CORE COMMAND ARGS
)

func main() {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case playIOCopy:
			os.Exit(tell(serveIOCopy(os.Args[2:])))
		case playPinned:
			os.Exit(tell(execPinned(os.Args[2:])))
		}
	}
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	if !done {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		code = tell(compare(ctx, o, os.Stdout, os.Stderr))
		stop()
	}
	os.Exit(code)
}

// tell prints an error as one line.
func tell(err error) (code int) {
	if err == nil {
		return cli.ExitOK
	}
	fmt.Fprintln(os.Stderr, "bench:", err)
	return cli.ExitFailure
}

// compare measures every shape and reports. Where a run goes wrong or is
// interrupted, the shapes that were finished are reported nonetheless, beside the
// error.
func compare(ctx context.Context, o options, stdout, stderr io.Writer) error {
	b, err := newBench(o, stderr)
	if err != nil {
		return err
	}
	defer b.removeTemp()
	results, failed := b.measureShapes(ctx)
	if ctx.Err() != nil {
		failed = errors.New("interrupted")
	}
	if len(results) == 0 {
		return failed
	}
	if err := report(b.describe(results), o.out, stdout); err != nil {
		return err
	}
	return failed
}
