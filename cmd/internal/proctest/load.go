package proctest

// This file owns the closed-loop load: how it begins, how its time is divided
// into windows, what it has measured. What happens on one connection is lane.go's.
//
//	StartLoad ─► window ─► Mark ─► window ─► ... ─► Stop
//	                        │                        │
//	                        └─ its figures           └─ the last one's

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// LoadConfig says what a load is made of.
type LoadConfig struct {
	Addr  string // whom to ask
	Conns int    // how many connections
	Depth int    // how many requests are outstanding on each of them
	Bytes int    // the length of a request's line, LF included; its payload may make it longer
	Name  string // begins each payload, so that two loads are told apart; "load" where it is empty

	AnyOrder bool // replies may overtake each other

	Patience time.Duration // how long Stop waits for what is outstanding; the package's where it is 0
}

// standard is the load that the table of faults calls L.
const (
	standardConns = 50
	standardDepth = 16
	standardBytes = 64
)

// StandardLoad is the load L of the table of faults: 50 connections of 16
// outstanding requests each, of 64 bytes a line.
func StandardLoad(addr string) LoadConfig {
	return LoadConfig{Addr: addr, Conns: standardConns, Depth: standardDepth, Bytes: standardBytes}
}

// loadBytesMax bounds what may be outstanding on a connection, in bytes. One
// goroutine sends and receives on it, so the kernel must be able to hold it all.
const loadBytesMax = 64 << 10

// LoadResult is what a load has measured. The times, the rate and Requests are of
// one window; the faults are counted since the start.
type LoadResult struct {
	Requests int // replies that came, NAKs included
	Naks     int // of these, the NAKs
	Total    int // replies of all connections since the start
	Wrong    int // replies that are not the ACK or a NAK, byte for byte, of the oldest outstanding request, or of any
	Missing  int // requests without a reply whose connection has ended
	Lost     int // connections that somebody else ended, or that did not end in FIN

	P50, P99, P999, Max time.Duration   // from the write of a request to the read of its reply
	AckP99              time.Duration   // of requests that were not answered NAK
	LongestGap          time.Duration   // between two consecutive replies of one connection
	Gaps                []time.Duration // the longest of each connection, in their order
	Elapsed             time.Duration   // length of the window
	Rate                float64         // replies per second
}

// Faultless reports whether each request got its own reply.
func (r LoadResult) Faultless() bool { return r.Wrong == 0 && r.Missing == 0 && r.Lost == 0 }

// String is made for logs.
func (r LoadResult) String() string {
	return fmt.Sprintf("%d requests, %.0f/s, p50 %v, p99 %v, p99.9 %v, longest %v, longest gap %v; %d NAKs, %d wrong, %d missing, %d connections lost",
		r.Requests, r.Rate, r.P50, r.P99, r.P999, r.Max, r.LongestGap, r.Naks, r.Wrong, r.Missing, r.Lost)
}

// Load keeps requests outstanding until Stop. One goroutine calls its methods.
type Load struct {
	t        testing.TB
	patience time.Duration
	lanes    []*lane
	work     sync.WaitGroup
	stopping atomic.Bool
	stopped  bool
	begin    time.Time // of the window
	total    int
}

// StartLoad begins a load, and returns when each connection has had its first
// reply. Where the test does not stop it, the test's end cuts it off.
func StartLoad(t testing.TB, c LoadConfig) *Load {
	t.Helper()
	if c.Name == "" {
		c.Name = "load"
	}
	if c.Patience == 0 {
		c.Patience = Patience
	}
	if c.Conns < 1 || c.Depth < 1 || c.Depth*c.Bytes > loadBytesMax {
		t.Fatalf("no such load: %+v; at most %d bytes may be outstanding on a connection", c, loadBytesMax)
	}
	l := &Load{t: t, patience: c.Patience}
	t.Cleanup(l.cut)
	for i := range c.Conns {
		conn, err := net.DialTimeout("tcp", c.Addr, Patience)
		if err != nil {
			t.Fatal(err)
		}
		l.lanes = append(l.lanes, newLane(l, conn.(*net.TCPConn), c, i))
	}
	for _, a := range l.lanes {
		if err := a.begin(); err != nil {
			t.Fatalf("connection %d has no first reply: %v", a.number, err)
		}
	}
	l.begin = time.Now()
	for _, a := range l.lanes {
		l.work.Go(a.run)
	}
	return l
}

// Mark ends the window, gives its figures and begins the next one. What is
// outstanding counts in the window in which its reply comes.
func (l *Load) Mark() LoadResult {
	return l.collect(time.Now(), 1, func(int) int { return 0 })[0]
}

// MarkParts is Mark with the figures of each part of the connections on its own.
// part says which of so many parts a connection is of, by its number.
func (l *Load) MarkParts(parts int, part func(conn int) int) []LoadResult {
	return l.collect(time.Now(), parts, part)
}

// Stop sends nothing more, waits for what is outstanding, ends every connection
// in FIN both ways, and gives the figures of the last window.
func (l *Load) Stop() LoadResult {
	l.t.Helper()
	end := time.Now()
	l.stopping.Store(true)
	for _, a := range l.lanes {
		a.hurry(end.Add(l.patience))
	}
	l.work.Wait()
	l.stopped = true
	return l.collect(end, 1, func(int) int { return 0 })[0]
}

// Ended is how many connections somebody else has ended by now.
func (l *Load) Ended() (n int) {
	for _, a := range l.lanes {
		a.lock.Lock()
		n += a.lost
		a.lock.Unlock()
	}
	return n
}

// cut leaves no goroutine behind.
func (l *Load) cut() {
	if l.stopped {
		return
	}
	l.stopping.Store(true)
	for _, a := range l.lanes {
		a.conn.Close()
	}
	l.work.Wait()
}

// collect adds up the lanes of each part. A gap that still lasts counts as far as
// it has come.
func (l *Load) collect(end time.Time, parts int, part func(conn int) int) []LoadResult {
	results, all, acks := make([]LoadResult, parts), make([]latencies, parts), make([]latencies, parts)
	for i, a := range l.lanes {
		at := part(i)
		a.collect(&results[at], &all[at], &acks[at], end)
	}
	for i := range results {
		r := &results[i]
		r.Elapsed = end.Sub(l.begin)
		l.total += r.Requests
		r.P50, r.P99, r.P999, r.Max = all[i].at(0.5), all[i].at(0.99), all[i].at(0.999), all[i].longest
		r.AckP99 = acks[i].at(0.99)
		r.Rate = float64(r.Requests) / max(r.Elapsed.Seconds(), 1e-9)
	}
	for i := range results {
		results[i].Total = l.total
	}
	l.begin = end
	return results
}
