// fault_client_watch_test.go owns what the rows of clients see of a foo_proxy
// process from outside: its statistics, descriptors, memory and reads. It
// knows no row.

package main

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// inForm picks how much of something a row does.
func inForm[T any](suite, release T) T {
	if proctest.Release() {
		return release
	}
	return suite
}

// watched is a proxy that is watched from outside.
type watched struct{ *proctest.Process }

func watchProxy(t *testing.T, server string, args ...string) watched {
	t.Helper()
	return watched{start(t, server, args...)}
}

// numbers asks for the statistics. One goroutine at a time may do so.
func (w watched) numbers() map[string]float64 {
	w.T.Helper()
	w.Send(syscall.SIGUSR1)
	line, err := w.Stdout.ReadBytes('\n')
	if err != nil {
		w.T.Fatal(err)
	}
	_, values := readNumbers(w.T, line)
	return values
}

// expectMoved compares how far numbers have moved since before.
func (w watched) expectMoved(before map[string]float64, want map[string]float64) {
	w.T.Helper()
	after := w.numbers()
	for name, moved := range want {
		if got := after[name] - before[name]; got != moved {
			w.T.Errorf("%s moved by %v, want %v", name, got, moved)
		}
	}
}

// untilNumbers waits for a state that the statistics show.
func (w watched) untilNumbers(what string, good func(n map[string]float64) bool) {
	w.T.Helper()
	until(w.T, what, func() bool { return good(w.numbers()) })
}

// descriptors is how many descriptors the process has open at rest.
func (w watched) descriptors() int { return proctest.Descriptors(w.T, w.Process.Process.Pid) }

// untilDescriptors waits until so many are open, and gives how long that took.
func (w watched) untilDescriptors(n int) time.Duration {
	w.T.Helper()
	begin := time.Now()
	until(w.T, fmt.Sprintf("%d descriptors are open", n), func() bool { return proctest.Entries(w.T, w.Process.Process.Pid, "fd") == n })
	return time.Since(begin)
}

// resident is the memory of the process that is in RAM, in bytes. Any goroutine
// may ask.
func (w watched) resident() int { return proctest.ResidentBytes(w.T, w.Process.Process.Pid) }

// untilRead waits until the process has read all that was sent on a connection,
// half a line included, which no statistics show.
func (w watched) untilRead(c net.Conn) {
	w.T.Helper()
	until(w.T, "what was sent has arrived", func() bool { return queueOf(w.T, c.LocalAddr(), c.RemoteAddr()).send == 0 })
	until(w.T, "what has arrived is read", func() bool { return queueOf(w.T, c.RemoteAddr(), c.LocalAddr()).receive == 0 })
}

// startMemoryPeak looks at the memory of the process until stop is called, which
// gives the most that was seen, in bytes.
func (w watched) startMemoryPeak() (stop func() int) {
	quit, highest := make(chan struct{}), make(chan int, 1)
	go func() {
		most := 0
		for {
			most = max(most, w.resident())
			select {
			case <-quit:
				highest <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	stop = sync.OnceValue(func() int {
		close(quit)
		return <-highest
	})
	w.T.Cleanup(func() { stop() }) // where the test ends early
	return stop
}

// kibibytes rounds up, so that no figure looks better than it is.
func kibibytes(n int) int { return (n + 1023) >> 10 }
