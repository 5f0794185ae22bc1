// This file owns the way from a server to the next: which one is tried when, and
// for how long. It must not know what is said on the connections.
//
//	round ─► the one behind the last ... each once ─► the first that answers, or an error
//	goOn  ─► round ─► backoff ─► round ... ─► patience is over
package main

import (
	"context"
	"fmt"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/client"
)

// route is for one goroutine.
type route struct {
	addresses []cli.Address
	servers   []server
	at        int // the server that was tried last; -1 before the first

	// Of a search; it lasts until noteAlive, beyond connections that bring nothing.
	since time.Time // zero where there is no search
	tried int       // servers in this round
	delay time.Duration
}

func newRoute(addresses []cli.Address) *route { return &route{addresses: addresses, at: -1} }

// find looks the names up. Where that fails the servers of the last time stay.
func (r *route) find(ctx context.Context) error {
	servers, errs := findServers(ctx, r.addresses)
	if len(servers) > 0 {
		r.servers = servers
	}
	if len(r.servers) == 0 {
		return errs[0]
	}
	return nil
}

// round tries each server once, the one behind the last first. The error is that
// of the first that was tried.
func (r *route) round(ctx context.Context) (conn *client.Conn, name string, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := r.find(ctx); err != nil {
		return nil, "", err
	}
	var why error
	for range r.servers {
		if conn, name, err = r.tryNext(ctx, connectTimeout); err == nil {
			return conn, name, nil
		}
		if why == nil {
			why = err
		}
	}
	if len(r.servers) > 1 {
		why = fmt.Errorf("%w; none of the %d servers answers", why, len(r.servers))
	}
	return nil, "", why
}

// goOn tries the servers behind the last one, each once in a round, and in rounds
// until one answers or the time of patience is over. A connection that brings no
// reply counts as a try, so that a proxy that takes connections and ends them is
// none that answers.
func (r *route) goOn(ctx context.Context, patience time.Duration) (conn *client.Conn, name string, err error) {
	if r.since.IsZero() {
		r.since, r.tried, r.delay = time.Now(), 0, backoffMin
	}
	end := r.since.Add(patience)
	within, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	for {
		if r.tried >= len(r.servers) {
			if r.rest(within); within.Err() == nil {
				err = r.find(within)
			}
		}
		if within.Err() != nil {
			return nil, "", r.giveUp(ctx, patience, err)
		}
		r.tried++
		if conn, name, err = r.tryNext(within, patience); err == nil {
			return conn, name, nil
		}
	}
}

// rest is the pause between two rounds.
func (r *route) rest(ctx context.Context) {
	timer := time.NewTimer(r.delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	r.tried, r.delay = 0, min(2*r.delay, backoffMax)
}

func (r *route) giveUp(ctx context.Context, patience time.Duration, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	why := fmt.Errorf("no server has answered for %v", patience)
	if err != nil {
		why = fmt.Errorf("%w: %w", why, err)
	}
	return why
}

// noteAlive ends a search: a reply has come.
func (r *route) noteAlive() { r.since = time.Time{} }

// tryNext gives each server its share of the time.
func (r *route) tryNext(ctx context.Context, whole time.Duration) (*client.Conn, string, error) {
	r.at = (r.at + 1) % len(r.servers)
	ctx, cancel := context.WithTimeout(ctx, max(dialTimeoutMin, whole/time.Duration(len(r.servers))))
	defer cancel()
	return r.servers[r.at].dial(ctx)
}
