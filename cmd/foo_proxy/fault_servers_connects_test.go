// fault_servers_connects_test.go owns a foo_proxy that notes when it connects to
// whom, at the seam between loop and kernel. It knows no row.

package main

import (
	"encoding/json"
	"os"
	"runtime"
	"slices"
	"time"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/poller"
)

// playConnects asks the test binary for it, where it is not empty.
const playConnects = "FOO_TEST_NOTES_CONNECTS"

// connectNotes is what it says at its end. Times are of the wall clock, in
// nanoseconds, so that the test's own can be held against them.
type connectNotes struct {
	Connects    map[string][]int64
	Fewest      int // goroutines at a connect
	Most        int
	First, Last int
}

// connectMeter is a kernel that notes connects.
type connectMeter struct {
	poller.Sys
	connectNotes
}

// Connect implements poller.Sys.
func (m *connectMeter) Connect(addr poller.Addr, o *poller.SocketOptions) (fd int, e poller.Errno) {
	m.Connects[addr.String()] = append(m.Connects[addr.String()], time.Now().UnixNano())
	m.Last = runtime.NumGoroutine()
	if m.First == 0 {
		m.First, m.Fewest = m.Last, m.Last
	}
	m.Fewest, m.Most = min(m.Fewest, m.Last), max(m.Most, m.Last)
	return m.Sys.Connect(addr, o)
}

// orConnects is main, or the same with connects noted.
func orConnects(main func()) func() {
	return func() {
		if os.Getenv(playConnects) == "" {
			main()
			return
		}
		meter := &connectMeter{connectNotes: connectNotes{Connects: map[string][]int64{}}}
		code := runOn(func(sys poller.Sys) poller.Sys {
			meter.Sys = sys
			return meter
		})
		if err := json.NewEncoder(os.Stdout).Encode(meter.connectNotes); err != nil {
			panic(err)
		}
		os.Exit(code)
	}
}

// notingConnects has a proxy do so.
func notingConnects(w *witnesses, args ...string) watched {
	cmd := proctest.Command(append([]string{"-listen", "127.0.0.1:0", "-forward", w.forward()}, args...)...)
	cmd.Env = append(cmd.Env, playConnects+"=1")
	return watched{proctest.Launch(w.t, cmd)}
}

// notes ends the proxy in order, and gives what it has noted.
func (w watched) notes(log *logReader) (n connectNotes, text string) {
	w.T.Helper()
	w.Send(os.Interrupt)
	if err := json.NewDecoder(w.Stdout).Decode(&n); err != nil {
		w.T.Fatal(err)
	}
	return n, log.wait(0)
}

// between are the connects to a server in a span of time, in their order.
func (n *connectNotes) between(server string, from, to time.Time) (times []time.Duration) {
	for _, at := range n.Connects[server] {
		if at >= from.UnixNano() && at < to.UnixNano() {
			times = append(times, time.Duration(at-from.UnixNano()))
		}
	}
	slices.Sort(times)
	return times
}
