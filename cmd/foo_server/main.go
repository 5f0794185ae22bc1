// foo_server is a Foo server: it does what words say, keeps keys and their values,
// and acknowledges any other request, to be talked to, tested against and measured
// with.
//
// This file owns the wiring: which service the command serves with. It must not
// know what is answered.
package main

import (
	"os"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/poller"
)

func main() {
	cli.IgnoreBrokenPipe()
	o, code, done := parseOptions(os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case done:
	case o.dump != "" || o.load != "":
		code = o.carry(os.Stdin, os.Stdout, os.Stderr)
	default:
		code = o.command().Run()
	}
	os.Exit(code)
}

func (o options) command() loop.Command {
	return loop.Command{
		Name: "foo_server", Listen: o.listen, Level: o.level, PidFile: o.pidFile,
		Make: func(sys poller.Sys, log *zap.Logger) (loop.Service, error) {
			o.server.Sys, o.server.Log = sys, log
			return newKeeper(o.server, o.data)
		},
	}
}
