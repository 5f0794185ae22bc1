// fault_client_pressure_test.go owns row C4: clients that send without end and
// never read.

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// hogs are clients that send requests without end and never read.
type hogs struct {
	t       *testing.T
	all     []net.Conn
	work    sync.WaitGroup
	sent    atomic.Int64 // bytes taken
	closed  atomic.Int64 // how many have heard that they are closed
	leaving atomic.Bool
	begin   time.Time
	last    atomic.Int64 // when the last byte was taken, in nanoseconds from begin
}

// startHogs brings so many about. Each has lines of one length, and they have
// many.
func startHogs(t *testing.T, addr string, clients int) *hogs {
	t.Helper()
	h := &hogs{t: t, begin: time.Now()}
	t.Cleanup(h.leave)
	for i := range clients {
		c, err := net.DialTimeout("tcp", addr, proctest.Patience)
		if err != nil {
			t.Fatal(err)
		}
		h.all = append(h.all, c)
		// What the client's own kernel takes is not what the row is about, and may
		// be megabytes.
		if err := errors.Join(c.(*net.TCPConn).SetWriteBuffer(32<<10), c.(*net.TCPConn).SetReadBuffer(32<<10)); err != nil {
			t.Fatal(err)
		}
		line := lineOf("REQ 1 ", []int{20, 50, 100, 500, 1000}[i%5])
		h.work.Go(func() { h.send(c, []byte(strings.Repeat(line, max(1, 16<<10/len(line))))) })
	}
	return h
}

func (h *hogs) send(c net.Conn, lines []byte) {
	for at := 0; ; {
		n, err := c.Write(lines[at:])
		h.sent.Add(int64(n))
		if err != nil {
			break
		}
		at = (at + n) % len(lines)
		h.last.Store(int64(time.Since(h.begin)))
	}
	if !h.leaving.Load() {
		h.closed.Add(1)
	}
}

// untilStuck waits until all are served and nothing of theirs has been taken for
// some time, in which the proxy had turns enough to take more.
func (h *hogs) untilStuck(p watched) {
	h.t.Helper()
	p.untilNumbers("all are served", func(n map[string]float64) bool { return n["connections"] >= float64(len(h.all)) })
	sent, since, turns := int64(-1), time.Now(), 0
	until(h.t, "nothing moves any more", func() bool {
		p.numbers() // which takes a turn
		if now := h.sent.Load(); now != sent {
			sent, since, turns = now, time.Now(), 0
		}
		turns++
		return time.Since(since) > 300*time.Millisecond && turns > 100
	})
}

func (h *hogs) leave() {
	h.leaving.Store(true)
	for _, c := range h.all {
		c.Close()
	}
	h.work.Wait()
}

// TestClientsThatNeverReadCostLittleAndNobodyNotices is row C4.
func TestClientsThatNeverReadCostLittleAndNobodyNotices(t *testing.T) {
	clients := inForm(200, 1000)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	with, without, null := watchProxy(t, server, "-write-timeout", "60s"), watchProxy(t, server), watchProxy(t, server)
	proctest.StartLoad(t, proctest.StandardLoad(with.Addr)).Stop() // what only the first clients cost
	before, pagesBefore := with.resident(), kernelPages(t)
	peak := with.startMemoryPeak()
	h := startHogs(t, with.Addr, clients)
	h.untilStuck(with)
	pages := kernelPages(t) - pagesBefore
	toClients, n := queues(t, func(local, _ string) bool { return local == with.Addr })
	toServer, links := queues(t, func(_, remote string) bool { return remote == server })
	if n < clients || links < clients {
		t.Errorf("%d sockets to clients, %d to the server", n, links)
	}
	others := compareProxies(t, without.Addr, with.Addr, null.Addr, func() {}, func() {})
	growth := peak() - before
	if closed := h.closed.Load(); closed > 0 {
		t.Errorf("%d were closed before their time", closed)
	}
	proctest.Figure(t, "C4", fmt.Sprintf("%d clients that send without end and never read", clients),
		fmt.Sprintf("memory %d KiB each, %d MiB in all at its peak; in the kernel %d KiB each for the client (%d sent but not taken, %d not read), %d KiB for the server; %d KiB each over all sockets of this host, the client's and the server's own included",
			kibibytes(growth/clients), growth>>20, kibibytes((toClients.send+toClients.receive)/clients), kibibytes(toClients.send/clients), kibibytes(toClients.receive/clients),
			kibibytes((toServer.send+toServer.receive)/clients), kibibytes(pages*os.Getpagesize()/clients)), fmt.Sprintf("192 KiB each, %d MiB in all; kernel 256 KiB each", clients*190/1000))
	proctest.Figure(t, "C4", fmt.Sprintf("load L beside %d clients that never read, client and server on the same cores", clients), others.String(), "1.2 p0")
	if growth > 10*clients*192<<10 {
		t.Errorf("the memory grew by %d MiB", growth>>20)
	}
}

// TestClientsThatNeverReadAreClosedWhenTheWriteTimeoutEnds is its other half. What
// counts is that the proxy is rid of them: that they hear of it may take the
// kernels long, since neither takes what the other still sends.
func TestClientsThatNeverReadAreClosedWhenTheWriteTimeoutEnds(t *testing.T) {
	timeout := inForm(time.Second, 10*time.Second)
	clients := inForm(100, 1000)
	p := watchProxy(t, proctest.StartEcho(t), "-write-timeout", timeout.String())
	before := p.descriptors()
	begin := time.Now()
	h := startHogs(t, p.Addr, clients)
	most, first := 0.0, time.Duration(0)
	p.untilNumbers("all are closed", func(n map[string]float64) bool {
		now := n["connections"]
		if most = max(most, now); now < most && first == 0 {
			first = time.Since(begin)
		}
		return most > 0 && now == 0
	})
	took := time.Since(h.begin) - time.Duration(h.last.Load())
	p.untilDescriptors(before)
	proctest.Figure(t, "C4", fmt.Sprintf("%d clients that never read, -write-timeout %v", clients, timeout),
		fmt.Sprintf("all closed, the first one %.2f s behind the first connect, the last one %.2f s behind the last byte that was taken", first.Seconds(), took.Seconds()), "closed when the write timeout ends")
	if first < timeout || took > timeout+10*time.Second {
		t.Errorf("the first was closed after %v, the last after %v", first, took)
	}
}

// kernelPages is how many pages the kernel holds for all TCP sockets of this
// host.
func kernelPages(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "TCP:")
	_, rest, _ = strings.Cut(rest, " mem ")
	pages := 0
	if _, err := fmt.Sscan(rest, &pages); err != nil {
		t.Fatal(err)
	}
	return pages
}
