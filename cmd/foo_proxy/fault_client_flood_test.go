// fault_client_flood_test.go owns row C6: one connection that asks without end,
// beside others that do not.

package main

import (
	"bufio"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// flood is one connection on which requests are sent without end, and all replies
// read.
type flood struct {
	c       net.Conn
	work    sync.WaitGroup
	replies atomic.Int64
	wrong   atomic.Int64
}

// startFlood begins one that writes so many lines at once.
func startFlood(t *testing.T, addr string, lines int) *flood {
	t.Helper()
	f := &flood{c: proctest.Dial(t, addr)}
	asks := []byte(strings.Repeat(lineOf("REQ 1 ", 64), lines))
	want := lineOf("ACK 1 ", 64)
	f.work.Go(func() {
		for {
			if _, err := f.c.Write(asks); err != nil {
				return // the end of the test's interest
			}
		}
	})
	f.work.Go(func() {
		in := bufio.NewReaderSize(f.c, 64<<10)
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if f.replies.Add(1); string(line) != want {
				f.wrong.Add(1)
			}
		}
	})
	return f
}

func (f *flood) stop() {
	f.c.Close()
	f.work.Wait()
}

// TestOneConnectionThatFloodsLeavesTheOthersTheirTurn is row C6.
func TestOneConnectionThatFloodsLeavesTheOthersTheirTurn(t *testing.T) {
	inModes(t, floodBeside, ownLinks, muxed)
}

func floodBeside(t *testing.T, m mode) {
	competeByCores(t)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server, m.args()...)
	load := proctest.StartLoad(t, proctest.LoadConfig{Addr: p.Addr, Conns: 49, Depth: 1, Bytes: 64})
	var f *flood
	var flooded time.Duration
	replies, wrong := int64(0), int64(0)
	var since time.Time
	begin := func() {
		f, since = startFlood(t, p.Addr, 4096), time.Now()
		until(t, "the flood is answered", func() bool { return f.replies.Load() > 10_000 })
	}
	end := func() {
		replies, wrong, flooded = replies+f.replies.Load(), wrong+f.wrong.Load(), flooded+time.Since(since)
		f.stop()
	}
	others := proctest.Compare(load, proctest.Pairs(), windowTime, begin, end)
	all := load.Stop()
	if !all.Faultless() || wrong > 0 {
		t.Errorf("the others: %v; of the flood %d replies are wrong", all, wrong)
	}
	goal := "max(2 p0, 2 ms)"
	if m.shares() {
		goal = "ratio 2"
	}
	proctest.Figure(t, m.row("C6"), fmt.Sprintf("49 connections of depth 1 beside one that floods (%.0f replies/s), client and server on the same cores", float64(replies)/flooded.Seconds()),
		others.String(), goal)
	if p99 := proctest.Median(others.With, proctest.P99); p99 > 10*max(2*proctest.Median(others.Without, proctest.P99), 2*time.Millisecond) {
		t.Errorf("the others' p99 is %v", p99)
	}
}

// competeByCores lets as many threads of the test run at once as want to: else
// the goroutines of the flood would keep those of the other clients waiting for
// whole time slices, and the figures would be the test's own.
func competeByCores(t *testing.T) {
	before := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 4)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestAFloodGetsNoMoreThanItsShare is row C6 where all want as much as they can
// get: the others flood too, but the one writes a hundred times as much at once.
func TestAFloodGetsNoMoreThanItsShare(t *testing.T) { inModes(t, floodAmongFloods, ownLinks, muxed) }

func floodAmongFloods(t *testing.T, m mode) {
	const n = 50
	competeByCores(t)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	p := watchProxy(t, server, m.args()...)
	all := []*flood{startFlood(t, p.Addr, 6400)}
	for range n - 1 {
		all = append(all, startFlood(t, p.Addr, 64))
	}
	for _, f := range all {
		until(t, "each is answered", func() bool { return f.replies.Load() > 1000 })
	}
	counts, total := make([]int64, n), int64(0)
	for i, f := range all {
		counts[i] = -f.replies.Load()
	}
	begin := time.Now()
	time.Sleep(inForm(2*time.Second, 10*time.Second)) // what is measured takes time
	for i, f := range all {
		counts[i] += f.replies.Load()
		total += counts[i]
	}
	rate := float64(total) / time.Since(begin).Seconds()
	for i, f := range all {
		if f.stop(); f.wrong.Load() > 0 {
			t.Errorf("connection %d: %d replies are wrong", i, f.wrong.Load())
		}
	}
	share := func(count int64) float64 { return float64(count) / float64(total) * n }
	proctest.Figure(t, m.row("C6"), fmt.Sprintf("%d connections that ask without end, one with writes of 400 KiB, the others with 4 KiB", n),
		fmt.Sprintf("the flooder has %.2f/n of %.0f replies/s, the others %.2f/n to %.2f/n", share(counts[0]), rate, share(slices.Min(counts[1:])), share(slices.Max(counts[1:]))), "1.2/n")
	if share(counts[0]) > 12 {
		t.Errorf("the flooder's share is %.1f/n", share(counts[0]))
	}
}
