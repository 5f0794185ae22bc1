package main

import (
	"context"
	"net"
	"testing"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo/check"
)

func TestEveryCheckOfTheProtocolPasses(t *testing.T) {
	for _, args := range [][]string{nil, {"-delay", "20ms"}, {"-max-line", "1MiB"}} {
		p := startServer(t, args...)
		dial := func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", p.Addr)
		}
		config := check.Config{Server: dial, Timeout: proctest.Patience}
		passed, err := check.Run(t.Context(), config, check.All(), func(r check.Result) {
			if !r.Pass {
				t.Errorf("%q: %s", args, r.Line())
			}
		})
		if !passed || err != nil {
			t.Errorf("%q: %v, %v", args, passed, err)
		}
	}
}
