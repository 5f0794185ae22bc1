// This file owns what is said about a load run. It must not know how it was
// run.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// report is the sum of a run whose connections rest.
type report struct {
	options
	tally
	sent, missing, unsent uint64
	elapsed               time.Duration // until the last reply
	latencies             *latencies
	losses                []error // one for each connection that lost replies
}

func newReport(ctx context.Context, o options, lanes []*lane, recorded *latencies) *report {
	r := &report{options: o, latencies: recorded}
	for _, l := range lanes {
		r.tally.add(l.tally)
		sent, missing := l.window.sent.Load(), l.window.missing()
		r.sent += sent
		r.missing += missing
		r.unsent += l.requests - sent
		r.elapsed = max(r.elapsed, l.lastAt)
		if missing > 0 || sent < l.requests && ctx.Err() == nil {
			r.losses = append(r.losses, fmt.Errorf("connection %d of %d: %w; replies missing: %d",
				l.index+1, len(lanes), explainLoss(l, o.wait), missing))
		}
	}
	return r
}

// explainLoss puts into words how a connection ended whose replies are not all
// there. Only the watch closes connections on this side.
func explainLoss(l *lane, wait time.Duration) error {
	switch {
	case errors.Is(l.lost, net.ErrClosed):
		return fmt.Errorf("%w, no reply for %v", errStalled, wait)
	case l.lost == io.EOF:
		return errors.New("the server has closed it")
	case l.lost == nil:
		return l.sendErr
	}
	return l.lost
}

// complain prints why connections were lost, for the first few of them.
func (r *report) complain(s streams) {
	for i, loss := range r.losses {
		if i == complaintsMax {
			complain(s, fmt.Errorf("connections lost besides these: %d", len(r.losses)-i))
			return
		}
		complain(s, loss)
	}
}

// text is the report, one figure a line: its name, blanks, and the value.
func (r *report) text() []byte {
	var b bytes.Buffer
	line := func(name, format string, values ...any) {
		fmt.Fprintf(&b, "%-12s"+format+"\n", append([]any{name}, values...)...)
	}
	answered := r.acks + r.naks
	rate := 0.0
	if r.elapsed > 0 {
		rate = float64(answered) / r.elapsed.Seconds()
	}
	line("requests", "%d", r.sent)
	line("seconds", "%.3f", r.elapsed.Seconds())
	line("rate", "%.1f", rate)
	for _, p := range []struct {
		name       string
		percentile float64
	}{{"p50_us", 50}, {"p90_us", 90}, {"p99_us", 99}, {"p99.9_us", 99.9}, {"max_us", 100}} {
		line(p.name, "%.1f", float64(r.latencies.at(p.percentile))/float64(time.Microsecond))
	}
	line("mismatches", "%d", r.mismatches())
	for _, kind := range []struct {
		name  string
		count uint64
	}{
		{"  seq", r.wrongSeq}, {"  order", r.wrongOrder}, {"  data", r.wrongData}, {"  not_foo", r.notReplies},
	} {
		if kind.count > 0 {
			line(kind.name, "%d", kind.count)
		}
	}
	line("naks", "%d", r.naks)
	line("missing", "%d", r.missing)
	if r.unsent > 0 {
		line("unsent", "%d", r.unsent)
	}
	return b.Bytes()
}

// verdict is an error where a reply is missing or wrong, or where requests
// were not sent although nobody ended the run.
func (r *report) verdict(ctx context.Context) error {
	switch {
	case r.missing > 0:
		return fmt.Errorf("replies missing: %d of %d", r.missing, r.sent)
	case r.mismatches() > 0:
		return fmt.Errorf("wrong replies: %d", r.mismatches())
	case r.unsent > 0 && ctx.Err() == nil:
		return fmt.Errorf("requests not sent: %d of %d", r.unsent, r.requests)
	}
	return nil
}
