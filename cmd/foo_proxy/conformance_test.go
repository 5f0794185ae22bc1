// conformance_test.go: no check of the protocol can tell foo_proxy, as a process
// of its own, from the server behind it.

package main

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo/check"
	"fooproxy/foo/server"
	"fooproxy/poller"
)

// startFooServer runs foo_server's inside in this process until the test ends.
func startFooServer(t *testing.T, change ...func(*server.Config)) (addr string) {
	t.Helper()
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	config := server.DefaultConfig()
	config.Sys, config.Log = kernel, zap.NewNop()
	for _, f := range change {
		f(&config)
	}
	s, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	at, err := s.Listen(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0")))
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
	return at.String()
}

func dialer(addr string) check.Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", addr)
	}
}

// compareWithProxy makes all checks and returns the names of those that tell
// the two apart.
func compareWithProxy(t *testing.T, server, proxy string) (names []string) {
	t.Helper()
	config := check.Config{Server: dialer(server), Via: dialer(proxy), Timeout: proctest.Patience}
	if _, err := check.Run(t.Context(), config, check.All(), func(r check.Result) {
		if !r.Pass {
			names = append(names, r.Name)
			t.Log(strings.TrimSpace(r.Line()))
		}
	}); err != nil {
		t.Error(err)
	}
	return names
}

func TestNoCheckTellsTheProxyFromTheServer(t *testing.T) {
	server := startFooServer(t)
	p := start(t, server)
	if names := compareWithProxy(t, server, p.Addr); names != nil {
		t.Errorf("these tell them apart: %q", names)
	}
	other := startServer(t) // in other words
	p = start(t, other)
	if names := compareWithProxy(t, other, p.Addr); names != nil {
		t.Errorf("these tell the proxy from another server: %q", names)
	}
}

// The proxy that answers for itself is told apart, which shows that the
// comparison looks.
func TestAStrictProxyIsToldFromAServerOfOtherWords(t *testing.T) {
	server := startServer(t)
	p := start(t, server, "-strict")
	want := []string{"odd-data", "valid-replies", "bad-type", "bad-seq", "not-request", "goes-on"}
	if names := compareWithProxy(t, server, p.Addr); !slices.Equal(names, want) {
		t.Errorf("these tell them apart: %q, want %q", names, want)
	}
}
