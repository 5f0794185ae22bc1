// fault_operations_test.go: what operators do to a proxy under load. Rows O2, O7
// and R15 of the table of faults.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// ended is the last word of a proxy's log.
type ended struct {
	Msg                           string
	Requests, Answered, Abandoned int
	ConnectionsCut                int `json:"connections_cut"`
}

func lastWord(t *testing.T, log string) (e ended) {
	t.Helper()
	for line := range strings.Lines(log) {
		if json.Unmarshal([]byte(line), &e) == nil && e.Msg == "ended" {
			return e
		}
	}
	t.Errorf("the log does not tell the end:\n%s", log)
	return e
}

// TestADrainUnderLoadLosesNoReply is row O2. What a client has sent without the
// proxy having received it gets no reply, so the replies are held against what
// the server has been asked.
func TestADrainUnderLoadLosesNoReply(t *testing.T) {
	const trials = 20
	var lost int
	var idleMost, exitMost time.Duration
	for trial := range trials {
		sig := []os.Signal{syscall.SIGTERM, syscall.SIGINT}[trial%2]
		missing, idle, exit := drainOnce(t, sig)
		lost += missing
		idleMost, exitMost = max(idleMost, idle), max(exitMost, exit)
	}
	proctest.Figure(t, "O2", "SIGTERM or SIGINT under L, with 500 pipelined requests received and 20 idle connections",
		fmt.Sprintf("%d replies lost; idle connections closed after at most %v; exit 0 after at most %v; %d trials", lost, idleMost.Round(time.Millisecond), exitMost.Round(time.Millisecond), trials),
		"0; 1 s; 10 s")
	if lost > 0 || idleMost > 10*time.Second || exitMost > 11*time.Second {
		t.Errorf("%d replies were lost, idle connections stood for %v, the end took %v", lost, idleMost, exitMost)
	}
}

func drainOnce(t *testing.T, sig os.Signal) (lost int, idleMost, exit time.Duration) {
	t.Helper()
	server, asked := proctest.StartCounter(t)
	p := start(t, server)
	log := readLog(p)
	l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
	var idle []net.Conn
	for range 20 {
		c := p.Dial()
		proctest.Ask(t, c, "REQ 1 idle\n", "ACK 1 idle\n")
		idle = append(idle, c)
	}
	pipeliner := p.Dial()
	requests, replies := pipeline(500)
	if _, err := pipeliner.Write(requests); err != nil {
		t.Fatal(err)
	}
	until(t, "the proxy's side has all that was pipelined", func() bool { return unacknowledged(t, pipeliner) == 0 })
	begin := time.Now()
	p.Send(sig)
	got, err := io.ReadAll(pipeliner)
	if !bytes.Equal(got, replies) || err != nil {
		t.Errorf("of 500 pipelined requests that had been received %d were answered (%v)", bytes.Count(got, []byte("\n")), err)
	}
	pipeliner.Close()
	for _, c := range idle {
		atEnd(t, c)
		idleMost = max(idleMost, time.Since(begin))
		c.Close()
	}
	until(t, "all connections have ended", func() bool { return l.Ended() == 50 })
	r := l.Stop()
	end := lastWord(t, log.wait(0))
	exit = time.Since(begin)
	total := r.Total + len(idle) + bytes.Count(got, []byte("\n"))
	if r.Wrong > 0 || end.Answered != end.Requests || end.Abandoned+end.ConnectionsCut != 0 {
		t.Errorf("%v; the proxy says %+v", r, end)
	}
	if total != end.Answered {
		t.Errorf("%d replies arrived, the proxy says %d", total, end.Answered)
	}
	return int(asked()) - total, idleMost, exit
}

// pipeline gives requests in one piece, and their replies.
func pipeline(n int) (requests, replies []byte) {
	for i := range n {
		requests = fmt.Appendf(requests, "REQ %d %040d\n", i+1, i)
		replies = fmt.Appendf(replies, "ACK %d %040d\n", i+1, i)
	}
	return requests, replies
}

// unacknowledged is how many bytes the peer's kernel does not have yet.
func unacknowledged(t *testing.T, c net.Conn) (n int) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlled := raw.Control(func(fd uintptr) { n, err = outQueue(fd) }); controlled != nil || err != nil {
		t.Fatal(controlled, err)
	}
	return n
}

// TestAKilledProxyIsBackAtOnce is row O7: its port is taken again while
// connections of the killed one are not over yet, and its pid file is still there.
func TestAKilledProxyIsBackAtOnce(t *testing.T) {
	const trials = 10
	server := startServer(t)
	pidFile := filepath.Join(t.TempDir(), "pid")
	p := start(t, server, "-pidfile", pidFile)
	addr := p.Addr
	var most time.Duration
	for range trials {
		l := proctest.StartLoad(t, proctest.LoadConfig{Addr: addr, Conns: 10, Depth: 16, Bytes: 64})
		p.Send(syscall.SIGKILL)
		p.ExpectExit(-1)
		until(t, "every client has seen the end", func() bool { return l.Ended() == 10 })
		if r := l.Stop(); r.Wrong > 0 {
			t.Errorf("%v", r)
		}
		if _, err := os.Stat(pidFile); err != nil {
			t.Fatalf("there is no stale pid file: %v", err)
		}
		begin := time.Now()
		p = proctest.Launch(t, proctest.Command("-listen", addr, "-forward", server, "-pidfile", pidFile))
		c := p.Dial()
		took := time.Since(begin)
		proctest.Ask(t, c, "REQ 1 again\n", "ACK 1 again\n")
		c.Close()
		most = max(most, took)
		if text, err := os.ReadFile(pidFile); err != nil || string(text) != fmt.Sprintln(p.Process.Pid) {
			t.Errorf("the pid file holds %q (%v)", text, err)
		}
	}
	proctest.Figure(t, "O7", "kill -9 of the proxy under load, started again on the same port with a stale pid file",
		fmt.Sprintf("first connection at most %v after exec; %d trials", most.Round(time.Millisecond), trials), "200 ms")
	if most > 5*time.Second {
		t.Errorf("the first connection came %v after exec", most)
	}
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}
