// This file owns the course of a load run: it opens the connections, lets them
// work, and watches that none waits for ever. It must not know what a right
// reply is.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// runLoad returns nil where every request was sent and got its right reply, or
// where ctx ended the run and that holds for what was sent until then.
func runLoad(ctx context.Context, o options, s streams) error {
	peer, err := findServer(ctx, o.server)
	if err != nil {
		return err
	}
	conns, err := peer.dialMany(ctx, o.connections)
	if err != nil {
		return err
	}
	defer closeAll(conns)
	recorded := newLatencies()
	start := time.Now()
	lanes := make([]*lane, len(conns))
	for i, conn := range conns {
		lanes[i] = &lane{
			conn: conn, index: i, requests: share(o.requests, o.connections, i), size: o.size,
			pace: pace{o.rate, o.connections}, start: start, latencies: recorded, window: newWindow(o.depth),
			poke: make(chan struct{}, 1), received: make(chan struct{}), sendDone: make(chan struct{}),
		}
	}
	var work sync.WaitGroup
	for _, l := range lanes {
		work.Go(func() { l.send(ctx.Done()) })
		work.Go(l.receive)
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		watchLanes(lanes, o.wait, done)
	}()
	work.Wait()
	close(done)
	<-watched
	r := newReport(ctx, o, lanes, recorded)
	r.complain(s)
	if _, err := s.out.Write(r.text()); err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	return r.verdict(ctx)
}

// errStalled explains the closed connection that a lane sees when the watch
// has given it up.
var errStalled = errors.New("gave up waiting")

// watchLanes closes each connection on which replies are missing and none has
// come for the time of wait, and each that has nothing left to do and does not
// end. It looks ten times in that time.
func watchLanes(lanes []*lane, wait time.Duration, done <-chan struct{}) {
	type state struct {
		answers uint64
		since   time.Time
	}
	states := make([]state, len(lanes))
	for i := range states {
		states[i].since = time.Now()
	}
	ticker := time.NewTicker(wait / 10)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-ticker.C:
			for i, l := range lanes {
				answers := l.window.answers.Load()
				if answers != states[i].answers || l.window.missing() == 0 && !isClosed(l.sendDone) {
					states[i] = state{answers, now}
				} else if now.Sub(states[i].since) >= wait {
					_ = l.conn.Close() // A second close fails and does no harm.
				}
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
