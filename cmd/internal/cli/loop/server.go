package loop

// This file owns how servers of the command line become places that the loop can
// dial. What is done there, and what their weights mean, it must not know.

import (
	"context"
	"sync"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
)

// Target is where a server is.
type Target struct {
	// Name is its address as written, which no other server has.
	Name string
	// Addrs are in the order in which to try them; none where a name has not
	// resolved yet.
	Addrs []poller.Addr
	// Resolve asks for the addresses anew and may wait as long as its context lets
	// it; nil where they never change. Any goroutine may call it.
	Resolve func(context.Context) ([]poller.Addr, error)
	// Spread says that each address is a server of its own, as those of a name are.
	// The two of localhost are one server.
	Spread bool
}

// FindTargets gives the target of each server, in their order. All names are looked
// up once, at the same time, and waited for until ctx ends. One that does not
// resolve is a server that cannot be reached, and no error.
func FindTargets(ctx context.Context, servers []cli.Server) []Target {
	return findTargets(ctx, servers, Resolve)
}

type resolveFunc func(context.Context, cli.Address) ([]poller.Addr, error)

func findTargets(ctx context.Context, servers []cli.Server, resolve resolveFunc) []Target {
	targets := make([]Target, len(servers))
	var asked sync.WaitGroup
	for i, s := range servers {
		t := &targets[i]
		t.Name = s.Address.String()
		if addrs, fixed := Fixed(s.Address); fixed {
			t.Addrs = addrs
			continue
		}
		t.Spread = true
		t.Resolve = func(ctx context.Context) ([]poller.Addr, error) { return resolve(ctx, s.Address) }
		asked.Go(func() {
			t.Addrs, _ = t.Resolve(ctx) // whoever asks again says so when it still fails
		})
	}
	asked.Wait()
	return targets
}
