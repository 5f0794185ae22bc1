// fault_memory_test.go owns row R2: memory is limited, and clients want far more of
// it than there is.

package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// startLimited runs a proxy whose process has a memory limit, from which it takes
// its own.
func startLimited(t *testing.T, server string, limit int) watched {
	t.Helper()
	cmd := proctest.Command("-listen", "127.0.0.1:0", "-forward", server)
	cmd.Env = append(cmd.Env, fmt.Sprintf("GOMEMLIMIT=%dMiB", limit>>20))
	return watched{proctest.Launch(t, cmd)}
}

// TestUnderAMemoryLimitTheOthersAreServed is row R2. Those with full pipelines send
// without end and never read; each could hold 192 KiB, which is several times the
// limit in all.
func TestUnderAMemoryLimitTheOthersAreServed(t *testing.T) {
	clients, limit := inForm(500, 9000), inForm(48<<20, 256<<20)
	clients = min(clients, (descriptorsMax(t)-300)/2)
	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0")).Addr
	with, without, null := startLimited(t, server, limit), startLimited(t, server, limit), startLimited(t, server, limit)
	peak := with.startMemoryPeak()
	before := with.descriptors()
	h := startHogs(t, with.Addr, clients)
	h.untilStuck(with)
	stuck := with.numbers()
	others := compareProxies(t, without.Addr, with.Addr, null.Addr, func() {}, func() {})
	if closed := h.closed.Load(); closed > 0 {
		t.Errorf("%d were closed", closed)
	}
	h.leave()
	begin := time.Now()
	with.untilNumbers("all are gone", func(n map[string]float64) bool { return n["connections"] == 0 && n["outstanding"] == 0 })
	p0, again := proctest.Median(others.Without, proctest.P99), time.Duration(0)
	until(t, "the p99 is as it was", func() bool {
		again = oneWindow(t, with.Addr).P99
		return again <= 2*p0
	})
	normal := time.Since(begin)
	most := peak()
	with.untilDescriptors(before) // which the server has a say in: it is behind with its replies
	proctest.Figure(t, "R2", fmt.Sprintf("GOMEMLIMIT %d MiB, %d clients with full pipelines (%.0f requests outstanding), load L beside them", limit>>20, clients, stuck["outstanding"]),
		fmt.Sprintf("0 killed, 0 closed; RSS %d MiB at the peak; L: %v; %.1f s after they left p99 was %.2f p0", kibibytes(most)>>10, others, normal.Seconds(), float64(again)/float64(max(p0, 1))),
		fmt.Sprintf("0; %d MiB; 2 p0; 5 s", limit>>20))
	if most > 2*limit && !raceDetector || normal > proctest.Patience {
		t.Errorf("the memory was %d MiB at its peak, normal again after %v", most>>20, normal)
	}
	with.Send(syscall.SIGTERM)
	with.ExpectExit(0)
}

// oneWindow is the load L for one window.
func oneWindow(t *testing.T, addr string) proctest.LoadResult {
	t.Helper()
	load := proctest.StartLoad(t, proctest.StandardLoad(addr))
	time.Sleep(windowTime) // what is measured takes time
	window := load.Mark()
	if all := load.Stop(); !all.Faultless() {
		t.Errorf("the others: %v", all)
	}
	return window
}
