// This file owns the way of keys out of a store's file and into one, without a
// server. It must not know how a file keeps them.
package main

import (
	"fmt"
	"io"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/kv"
)

// carry exports the file to stdout, or imports it from stdin.
func (o options) carry(stdin io.Reader, stdout, stderr io.Writer) (code int) {
	var n int
	var err error
	if o.dump != "" {
		n, err = kv.Dump(o.dump, stdout)
	} else {
		n, err = kv.Load(o.load, stdin)
	}
	if err != nil {
		err = fmt.Errorf("foo_server: %w", err)
		if o.load != "" {
			err = fmt.Errorf("%w; lines that were set: %d", err, n)
		}
		// Where stderr cannot be written nobody is left to tell but the exit code.
		_, _ = fmt.Fprintln(stderr, err)
		return cli.ExitFailure
	}
	return cli.ExitOK
}
