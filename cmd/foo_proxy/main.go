// foo_proxy stands between Foo clients and a Foo server.
//
// main.go owns the wiring: the kernel, the proxy, the log, the signals, and
// their order. It decides nothing about traffic.
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
	"fooproxy/poller"
	"fooproxy/proxy"
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
func run(o *options) int {
	loop.SetCores(1)
	log := cli.OpenLog(os.Stderr, o.level)
	defer log.Close(logFlushMax)
	if err := serve(o, log); err != nil {
		// Where stderr cannot be written nobody is left to tell but the exit code.
		_, _ = fmt.Fprintf(os.Stderr, "foo_proxy: %v\n", err)
		return cli.ExitFailure
	}
	return cli.ExitOK
}

// serve listens, and returns when the proxy is drained. Nothing is logged before
// it listens, so that a proxy that cannot start says one thing.
func serve(o *options, log *cli.Log) error {
	kernel, err := poller.NewKernel()
	if err != nil {
		return err
	}
	o.config.Log = log.Logger()
	p, err := proxy.New(kernel, findServer(o.forward), o.config)
	if err != nil {
		return err
	}
	listening, err := listen(p, o.listen)
	if err != nil {
		return err
	}
	pidFile, err := cli.WritePidFile(o.pidFile)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := cli.WatchSignals(handleSignals(ctx, p, log, pidFile))
	stopWatching := loop.Watch(p.Loop(), log)
	log.Logger().Info("listening", zap.Stringer("address", listening), zap.Stringer("server", o.forward),
		zap.Int("pid", os.Getpid()), zap.String("version", cli.Version), zap.Int("connections_max", p.MaxConns()))
	p.Run()
	stopWatching()
	cancel()
	signals.Stop()
	return errors.Join(pidFile.Remove(), kernel.Shut())
}

// findServer looks a name up once before there are clients. One that does not
// resolve is a server that cannot be reached, and no reason to end.
func findServer(address cli.Address) proxy.Server {
	s := proxy.Server{Name: address.String()}
	if addrs, fixed := address.Fixed(); fixed {
		s.Addrs = addrs
		return s
	}
	s.Resolve = address.Resolve
	ctx, cancel := context.WithTimeout(context.Background(), firstLookup)
	defer cancel()
	s.Addrs, _ = address.Resolve(ctx) // the proxy asks again, and says so when it fails
	return s
}

// listen opens the first address of a name that has several.
func listen(p *proxy.Proxy, address cli.Address) (netip.AddrPort, error) {
	ctx, cancel := context.WithTimeout(context.Background(), listenLookup)
	defer cancel()
	addrs, err := address.Resolve(ctx)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return p.Listen(addrs[0])
}

// handleSignals says what each signal does. ctx ends with the proxy.
func handleSignals(ctx context.Context, p *proxy.Proxy, log *cli.Log, pidFile *cli.PidFile) cli.SignalHandlers {
	return cli.SignalHandlers{
		Drain: func(signal os.Signal) {
			log.Logger().Info("asked to end", zap.Stringer("signal", signal))
			p.Drain()
		},
		Stats: func() {
			if err := loop.PrintStats(ctx, os.Stdout, p.Snapshot); err != nil && ctx.Err() == nil {
				log.Logger().Warn("the statistics cannot be printed", zap.Error(err))
			}
		},
		Exit: func(code int) {
			_ = pidFile.Remove() // the exit must not wait for anything
			os.Exit(code)
		},
	}
}
