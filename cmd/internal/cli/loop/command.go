package loop

// This file owns the life of a command that stands on a loop: what is opened in
// which order, what the signals do, and how it ends. It knows no server and no
// proxy, only a Service.
//
//	limit ─► log ─► kernel ─► service ─► listener ─► pid file ─► signals, watchdog ─► Run
//
// Nothing is logged before it listens, so that a command that cannot start says
// one thing. What has a name in the file system, the pid file and the file of a
// unix socket, goes however it ends.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
	"fooproxy/stats"
)

// Service is what a command serves with. Run serves until Drain, which any
// goroutine may call, is done.
type Service interface {
	Loop() *poller.Loop
	Listen(poller.Addr) (poller.Addr, error)
	Run() error
	Drain()
	Snapshot(context.Context) (*stats.Snapshot, error)
}

// Logging is a Service that has a log of its own beside the command's.
type Logging interface {
	// Stop writes the last lines, after all else. It may wait a second.
	Stop()
	// Reopen opens its file anew, for a SIGHUP. It must not wait.
	Reopen()
	// Stdout is the way to standard output, which the log may share: no line
	// must be cut into another.
	Stdout() io.Writer
}

// Closing is a Service that has more to close than its loop. Close comes after Run,
// before the command's files go, and again however the command ends; only the
// first call does something. It may wait.
type Closing interface{ Close() error }

// Command is a command line that makes sense.
type Command struct {
	Name    string // as errors begin
	Listen  cli.Address
	Level   zapcore.Level
	PidFile string // none where it is empty
	// Make makes the service on a kernel, with the log.
	Make func(poller.Sys, *zap.Logger) (Service, error)
}

// Run is the whole life of the command. It gives the exit code; what cannot be
// had is one line on stderr. SIGPIPE is ignored already.
func (c Command) Run() (code int) {
	if err := checkDescriptors(); err != nil {
		return c.fail(err)
	}
	SetCores(1)
	log := cli.OpenLog(os.Stderr, c.Level)
	defer log.Close(logFlushMax)
	if err := c.serve(log); err != nil {
		return c.fail(err)
	}
	return cli.ExitOK
}

func (c Command) fail(err error) (code int) {
	// Where stderr cannot be written nobody is left to tell but the exit code.
	_, _ = fmt.Fprintf(os.Stderr, "%s: %v\n", c.Name, err)
	return cli.ExitFailure
}

func (c Command) serve(log *cli.Log) (err error) {
	kernel, err := poller.NewKernel()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, kernel.Shut()) }()
	service, err := c.Make(kernel, log.Logger())
	if err != nil {
		return err
	}
	if l, ok := service.(Logging); ok {
		defer l.Stop()
	}
	shut := func() error { return nil }
	if c, ok := service.(Closing); ok {
		shut = c.Close
	}
	defer func() { err = errors.Join(err, shut()) }()
	address, err := c.listen(service)
	if err != nil {
		return err
	}
	pidFile, err := cli.WritePidFile(c.PidFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := cli.WatchSignals(handlers(ctx, service, log, func() error { return errors.Join(pidFile.Remove(), kernel.RemoveFiles()) }))
	stopWatching := Watch(service.Loop(), log)
	log.Logger().Info("listening", zap.Stringer("address", address), zap.Int("pid", os.Getpid()), zap.String("version", cli.Version))
	// What the start leaves behind makes room for clients, instead of new memory.
	runtime.GC()
	err = service.Run()
	stopWatching()
	// Before the pid file, by whose absence others tell that they may start. A signal
	// ends the wait.
	err = errors.Join(err, shut())
	// Before all that waits: whoever reads the log or the statistics may be slow.
	err = errors.Join(err, pidFile.Remove(), kernel.RemoveFiles())
	cancel()
	signals.Stop()
	return err
}

// checkDescriptors comes before anything is opened: with a few descriptors less
// than it needs for itself, the Go runtime ends a process with a riddle.
func checkDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	if limit.Cur < descriptorsMin {
		return fmt.Errorf("the descriptor limit is %d; at least %d are needed", limit.Cur, descriptorsMin)
	}
	return nil
}

// listen opens the first address of a name that has several.
func (c Command) listen(service Service) (poller.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), listenLookup)
	defer cancel()
	addresses, err := Resolve(ctx, c.Listen)
	if err != nil {
		return poller.Addr{}, fmt.Errorf("cannot listen on %s: %w", c.Listen, err)
	}
	return service.Listen(addresses[0])
}

// handlers says what each signal does. ctx ends with the service.
func handlers(ctx context.Context, service Service, log *cli.Log, removeFiles func() error) cli.SignalHandlers {
	var stdout io.Writer = os.Stdout
	var reopen func()
	if x, ok := service.(Logging); ok {
		stdout, reopen = x.Stdout(), x.Reopen
	}
	return cli.SignalHandlers{
		Reopen: reopen,
		Drain: func(signal os.Signal) {
			log.Logger().Info("asked to end", zap.Stringer("signal", signal))
			service.Drain()
		},
		Stats: func() {
			if err := PrintStats(ctx, stdout, service.Snapshot); err != nil && ctx.Err() == nil {
				log.Logger().Warn("the statistics cannot be printed", zap.Error(err))
			}
		},
		Exit: func(code int) {
			_ = removeFiles() // the exit must not wait for anything
			os.Exit(code)
		},
	}
}
