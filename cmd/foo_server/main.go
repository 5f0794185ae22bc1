// foo_server is a Foo server: it acknowledges requests, to be talked to, tested
// against and measured with.
//
// This file owns the wiring: which service the command serves with. It must not
// know what is answered.
package main

import (
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
		code = o.command().Run()
	}
	os.Exit(code)
}

func (o options) command() loop.Command {
	return loop.Command{
		Name: "foo_server", Listen: o.listen, Level: o.level, PidFile: o.pidFile,
		Make: func(sys poller.Sys, log *zap.Logger) (loop.Service, error) {
			o.server.Sys, o.server.Log = sys, log
			return server.New(o.server)
		},
	}
}
