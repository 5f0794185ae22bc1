// live_test.go owns the proxy on real sockets: it runs in a goroutine of its
// own, on loopback, on ports that the kernel picks.

package proxy

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/poller"
)

// TestMain lets one goroutine more run at once than there are cores, as the
// commands do: otherwise each wake of a loop beside goroutines that compute may
// cost a whole time slice.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	os.Exit(m.Run())
}

// patience bounds what a test waits for. Nothing should ever take so long.
const patience = 30 * time.Second

type live struct {
	t     testing.TB
	proxy *Proxy
	at    poller.Addr
	addr  string // the same as text
	logs  *observer.ObservedLogs
	done  chan struct{}
	peak  atomic.Int64 // the most that buffers and records held after a turn, in bytes
}

// startLive runs a proxy in front of the given addresses of one server. After
// the test nothing of it may be left.
func startLive(t testing.TB, servers []poller.Addr, change ...func(*Config)) *live {
	t.Helper()
	return startServing(t, Server{Name: "the server", Addrs: servers}, change...)
}

func startServing(t testing.TB, server Server, change ...func(*Config)) *live {
	t.Helper()
	return startAt(t, anyLoopback, server, change...)
}

// startAt listens where the test says.
func startAt(t testing.TB, at poller.Addr, server Server, change ...func(*Config)) *live {
	t.Helper()
	return startServingAll(t, at, []Server{server}, change...)
}

// startServingAll stands in front of several servers.
func startServingAll(t testing.TB, at poller.Addr, servers []Server, change ...func(*Config)) *live {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	config := DefaultConfig()
	config.Log = zap.New(core)
	for _, f := range change {
		f(&config)
	}
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(kernel, servers, config)
	if err != nil {
		t.Fatal(err)
	}
	at, err = p.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, proxy: p, at: at, addr: at.String(), logs: logs, done: make(chan struct{})}
	p.loop.OnTurn(l.endTurn)
	go func() {
		l.ok(p.Run())
		close(l.done)
	}()
	t.Cleanup(func() {
		l.stop()
		if err := kernel.Shut(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// endTurn looks at everything after each turn, as long as that is not much.
func (l *live) endTurn(now int64) {
	p := l.proxy
	p.endTurn(now)
	if held := int64(p.held()); held > l.peak.Load() {
		l.peak.Store(held)
	}
	if len(p.sessions) > 4 || p.records.live > 100 {
		return
	}
	if err := p.checkInvariants(); err != nil && !l.t.Failed() {
		l.t.Error(err)
	}
}

// stop ends the loop where it has not ended by itself.
func (l *live) stop() {
	l.t.Helper()
	select {
	case <-l.done:
	default:
		l.on(func() { l.ok(l.proxy.checkInvariants()); l.proxy.loop.Stop() })
		<-l.done
	}
	p := l.proxy
	l.ok(p.checkInvariants())
	if held := p.held(); held != 0 || len(p.sessions) != 0 || p.loop.Conns() != 0 {
		l.t.Errorf("%d bytes, %d sessions and %d connections are left", held, len(p.sessions), p.loop.Conns())
	}
}

func (l *live) ok(err error) {
	if err != nil {
		l.t.Error(err)
	}
}

// on calls f in the loop's goroutine and waits for it.
func (l *live) on(f func()) {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := l.proxy.loop.Mailbox().Call(ctx, f); err != nil {
		l.t.Error(err)
	}
}

// sync waits until the loop has dealt with what is in the kernel now: one turn
// to see it, one more to serve it, and two for a connection that has to be
// accepted before.
func (l *live) sync() {
	l.t.Helper()
	for range 4 {
		l.on(func() {})
	}
}

// until waits for a condition that is looked at in the loop's goroutine.
func (l *live) until(what string, condition func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		good := false
		l.on(func() { good = condition() })
		if good {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func (l *live) sessions() (n int) {
	l.on(func() { n = len(l.proxy.sessions) })
	return n
}

// numbers gives the statistics through the way that the command uses.
func (l *live) numbers() numbers {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := l.proxy.Snapshot(ctx)
	if err != nil {
		l.t.Fatal(err)
	}
	return parseNumbers(l.t, s)
}

// dial opens a client, which fails the test rather than to wait for ever.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

func send(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// receive reads exactly the text that is wanted.
func receive(t testing.TB, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got[:n]) != want {
		t.Fatalf("arrived: %s (%v)\n   want: %s", brief(string(got[:n])), err, brief(want))
	}
}

// rest reads to the end, and says how the end came.
func rest(c net.Conn) (got, end string) {
	bytes, err := io.ReadAll(c)
	switch {
	case err == nil:
		end = "FIN"
	case errors.Is(err, syscall.ECONNRESET):
		end = "RST"
	default:
		end = err.Error()
	}
	return string(bytes), end
}

// receiveEnd expects the rest of the stream, and FIN.
func receiveEnd(t testing.TB, c net.Conn, want string) {
	t.Helper()
	if got, end := rest(c); got != want || end != "FIN" {
		t.Fatalf("arrived: %s, then %s\n   want: %s, then FIN", brief(got), end, brief(want))
	}
}
