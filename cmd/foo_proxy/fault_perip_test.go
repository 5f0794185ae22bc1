// fault_perip_test.go owns row C14: more clients than there may be, of one address
// and in all.

package main

import (
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// intruderPause is how long an intruder waits before it comes again: a few hundred
// come each second, so that what others see of it is the proxy's time and not that of
// the test, which shares their cores.
const intruderPause = 2 * time.Millisecond

// intruders connect from an address that has all its connections already.
type intruders struct {
	t      *testing.T
	addr   string
	stop   atomic.Bool
	work   sync.WaitGroup
	closed []time.Duration // from the connect to the end of the connection
}

func (in *intruders) begin() {
	in.stop.Store(false)
	in.work.Go(func() {
		for n := 0; !in.stop.Load(); n++ {
			in.come(n%2 == 0)
			time.Sleep(intruderPause)
		}
	})
}

func (in *intruders) end() {
	in.stop.Store(true)
	in.work.Wait()
}

// come has one connect, and say something at once or nothing. It must get the end of
// the connection, and no reset.
func (in *intruders) come(speaks bool) {
	begin := time.Now()
	c, err := dialFrom(1, in.addr)
	if err != nil {
		in.t.Error(err)
		return
	}
	defer c.Close()
	if speaks {
		// It may fail: the end may have come already.
		_, _ = io.WriteString(c, "REQ 1 let me in\n")
	}
	if err := c.SetReadDeadline(time.Now().Add(proctest.Patience)); err != nil {
		in.t.Error(err)
	}
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		in.t.Errorf("an intruder got %q (%v)", rest, err)
	}
	in.closed = append(in.closed, time.Since(begin))
}

// times tells how soon intruders were closed, and begins anew.
func (in *intruders) times() (text string, longest time.Duration) {
	slices.Sort(in.closed)
	all := in.closed
	in.closed = nil
	longest = all[len(all)-1]
	return fmt.Sprintf("FIN and no reset for each of %d, p50 %.2f ms, p99 %.2f ms, longest %.2f ms after the connect",
		len(all), milliseconds(all[len(all)/2]), milliseconds(all[len(all)*99/100]), milliseconds(longest)), longest
}

// TestOneClientTooManyOfAnAddressIsClosedAtOnce is row C14 for -max-conns-per-ip: one
// address has all the connections that it may have, idle ones and then a load, and
// more come from there.
func TestOneClientTooManyOfAnAddressIsClosedAtOnce(t *testing.T) {
	const most, beside = 50, "clients too many of one address, half of them with a request, beside the 50 that it may have"
	competeByCores(t)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server, "-max-conns-per-ip", fmt.Sprint(most))
	log, begin := readLog(p.Process), time.Now()
	in := &intruders{t: t, addr: p.Addr}
	idle := make([]net.Conn, most)
	for i := range idle {
		idle[i] = p.Dial()
		proctest.Ask(t, idle[i], "REQ 1 a\n", "ACK 1 a\n")
	}
	for n := range 200 {
		in.come(n%2 == 0)
	}
	quiet, longest := in.times()
	proctest.Figure(t, "C14", beside+", which are idle", quiet, "10 ms")
	p.untilNumbers("the intruders are counted", func(n map[string]float64) bool { return n["refused_per_ip"] == 200 && n["connections"] == most })
	if longest > time.Second {
		t.Errorf("the longest took %v", longest)
	}
	for _, c := range idle {
		c.Close()
	}
	p.untilNumbers("all have left", func(n map[string]float64) bool { return n["connections"] == 0 })
	p.loadBesideIntruders(t, in, beside)
	seconds := int(time.Since(begin).Seconds())
	p.Send(syscall.SIGTERM)
	log.wait(0)
	if lines := log.count("too many connections"); lines == 0 || lines > 2+seconds {
		t.Errorf("%d log lines in %d s", lines, seconds)
	}
}

// loadBesideIntruders compares a load with intruders and without.
func (w watched) loadBesideIntruders(t *testing.T, in *intruders, beside string) {
	load := proctest.StartLoad(t, proctest.StandardLoad(w.Addr))
	before := w.numbers()
	others := proctest.Compare(load, proctest.Pairs(), windowTime, in.begin, in.end)
	w.expectMoved(before, map[string]float64{"refused_per_ip": float64(len(in.closed)), "connections": 0, "lines_invalid": 0})
	if all := load.Stop(); !all.Faultless() || all.Naks > 0 {
		t.Errorf("the others: %v", all)
	}
	busy, longest := in.times()
	proctest.Figure(t, "C14", beside+", which are load L", fmt.Sprintf("%s; others: 0 lost, %v", busy, others), "10 ms; no effect on others")
	if longest > time.Second {
		t.Errorf("the longest took %v", longest)
	}
}

// TestMoreClientsThanThereMayBeWaitForAPlace is row C14 for -max-conns.
func TestMoreClientsThanThereMayBeWaitForAPlace(t *testing.T) {
	const places, clients = 50, 150
	f := &full{t: t, p: start(t, startServer(t), "-max-conns", fmt.Sprint(places))}
	f.log = readLog(f.p)
	f.fill(clients, places)
	f.work(100 * time.Millisecond)
	f.stillWait()
	waited := f.leave()
	f.p.Send(syscall.SIGTERM)
	f.log.wait(0)
	proctest.Figure(t, "C14", fmt.Sprintf("-max-conns %d, %d clients", places, clients),
		fmt.Sprintf("%d served and go on, the others wait, 0 refused; the next one served at most %v after a place is free", places, waited.Round(100*time.Microsecond)), "200 ms")
	if waited > 2*time.Second {
		t.Errorf("the next one waits for %v", waited)
	}
}
