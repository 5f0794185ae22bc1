// foo_server is a Foo server: it acknowledges requests, to be talked to, tested
// against and measured with.
//
// This file owns the wiring: the kernel, the server, signals, the log and their
// order. It must not know what is answered.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/foo/server"
	"fooproxy/poller"
)

func main() {
	cli.IgnoreBrokenPipe()
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	if !done {
		code = run(o)
	}
	os.Exit(code)
}

// run is the command behind its flags. What cannot be had is one line on stderr.
func run(o options) int {
	loop.SetCores(1)
	log := cli.OpenLog(os.Stderr, o.level)
	defer log.Close(logFlushMax)
	if err := serve(o, log); err != nil {
		// Where stderr cannot be written nobody is left to tell but the exit code.
		_, _ = fmt.Fprintf(os.Stderr, "foo_server: %v\n", err)
		return cli.ExitFailure
	}
	return cli.ExitOK
}

// serve listens, and returns when the server is drained. Nothing is logged
// before it listens, so that a server that cannot start says one thing.
func serve(o options, log *cli.Log) error {
	kernel, err := poller.NewKernel()
	if err != nil {
		return err
	}
	o.server.Sys, o.server.Log = kernel, log.Logger()
	s, err := server.New(o.server)
	if err != nil {
		return err
	}
	address, err := findAddress(o.listen)
	if err != nil {
		return err
	}
	if _, err := s.Listen(address); err != nil {
		return err
	}
	pidFile, err := cli.WritePidFile(o.pidFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := cli.WatchSignals(handleSignals(ctx, s, log, pidFile))
	stopWatching := loop.Watch(s.Loop(), log)
	log.Logger().Info("foo_server starts", zap.Int("pid", os.Getpid()), zap.String("version", cli.Version))
	err = s.Run()
	stopWatching()
	cancel()
	signals.Stop()
	return errors.Join(err, pidFile.Remove(), kernel.Shut())
}

// findAddress gives the address to listen on: the first of a name that has
// several.
func findAddress(address cli.Address) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	addresses, err := address.Resolve(ctx)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return addresses[0], nil
}

// handleSignals says what each signal does. ctx ends with the server.
func handleSignals(ctx context.Context, s *server.Server, log *cli.Log, pidFile *cli.PidFile) cli.SignalHandlers {
	return cli.SignalHandlers{
		Drain: func(signal os.Signal) {
			log.Logger().Info("asked to end", zap.Stringer("signal", signal))
			s.Drain()
		},
		Stats: func() {
			if err := loop.PrintStats(ctx, os.Stdout, s.Snapshot); err != nil && ctx.Err() == nil {
				log.Logger().Warn("the statistics cannot be printed", zap.Error(err))
			}
		},
		Exit: func(code int) {
			_ = pidFile.Remove() // the exit must not wait for anything
			os.Exit(code)
		},
	}
}
