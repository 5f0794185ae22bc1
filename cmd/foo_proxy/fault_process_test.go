// fault_process_test.go owns what the tests of faults look at from outside: a
// process's log while it runs, its memory and its CPU.

package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// logReader reads a process's log while it runs.
type logReader struct {
	p     *proctest.Process
	gate  sync.Mutex // held by whoever wants nobody to read
	ended chan struct{}
	lock  sync.Mutex
	lines []string
}

// readLog begins to read a log. Whoever ends the process calls wait then.
func readLog(p *proctest.Process) *logReader {
	r := &logReader{p: p, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		for {
			r.gate.Lock()
			line, err := p.Stderr.ReadString('\n')
			r.gate.Unlock()
			if err != nil {
				return
			}
			r.lock.Lock()
			r.lines = append(r.lines, line)
			r.lock.Unlock()
		}
	}()
	return r
}

// count is how many lines hold a text.
func (r *logReader) count(text string) (n int) {
	r.lock.Lock()
	defer r.lock.Unlock()
	for _, line := range r.lines {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// wait waits for the process to end, expects its exit code, and gives the log.
func (r *logReader) wait(code int) string {
	r.p.T.Helper()
	<-r.ended
	r.p.ExpectExit(code)
	return strings.Join(r.lines, "")
}

// until waits for a condition that only the passing of time brings about.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(proctest.Patience); !condition(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// cpuTime is what a process has used, to the clock tick of 10 ms.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	// The name may hold blanks; behind its bracket utime and stime are 12th and
	// 13th.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// quietBytes is the memory once it stands still: for a while nothing is taken
// and nothing given back.
func quietBytes(t *testing.T, pid int) int {
	t.Helper()
	const looks = 10
	last, same := proctest.ResidentBytes(t, pid), 0
	for deadline := time.Now().Add(proctest.Patience); same < looks; {
		time.Sleep(50 * time.Millisecond) // between two looks
		now := proctest.ResidentBytes(t, pid)
		if now == last {
			same++
		} else {
			last, same = now, 0
		}
		if time.Now().After(deadline) {
			break // it breathes; one look is as good as another
		}
	}
	return last
}

// descriptorsMax is how many descriptors a process may have; the runtime has
// raised the test's own to the hard limit, which its children inherit.
func descriptorsMax(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	return int(limit.Max)
}

// manyClients is how many clients the rows of many ask for: as many as the table
// says, or as a process may have descriptors for.
func manyClients(t *testing.T) int { return min(9000, (descriptorsMax(t)-200)/2) }

// dialFrom connects from 127.0.0.last: one address has not enough ports for many.
func dialFrom(last int, addr string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: proctest.Patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(last))}}
	return dialer.Dial("tcp", addr)
}
