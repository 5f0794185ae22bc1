// foo_proxy stands between Foo clients and a Foo server.
//
// This file owns the wiring: which service the command serves with, and where its
// server is. It decides nothing about traffic.
package main

import (
	"context"
	"os"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/poller"
	"fooproxy/proxy"
)

func main() {
	cli.IgnoreBrokenPipe()
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	if !done {
		code = o.command().Run()
	}
	os.Exit(code)
}

func (o *options) command() loop.Command {
	return loop.Command{
		Name: "foo_proxy", Listen: o.listen, Level: o.level, PidFile: o.pidFile,
		Make: o.newProxy,
	}
}

// findServer looks a name up once before there are clients. One that does not
// resolve is a server that cannot be reached, and no reason to end.
func findServer(address cli.Address) proxy.Server {
	s := proxy.Server{Name: address.String()}
	if addrs, fixed := loop.Fixed(address); fixed {
		s.Addrs = addrs
		return s
	}
	s.Resolve = func(ctx context.Context) ([]poller.Addr, error) { return loop.Resolve(ctx, address) }
	ctx, cancel := context.WithTimeout(context.Background(), firstLookup)
	defer cancel()
	s.Addrs, _ = s.Resolve(ctx) // the proxy asks again, and says so when it fails
	return s
}
