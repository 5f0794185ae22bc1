package loop

// This file owns how an address of the command line becomes one of the loop.

import (
	"context"
	"net/netip"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
)

// Fixed returns the addresses that are known without a name service, in the
// order in which to try them, and false for a name that needs one.
func Fixed(a cli.Address) ([]poller.Addr, bool) {
	if a.Path != "" {
		return []poller.Addr{poller.UnixAddr(a.Path)}, true
	}
	found, ok := a.Fixed()
	return addrs(found), ok
}

// Resolve returns the addresses of the one server that a names, at least one. It
// may wait for a name service as long as ctx lets it.
func Resolve(ctx context.Context, a cli.Address) ([]poller.Addr, error) {
	if fixed, ok := Fixed(a); ok {
		return fixed, nil
	}
	found, err := a.Resolve(ctx)
	return addrs(found), err
}

func addrs(list []netip.AddrPort) (all []poller.Addr) {
	for _, a := range list {
		all = append(all, poller.TCPAddr(a))
	}
	return all
}
