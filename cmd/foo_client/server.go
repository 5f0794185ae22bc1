// This file owns the servers and where they are: what the addresses of the
// command line stand for. It must not know what they are used for.
package main

import (
	"context"
	"slices"
	"strings"
	"sync"

	"fooproxy/cmd/internal/cli"
	"fooproxy/cmd/internal/cli/loop"
	"fooproxy/foo/client"
	"fooproxy/poller"
)

// server is the addresses of one server, in the order in which to try them.
type server []poller.Addr

// findServers looks all names up, at the same time. Those addresses that a name
// service gives are a server each; the two of localhost are one. No address is in
// the result twice. A name that does not resolve is a server that cannot be
// reached: errs holds why, and where nothing was found at least one such error.
func findServers(ctx context.Context, addresses []cli.Address) (servers []server, errs []error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	found := make([][]poller.Addr, len(addresses))
	why := make([]error, len(addresses))
	var asked sync.WaitGroup
	for i, a := range addresses {
		asked.Go(func() { found[i], why[i] = loop.Resolve(ctx, a) })
	}
	asked.Wait()
	seen := make(map[poller.Addr]bool)
	for i, a := range addresses {
		if why[i] != nil {
			errs = append(errs, why[i])
			continue
		}
		isNew := slices.DeleteFunc(found[i], func(a poller.Addr) bool { return seen[a] })
		for _, addr := range isNew {
			seen[addr] = true
		}
		if _, fixed := loop.Fixed(a); fixed {
			if len(isNew) > 0 {
				servers = append(servers, isNew)
			}
			continue
		}
		for _, addr := range isNew {
			servers = append(servers, server{addr})
		}
	}
	return servers, errs
}

// dial returns a connection to the first address that answers, and otherwise
// the error of the first: it is the one the user meant.
func (s server) dial(ctx context.Context) (conn *client.Conn, name string, err error) {
	for _, address := range s {
		conn, dialErr := client.Dial(ctx, address.String())
		if dialErr == nil {
			return conn, address.String(), nil
		}
		if err == nil {
			err = nameless(dialErr)
		}
	}
	return nil, "", err
}

// libraryName begins the errors of package client. What this command prints
// begins with its own name, and the two side by side read like a mistake.
const libraryName = "client: "

// namelessError is an error of package client without that name.
type namelessError struct{ error }

func (e namelessError) Error() string { return strings.TrimPrefix(e.error.Error(), libraryName) }

func (e namelessError) Unwrap() error { return e.error }

// nameless leaves other errors as they are.
func nameless(err error) error {
	if err == nil || !strings.HasPrefix(err.Error(), libraryName) {
		return err
	}
	return namelessError{err}
}
