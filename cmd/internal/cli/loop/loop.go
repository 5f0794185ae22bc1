// Package loop holds what the commands that stand on an event loop share: the
// cores they use, the watchdog beside the loop, the line of statistics. It
// knows no server and no proxy. It is apart from package cli, which reads command
// lines and knows no loop.
//
//	loop.SetCores(1)
//	... log, kernel and server are made ...
//	stop := loop.Watch(server.Loop(), log)
//	... the server runs; SIGUSR1 calls loop.PrintStats ...
//	stop()
package loop

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
	"fooproxy/stats"
)

// SetCores lets as many goroutines run at once as there are cores, and one more
// for each loop: whoever computes beside a loop then costs it no time slices
// (10 ms each). It is set once and for all, since the runtime would otherwise
// follow changes of the container's limit, and each change stops the world.
// Commands call it once, before the first loop.
func SetCores(loops int) { runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + loops) }

// Watch starts the watchdog of a loop that does not run yet: it logs a turn that
// takes too long, and gives the process up where one does not end. The function
// it returns ends it. The log must live until then.
func Watch(l *poller.Loop, log *cli.Log) (stop func()) {
	return l.Watch(poller.Watchdog{
		Warn: func(took time.Duration) {
			log.Logger().Warn("a turn of the loop takes too long", zap.Duration("took", took))
		},
		Abort: func(took time.Duration) {
			log.Logger().Error("a turn of the loop does not end; aborting", zap.Duration("took", took))
			log.Close(abortFlushMax)
			abort()
		},
	})
}

// abort ends the process by SIGABRT after the stacks of all goroutines have
// gone to stderr. runtime.Stack would stop the world first, and so wait for ever
// for a loop that hangs in a raw system call. The runtime's own signal handler
// needs no such stop: it hands SIGQUIT from thread to thread, hence nobody else
// may be listening to it any more.
func abort() {
	signal.Reset(syscall.SIGQUIT, syscall.SIGABRT)
	debug.SetTraceback("crash")
	if err := syscall.Kill(os.Getpid(), syscall.SIGABRT); err != nil {
		panic("kill: " + err.Error()) // this ends the process with stacks, too
	}
	select {} // the signal may take another thread; this one must not go on
}

// PrintStats asks for a snapshot and writes it to out as one line of JSON. It
// may wait for both. The context should end with the loop that is asked.
func PrintStats(ctx context.Context, out io.Writer, ask func(context.Context) (*stats.Snapshot, error)) error {
	snapshot, err := ask(ctx)
	if err != nil {
		return err
	}
	_, err = out.Write(snapshot.AppendJSON(nil))
	return err
}
