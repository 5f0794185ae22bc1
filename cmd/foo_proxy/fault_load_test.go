// fault_load_test.go: a proxy under load whose memory is collected and whose log
// nobody reads. Rows R5 and R8 of the table of faults.

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestUnderLoadHardlyAnythingIsCollected is row R5. That a request allocates
// nothing is shown beside the code; here the runtime tells each collection on
// stderr.
func TestUnderLoadHardlyAnythingIsCollected(t *testing.T) {
	long := 5 * time.Second
	if proctest.Release() {
		long = time.Minute
	}
	cmd := proctest.Command("-listen", "127.0.0.1:0", "-forward", startServer(t))
	cmd.Env = append(cmd.Env, "GODEBUG=gctrace=1")
	p := proctest.Launch(t, cmd)
	log := readLog(p)
	l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
	before := log.count("gc ")
	time.Sleep(long) // what is measured takes time
	collections := log.count("gc ") - before
	r := l.Stop()
	p.Send(syscall.SIGTERM)
	log.wait(0)
	proctest.Figure(t, "R5", fmt.Sprintf("L for %v", long),
		fmt.Sprintf("%d collections in %d requests (%.0f/s); allocations per request: 0 by tests in poller, stats and proxy", collections, r.Requests, r.Rate), "6 in 60 s; 0")
	if !r.Faultless() || collections > 60 {
		t.Errorf("%d collections; %v", collections, r)
	}
}

// logFlood connects, asks and disconnects until stopped, which is logged at the
// level debug.
type logFlood struct {
	t    *testing.T
	addr string
	quit chan struct{}
	work sync.WaitGroup
}

func startLogFlood(t *testing.T, addr string) *logFlood {
	c := &logFlood{t: t, addr: addr, quit: make(chan struct{})}
	c.work.Go(func() {
		for {
			select {
			case <-c.quit:
				return
			default:
				c.visit(true)
			}
		}
	})
	return c
}

// visit may wait for a reply, so that all that came before has been served.
func (c *logFlood) visit(wait bool) {
	conn, err := net.DialTimeout("tcp", c.addr, proctest.Patience)
	if err != nil {
		c.t.Error(err)
		return
	}
	defer conn.Close()
	if wait && !answers(conn, "REQ 1 a\n", "ACK 1 a\n") {
		c.t.Error("a client that came in between is not served")
	}
}

// burst has so many come and go at full speed, and returns when all of them have.
func (c *logFlood) burst(times int) {
	for range times {
		c.visit(false)
	}
	c.visit(true)
}

func (c *logFlood) stop() {
	close(c.quit)
	c.work.Wait()
}

// TestALogThatNobodyReadsCostsNothing is row R8. In every window clients come and
// go and are logged; in those with the fault nobody reads the log, and its pipe
// and its queue are full.
func TestALogThatNobodyReadsCostsNothing(t *testing.T) {
	p := start(t, startServer(t), "-log-level", "debug")
	log := readLog(p)
	l := proctest.StartLoad(t, proctest.StandardLoad(p.Addr))
	c := startLogFlood(t, p.Addr)
	const full = 2500 // visits, two lines each: more than 4,096 lines and what a pipe holds
	compared := proctest.Compare(l, proctest.Pairs(), 300*time.Millisecond,
		func() {
			log.gate.Lock()
			c.burst(full)
			time.Sleep(100 * time.Millisecond) // the burst itself is not what is measured
		},
		func() {
			log.gate.Unlock()
			lines := log.count("")
			until(t, "the log is read again", func() bool { return log.count("") > lines+full })
			time.Sleep(100 * time.Millisecond)
		})
	until(t, "dropped lines are told", func() bool { return log.count("log lines dropped") > 0 })
	dropped := droppedLines(log)

	p.CloseReaders()
	c.burst(full)
	l.Mark()
	time.Sleep(300 * time.Millisecond) // a window
	gone := l.Mark()
	c.stop()
	r := l.Stop()
	proctest.Figure(t, "R8", "nobody reads the log of level debug, under L and clients that come and go",
		fmt.Sprintf("%v; with its reader gone p99 %v; %d dropped lines told; %d replies missing or wrong, %d connections lost", compared, gone.P99, dropped, r.Missing+r.Wrong, r.Lost),
		"p99 unchanged; counted; alive")
	if !r.Faultless() || dropped == 0 || compared.Ratio() > 10*max(1, compared.NullRatio()) {
		t.Errorf("%v; %d lines told as dropped; %v", r, dropped, compared)
	}
	p.Send(syscall.SIGTERM)
	_ = p.Wait() // the exit code says it all
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("it ended with %v", p.ProcessState)
	}
}

// droppedLines adds up what the log says that it lost.
func droppedLines(log *logReader) (n int) {
	log.lock.Lock()
	defer log.lock.Unlock()
	for _, line := range log.lines {
		var entry struct {
			Msg   string
			Count int
		}
		if strings.Contains(line, "dropped") && json.Unmarshal([]byte(line), &entry) == nil {
			n += entry.Count
		}
	}
	return n
}
