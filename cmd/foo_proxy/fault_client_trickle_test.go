// fault_client_trickle_test.go owns row C5: many clients that send a byte now and
// then and never end their line.

package main

import (
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// trickle is many clients whose lines grow byte by byte.
type trickle struct {
	t      *testing.T
	all    []net.Conn
	firsts []time.Time // when each sent its first byte
	ends   []time.Time // when each was closed
	work   sync.WaitGroup
	going  chan bool // whether to send
	quit   chan struct{}
}

// startTrickle connects from several loopback addresses: one has not enough
// ports for many clients. Each client has sent its first byte then.
func startTrickle(t *testing.T, addr string, clients int) *trickle {
	t.Helper()
	r := &trickle{t: t, firsts: make([]time.Time, clients), ends: make([]time.Time, clients), going: make(chan bool), quit: make(chan struct{})}
	t.Cleanup(r.leave)
	for i := range clients {
		c, err := dialFrom(2+i%8, addr)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		r.all = append(r.all, c)
	}
	for i, c := range r.all {
		r.firsts[i] = time.Now()
		if _, err := c.Write([]byte("R")); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// send has each client send a byte in each interval, from now until leave, while
// it is not paused.
func (r *trickle) send(interval time.Duration) {
	const tick = 5 * time.Millisecond
	ticks := time.NewTicker(tick)
	r.work.Go(func() {
		defer ticks.Stop()
		on, next, due := true, 0, 0.0
		for {
			select {
			case on = <-r.going:
				continue
			case <-r.quit:
				return
			case <-ticks.C:
			}
			if due += float64(len(r.all)) * float64(tick) / float64(interval); !on {
				due = 0
			}
			for ; due >= 1; due-- {
				_, _ = r.all[next%len(r.all)].Write([]byte("x")) // it may have been closed
				next++
			}
		}
	})
}

func (r *trickle) pause()  { r.going <- false }
func (r *trickle) resume() { r.going <- true }

// untilClosed waits for the end of each, which is what a timeout brings. Nothing
// may come before it.
func (r *trickle) untilClosed() {
	r.t.Helper()
	var work sync.WaitGroup
	for i, c := range r.all {
		work.Go(func() {
			_ = c.SetReadDeadline(time.Now().Add(proctest.Patience)) // the read tells
			got := listen(c)
			r.ends[i] = time.Now()
			if got != (heard{"", "FIN"}) && got.end != "RST" {
				r.t.Errorf("client %d got %q, then %s", i, got.bytes, got.end)
			}
		})
	}
	work.Wait()
}

// closedAfter gives the shortest and the longest time from a first byte to the
// close.
func (r *trickle) closedAfter() (shortest, longest time.Duration) {
	shortest = time.Hour
	for i, end := range r.ends {
		took := end.Sub(r.firsts[i])
		shortest, longest = min(shortest, took), max(longest, took)
	}
	return shortest, longest
}

func (r *trickle) leave() {
	select {
	case <-r.quit:
		return
	default:
	}
	close(r.quit)
	r.work.Wait()
	for _, c := range r.all {
		c.Close()
	}
}

// TestManyClientsOfOneByteNowAndThenCostLittle is row C5 but for the close.
func TestManyClientsOfOneByteNowAndThenCostLittle(t *testing.T) {
	const interval = 5 * time.Second
	clients := manyClients(t)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	with := watchProxy(t, server, "-line-timeout", "1m")
	without, null := watchProxy(t, server), watchProxy(t, server)
	proctest.StartLoad(t, proctest.StandardLoad(with.Addr)).Stop() // what only the first clients cost
	before := with.resident()
	r := startTrickle(t, with.Addr, clients)
	with.untilNumbers("all are served", func(n map[string]float64) bool { return n["connections"] == float64(clients) })
	r.send(interval)
	cpuBefore, begin := cpuTime(t, with.Process.Process.Pid), time.Now()
	time.Sleep(inForm(time.Second, 4*time.Second)) // what is measured takes time
	cpu := 100 * float64(cpuTime(t, with.Process.Process.Pid)-cpuBefore) / float64(time.Since(begin))
	growth := with.resident() - before
	r.pause()
	others := compareProxies(t, without.Addr, with.Addr, null.Addr, r.resume, r.pause)
	if n := with.numbers()["connections"]; n != float64(clients) {
		t.Errorf("%v clients are left", n)
	}
	proctest.Figure(t, "C5", fmt.Sprintf("%d clients that send 1 byte every %v", clients, interval),
		fmt.Sprintf("memory %d B each; %.0f %% of one core", growth/clients, cpu), "1 KiB each; 10 %")
	proctest.Figure(t, "C5", "load L beside them, client and server on the same cores", others.String(), "1.5 p0")
	if growth > 10*clients<<10 {
		t.Errorf("the memory grew by %d KiB", kibibytes(growth))
	}
}

// TestALineTimeoutCountsFromTheFirstByte is the close of row C5.
func TestALineTimeoutCountsFromTheFirstByte(t *testing.T) {
	timeout, clients := inForm(time.Second, 10*time.Second), inForm(500, manyClients(t))
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server, "-line-timeout", timeout.String())
	before := p.descriptors()
	idle := p.Dial() // without a byte nothing counts
	p.untilDescriptors(before + 2)
	r := startTrickle(t, p.Addr, clients)
	r.send(timeout / 8)
	r.untilClosed()
	p.untilDescriptors(before + 2)
	shortest, longest := r.closedAfter()
	proctest.Figure(t, "C5", fmt.Sprintf("%d clients that send 1 byte every %v, -line-timeout %v", clients, timeout/8, timeout),
		fmt.Sprintf("all closed, %.2f to %.2f s behind the first byte; a client without a byte stays", shortest.Seconds(), longest.Seconds()), "counted from the first byte, not reset by later ones")
	if shortest < timeout || longest > 5*timeout {
		t.Errorf("closed after %v to %v", shortest, longest)
	}
	proctest.Ask(t, idle, "REQ 1 x\n", "ACK 1 x\n")
}
