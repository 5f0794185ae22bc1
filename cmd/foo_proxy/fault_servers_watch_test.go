// fault_servers_watch_test.go owns what the rows of servers see of a proxy in
// front of several: what it tells of them, and what its clients met. It knows no
// row.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// serverSeen is what the statistics tell of one server.
type serverSeen struct {
	Address, State                  string
	Sessions, Outstanding, Requests int
	Failures                        map[string]int
}

// serversSeen is what they tell that is about servers.
type serversSeen struct {
	Upstreams   []serverSeen
	Naks        map[string]int `json:"naks_local_by_reason"`
	Late        int
	Outstanding int
	Connections int
}

// servers asks for the statistics. One goroutine at a time may do so.
func (w watched) servers() (s serversSeen) {
	w.T.Helper()
	w.Send(syscall.SIGUSR1)
	line, err := w.Stdout.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	return s
}

// untilServers waits for a state of the servers, and gives it. It asks less often
// than until does, since each answer is work for the proxy.
func (w watched) untilServers(what string, good func(s serversSeen) bool) (s serversSeen) {
	w.T.Helper()
	until(w.T, what, func() bool {
		if s = w.servers(); good(s) {
			return true
		}
		time.Sleep(2 * time.Millisecond)
		return false
	})
	return s
}

// untilState waits until one server is in a state, and gives how long that took
// from begin on.
func (w watched) untilState(server int, state string, begin time.Time) time.Duration {
	w.T.Helper()
	w.untilServers(fmt.Sprintf("server %d is %s", server, state), func(s serversSeen) bool { return s.Upstreams[server].State == state })
	return time.Since(begin)
}

// untilSpread waits until each server has its share of so many sessions.
func (w watched) untilSpread(sessions int) serversSeen {
	w.T.Helper()
	return w.untilServers("sessions are spread evenly", func(s serversSeen) bool {
		least, most, all := sessions, 0, 0
		for _, u := range s.Upstreams {
			least, most, all = min(least, u.Sessions), max(most, u.Sessions), all+u.Sessions
		}
		return all == sessions && most-least <= 1
	})
}

// stop ends the proxy in order, and gives its log.
func (w watched) stop(log *logReader) string {
	w.T.Helper()
	w.Send(syscall.SIGTERM)
	return log.wait(0)
}

// ninetyNinth is what 99 of 100 do not exceed, and the longest.
func ninetyNinth(all []time.Duration) (p99, longest time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)*99/100], all[len(all)-1]
}

// asker is a client that sends several requests at once and judges each reply.
type asker struct {
	conn     net.Conn
	seq      int
	from     int    // what its payloads count from
	in       []byte // what has come behind the last whole line
	name     string // begins its payloads
	anyOrder bool   // replies may overtake each other
}

// ask sends so many requests in one write, and gives the reason of each one's NAK
// in their order; it is empty where the reply is its ACK.
func (a *asker) ask(n int) (reasons []string, err error) {
	var out []byte
	var due []int // requests without a reply
	first := a.seq + 1
	for range n {
		a.seq++
		due = append(due, a.seq)
		out = fmt.Appendf(out, "REQ %d %s.%d\n", a.seq, a.name, a.from+a.seq)
	}
	err = a.conn.SetDeadline(time.Now().Add(proctest.Patience))
	if err == nil {
		_, err = a.conn.Write(out)
	}
	if err != nil {
		return nil, err
	}
	reasons = make([]string, n)
	for len(due) > 0 {
		line, err := a.line()
		if err != nil {
			return nil, err
		}
		at := 0
		if a.anyOrder {
			at = max(0, slices.IndexFunc(due, func(seq int) bool { return strings.HasPrefix(line[min(4, len(line)):], strconv.Itoa(seq)+" ") }))
		}
		seq := due[at]
		if line != fmt.Sprintf("ACK %d %s.%d", seq, a.name, a.from+seq) {
			reason, isNak := strings.CutPrefix(line, fmt.Sprintf("NAK %d ", seq))
			if !isNak {
				return nil, fmt.Errorf("request %d of %s got %.100q", seq, a.name, line)
			}
			reasons[seq-first] = reason
		}
		due = slices.Delete(due, at, at+1)
	}
	return reasons, nil
}

// line reads one, and gives it without its LF.
func (a *asker) line() (string, error) {
	piece := make([]byte, 4<<10)
	for {
		if line, rest, whole := bytes.Cut(a.in, []byte("\n")); whole {
			a.in = rest
			return string(line), nil
		}
		n, err := a.conn.Read(piece)
		a.in = append(a.in, piece[:n]...)
		if err != nil {
			return "", fmt.Errorf("after %q: %w", a.in, err)
		}
	}
}

// finish ends the conversation: nothing more may come but FIN.
func (a *asker) finish() error {
	if err := a.conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	rest, err := io.ReadAll(a.conn)
	if err == nil && len(a.in)+len(rest) > 0 {
		err = fmt.Errorf("%s got %q behind its last reply", a.name, append(a.in, rest...))
	}
	return err
}

// tally counts NAKs by their reason.
func tally(counts map[string]int, reasons []string) {
	for _, reason := range reasons {
		if reason != "" {
			counts[reason]++
		}
	}
}

// expectFaultless: each request of a load got its own reply, and nobody was lost.
func expectFaultless(t *testing.T, what string, r proctest.LoadResult) {
	t.Helper()
	if !r.Faultless() {
		t.Errorf("%s: %v", what, r)
	}
}
