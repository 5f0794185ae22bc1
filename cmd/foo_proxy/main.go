// foo_proxy stands between Foo clients and a Foo server.
//
// This file owns the wiring: which service the command serves with. It decides
// nothing about traffic.
package main

import (
	"os"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
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
