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
	"strings"
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
		lack := lacking(missing, unsentByFault(ctx, l.requests-sent))
		if lack != "" {
			r.losses = append(r.losses, fmt.Errorf("connection %d of %d: %w; %s",
				l.index+1, len(lanes), explainLoss(l, o.wait), lack))
		}
	}
	return r
}

// unsentByFault is how many requests were not sent although nobody ended the
// run.
func unsentByFault(ctx context.Context, unsent uint64) uint64 {
	if ctx.Err() != nil {
		return 0
	}
	return unsent
}

// lacking puts into words what there is too little of; it is empty where that
// is nothing.
func lacking(missing, unsent uint64) string {
	switch {
	case missing == 0 && unsent == 0:
		return ""
	case missing == 0:
		return fmt.Sprintf("requests not sent: %d", unsent)
	case unsent == 0:
		return fmt.Sprintf("replies missing: %d", missing)
	}
	return fmt.Sprintf("replies missing: %d, not sent: %d", missing, unsent)
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
		return nameless(l.sendErr)
	}
	return nameless(l.lost)
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
	}{{"p50_us", 50}, {"p90_us", 90}, {"p99_us", 99}, {"p999_us", 99.9}, {"max_us", 100}} {
		if answered > 0 {
			line(p.name, "%.1f", float64(r.latencies.at(p.percentile))/float64(time.Microsecond))
		}
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
	unsent := unsentByFault(ctx, r.unsent)
	var faults []string
	if lack := lacking(r.missing, unsent); lack != "" {
		comma := ""
		if r.missing > 0 && unsent > 0 {
			comma = "," // "of" belongs to both
		}
		faults = append(faults, fmt.Sprintf("%s%s of %d", lack, comma, r.sent+unsent))
	}
	if r.mismatches() > 0 {
		faults = append(faults, fmt.Sprintf("wrong replies: %d", r.mismatches()))
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
