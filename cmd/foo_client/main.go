// foo_client sends requests to a Foo server: those that are typed at its prompt
// or that it reads from stdin, or those of a load run that it makes and measures.
//
// This file owns the wiring: signals, streams, and the choice between these.
// It must not know how any of them works.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
)

// streams is what the command reads and writes; tests put their own here.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	cli.IgnoreBrokenPipe()
	loop.SetCores(1)
	ctx, cancel := context.WithCancelCause(context.Background())
	end := func(sig os.Signal) { cancel(fmt.Errorf("ended by a signal: %v", sig)) }
	handlers := cli.SignalHandlers{Drain: end}
	if !signal.Ignored(syscall.SIGHUP) { // nohup wants it to be passed over
		// Its default would leave the prompt's terminal without echo.
		handlers.Reopen = func() { end(syscall.SIGHUP) }
	}
	signals := cli.WatchSignals(handlers)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	signals.Stop()
	os.Exit(code)
}

// run is the whole command. It ends early when ctx does; the cause of that is
// what the user is told where replies are missing.
func run(ctx context.Context, args []string, s streams) int {
	if len(args) > 0 && args[0] == checkCommand {
		return runCheck(ctx, args[1:], s)
	}
	o, code, done := parseOptions(args, s)
	if done {
		return code
	}
	var err error
	if o.isLoad() {
		err = runLoad(ctx, o, s)
	} else if atTerminal(s) {
		err = runPrompt(ctx, o)
	} else {
		err = runTalk(ctx, o, s)
	}
	if err != nil {
		if err != errRefused {
			complain(s, err)
		}
		return cli.ExitFailure
	}
	return cli.ExitOK
}

// complain prints the one line that says why. Where stderr cannot be written
// there is nobody left to tell; the exit code remains.
func complain(s streams, err error) { _, _ = fmt.Fprintf(s.err, "foo_client: %v\n", err) }
