// This file owns the way to the server: its addresses and connections to it.
// It must not know what they are used for.
package main

import (
	"context"
	"strings"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/client"
)

// server is one server with its addresses, in the order in which to try them.
// It is for one goroutine, but dial is for any.
type server struct {
	addresses []string // as client.Dial takes them
}

// findServer asks for the addresses once: all connections of a run go to the
// same ones.
func findServer(ctx context.Context, address cli.Address) (*server, error) {
	if address.Path != "" {
		return &server{[]string{address.String()}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	addresses, err := address.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{}
	for _, a := range addresses {
		s.addresses = append(s.addresses, a.String())
	}
	return s, nil
}

// dial returns a connection to the first address that answers, and otherwise
// the error of the first: it is the one the user meant.
func (s *server) dial(ctx context.Context) (*client.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var first error
	for _, address := range s.addresses {
		conn, err := client.Dial(ctx, address)
		if err == nil {
			return conn, nil
		}
		if first == nil {
			first = nameless(err)
		}
	}
	return nil, first
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

func closeAll(conns []*client.Conn) {
	for _, conn := range conns {
		if conn != nil {
			// All that was to be sent and received has been: nothing can fail.
			_ = conn.Close()
		}
	}
}
