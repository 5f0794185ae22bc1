package server

// What the tests stand on: a server that runs on the real kernel with plain
// net.Conns as clients, and one on the simulated kernel whose turns and clock
// are the test's.

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/poller"
	"fooproxy/poller/fake"
	"fooproxy/stats"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// testKernel is a real kernel that the test shuts.
func testKernel(t testing.TB) *poller.Kernel {
	t.Helper()
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := kernel.Shut(); err != nil {
			t.Error(err)
		}
	})
	return kernel
}

// newServer makes a server that listens on loopback.
func newServer(t testing.TB, sys poller.Sys, change func(*Config)) (*Server, poller.Addr, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zapcore.InfoLevel)
	config := DefaultConfig()
	config.Sys, config.Log = sys, zap.New(core)
	if change != nil {
		change(&config)
	}
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	addr, err := s.Listen(anyLoopback)
	if err != nil {
		t.Fatal(err)
	}
	return s, addr, logs
}

// running is a server whose loop has a goroutine of its own.
type running struct {
	*Server
	t     testing.TB
	addr  poller.Addr
	ended chan struct{}
}

func start(t testing.TB, change func(*Config), before ...func(*Server)) *running {
	t.Helper()
	s, addr, _ := newServer(t, testKernel(t), change)
	for _, f := range before {
		f(s)
	}
	r := &running{Server: s, t: t, addr: addr, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		if err := s.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		r.Drain()
		r.waitEnd()
	})
	return r
}

func (r *running) waitEnd() {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(patience):
		r.t.Fatal("the server does not end")
	}
}

// numbers is the server's snapshot as others see it.
func (r *running) numbers() map[string]float64 {
	r.t.Helper()
	snapshot, err := r.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(snapshot.AppendJSON(nil), &all); err != nil {
		r.t.Fatal(err)
	}
	numbers := make(map[string]float64)
	for name, value := range all {
		if n, ok := value.(float64); ok {
			numbers[name] = n
		}
	}
	if n := numbers; n["msg_req"] != n["answered"]+n["outstanding"]+n["abandoned"] {
		r.t.Errorf("requests are not accounted for: %v", n)
	}
	return numbers
}

// within has the loop look at something until it is so.
func (r *running) within(what string, so func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); ; {
		is := false
		if err := r.loop.Mailbox().Call(r.t.Context(), func() { is = so() }); err != nil {
			r.t.Fatal(err)
		}
		if is {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("it never was so: %s", what)
		}
	}
}

// waitForCloses waits until so many clients have come and gone, and nobody else
// is there.
func (r *running) waitForCloses(wanted int64) {
	r.t.Helper()
	r.within("all clients came and went", func() bool {
		return r.recorder.Count(stats.Accepts) == wanted && r.recorder.Count(stats.Closes) == wanted
	})
}

// peer is a plain client.
type peer struct {
	*net.TCPConn
	t testing.TB
}

func dial(t testing.TB, addr poller.Addr) *peer {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{conn.(*net.TCPConn), t}
}

func (p *peer) send(text string) {
	p.t.Helper()
	if _, err := io.WriteString(p, text); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) finish() {
	p.t.Helper()
	if err := p.CloseWrite(); err != nil {
		p.t.Fatal(err)
	}
}

// expect reads exactly the text.
func (p *peer) expect(text string) {
	p.t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(p, got)
	if err != nil || string(got) != text {
		p.t.Fatalf("got %q (%v), wanted %q", clip(string(got[:n])), err, clip(text))
	}
}

// expectEnd reads the text and then the FIN.
func (p *peer) expectEnd(text string) {
	p.t.Helper()
	got, err := io.ReadAll(p)
	if err != nil || string(got) != text {
		p.t.Fatalf("got %q (%v) before the end, wanted %q", clip(string(got)), err, clip(text))
	}
}

func clip(text string) string { return text[:min(len(text), 300)] }

func openDescriptors(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// stepped is a server on the simulated kernel. It does nothing by itself.
type stepped struct {
	*Server
	t      testing.TB
	kernel *fake.Kernel
	sys    *fake.Sys
	addr   poller.Addr
	logs   *observer.ObservedLogs
}

func step(t testing.TB, change func(*Config)) *stepped {
	t.Helper()
	return stepOn(t, fake.New(), change)
}

func stepOn(t testing.TB, kernel *fake.Kernel, change func(*Config)) *stepped {
	t.Helper()
	sys := kernel.NewSys()
	s, addr, logs := newServer(t, sys, change)
	t.Cleanup(func() {
		s.shut()
		if open := kernel.Open(); open != 0 {
			t.Errorf("%d descriptors are left", open)
		}
	})
	return &stepped{Server: s, t: t, kernel: kernel, sys: sys, addr: addr, logs: logs}
}

// settle lets the server do all it can without time passing. It panics where
// the server never comes to rest.
func (s *stepped) settle() {
	s.t.Helper()
	s.sys.Settle(s.loop)
	if err := s.loop.CheckInvariants(); err != nil {
		s.t.Fatal(err)
	}
}

// after lets time pass while the server waits, and it does all it can then.
func (s *stepped) after(d time.Duration) {
	s.t.Helper()
	for end := s.kernel.Now() + int64(d); s.kernel.Now() < end; {
		s.loop.Turn(end)
	}
	s.settle()
}

func (s *stepped) count(counter stats.Counter) int64 { return s.recorder.Count(counter) }

// expectCount compares one of the server's counters.
func (s *stepped) expectCount(counter stats.Counter, wanted int64) {
	s.t.Helper()
	if got := s.count(counter); got != wanted {
		s.t.Fatalf("%v is %d, not %d", counter, got, wanted)
	}
}

// expectNobody looks whether all that clients cost has been given back.
func (s *stepped) expectNobody() {
	s.t.Helper()
	if left, held := len(s.clients.all), s.loop.Held(); left != 0 || held != 0 {
		s.t.Errorf("%d clients and %d bytes are left", left, held)
	}
}

// caller is a client on the simulated kernel.
type caller struct {
	*fake.Peer
	server *stepped
}

// call connects a client, and the server accepts it.
func (s *stepped) call() *caller {
	s.t.Helper()
	c := &caller{s.kernel.Dial(s.addr), s}
	s.settle()
	return c
}

// say sends the text, and the server does all it can then.
func (c *caller) say(text string) {
	c.server.t.Helper()
	if n := c.SendString(text); n != len(text) {
		c.server.t.Fatalf("only %d of %d bytes could be sent", n, len(text))
	}
	c.server.settle()
}

// hear expects that these replies have come, and no others.
func (c *caller) hear(text string) {
	c.server.t.Helper()
	if got := string(c.Receive()); got != text {
		c.server.t.Fatalf("got %q, wanted %q", clip(got), clip(text))
	}
}

// hearEnd expects these replies and then the FIN.
func (c *caller) hearEnd(text string) {
	c.server.t.Helper()
	c.hear(text)
	if !c.Ended() || c.Err() != 0 {
		c.server.t.Fatalf("the connection has not ended (%v)", c.Err())
	}
}
