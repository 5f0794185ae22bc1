// foo_proxy stands between Foo clients and a Foo server.
//
// This file owns the wiring: kernel, proxy, log, signals. It decides nothing
// about traffic.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
	"fooproxy/proxy"
	"fooproxy/stats"
)

func main() {
	cli.IgnoreBrokenPipe()
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	if done {
		os.Exit(code)
	}
	os.Exit(run(o))
}

func run(o *options) int {
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	log := cli.OpenLog(os.Stderr, o.level)
	defer log.Close(time.Second)
	o.config.Log = log.Logger()
	k, err := poller.NewKernel()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	p, err := proxy.New(k, o.server(), o.config)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for _, a := range o.listenOn() {
		addr, err := p.Listen(a)
		if err != nil {
			fmt.Fprintln(os.Stderr, "foo_proxy:", err)
			return 1
		}
		log.Logger().Info("listening", zap.String("address", addr.String()), zap.Int("pid", os.Getpid()))
	}
	var snap stats.Snapshot
	sig := cli.WatchSignals(cli.SignalHandlers{
		Drain: func(os.Signal) { p.Drain() },
		Stats: func() {
			if p.Snapshot(context.Background(), &snap) == nil {
				os.Stdout.Write(snap.AppendJSON(nil))
			}
		},
	})
	defer sig.Stop()
	p.Run()
	return 0
}
