// This file owns the checks of the project's own server and proxy, on the real
// kernel and in this process.
package check_test

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"

	"go.uber.org/zap"

	"fooproxy/foo/check"
	"fooproxy/foo/server"
	"fooproxy/poller"
)

// startServer runs foo_server's inside until the test ends.
func startServer(t *testing.T) check.Dial {
	t.Helper()
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	config := server.DefaultConfig()
	config.Sys, config.Log = kernel, zap.NewNop()
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := s.Listen(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		if err := s.Run(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		s.Drain()
		work.Wait()
		if err := kernel.Shut(); err != nil {
			t.Error(err)
		}
	})
	return func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", addr.String())
	}
}

func TestTheProjectsServerPassesEveryCheck(t *testing.T) {
	config := check.Config{Server: startServer(t), Timeout: 10 * check.TimeoutDefault}
	count := 0
	passed, err := check.Run(t.Context(), config, check.All(), func(r check.Result) {
		count++
		if !r.Pass {
			t.Error(r.Line())
		}
	})
	if err != nil || !passed || count != len(check.All()) {
		t.Errorf("%v, %v, %d checks", passed, err, count)
	}
}
