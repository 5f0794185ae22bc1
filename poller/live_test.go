// live_test.go owns the stage of the tests on the real kernel, over loopback,
// and those that are processes of their own.

package poller_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
)

// patience bounds what a test waits for: far more than any of it takes.
const patience = 30 * time.Second

// spy is a Sys that notes which descriptors it gave out.
type spy struct {
	poller.Sys
	descriptors []int
	tokens      []uint64
	cleared     int // how often the eventfd was read
}

func (s *spy) Listen(addr poller.Addr, o *poller.SocketOptions) (int, poller.Errno) {
	return s.note(s.Sys.Listen(addr, o))
}

func (s *spy) Accept(fd int) (int, netip.AddrPort, poller.Errno) {
	conn, peer, e := s.Sys.Accept(fd)
	s.note(conn, e)
	return conn, peer, e
}

func (s *spy) Connect(addr poller.Addr, o *poller.SocketOptions) (int, poller.Errno) {
	return s.note(s.Sys.Connect(addr, o))
}

func (s *spy) OpenWake() (int, poller.Errno) { return s.note(s.Sys.OpenWake()) }

func (s *spy) Register(fd int, token uint64) poller.Errno {
	s.tokens = append(s.tokens, token)
	return s.Sys.Register(fd, token)
}

func (s *spy) ClearWake(fd int) {
	s.cleared++
	s.Sys.ClearWake(fd)
}

func (s *spy) note(fd int, e poller.Errno) (int, poller.Errno) {
	if fd >= 0 {
		s.descriptors = append(s.descriptors, fd)
	}
	return fd, e
}

// live is a loop on the real kernel. The test's goroutine makes its turns.
type live struct {
	host
	t        *testing.T
	sys      *spy
	loop     *poller.Loop
	listener *poller.Listener
	addr     poller.Addr
	options  poller.SocketOptions
}

func newLive(t *testing.T, change ...func(*live)) *live {
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	l := &live{t: t, sys: &spy{Sys: kernel}, addr: anyLoopback, options: poller.DefaultSocketOptions()}
	config := poller.DefaultConnConfig()
	l.config = &config
	for _, f := range change {
		f(l)
	}
	l.loop, err = poller.NewLoop(l.sys)
	l.must(err)
	l.loop.OnTurn(func(int64) { l.must(l.loop.CheckInvariants()) })
	l.listener, err = l.loop.Listen(l.addr, &l.options, &l.host)
	l.must(err)
	t.Cleanup(func() {
		l.loop.Shut()
		if n := l.loop.Owners(); n != 0 || l.loop.Held() != 0 {
			t.Errorf("left behind: %d descriptors, %d bytes", n, l.loop.Held())
		}
		l.must(kernel.Shut())
	})
	return l
}

func (l *live) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// await makes turns until the condition holds.
func (l *live) await(what string, holds func() bool) {
	l.t.Helper()
	for give := time.Now().Add(patience); !holds(); {
		if time.Now().After(give) {
			l.t.Fatalf("waited in vain: %s", what)
		}
		l.loop.Turn(l.sys.Now() + int64(5*time.Millisecond))
	}
}

// quiet makes turns for a while in which nothing should happen.
func (l *live) quiet() {
	for end := l.sys.Now() + int64(20*time.Millisecond); l.sys.Now() < end; {
		l.loop.Turn(end)
	}
}

// client connects a client over loopback and has it accepted.
func (l *live) client() (*net.TCPConn, *actor) {
	l.t.Helper()
	before := len(l.accepted)
	c := l.connect()
	l.await("the client is accepted", func() bool { return len(l.accepted) > before })
	return c, l.accepted[before]
}

// connect connects a client that waits to be accepted.
func (l *live) connect() *net.TCPConn {
	l.t.Helper()
	c, err := net.DialTCP("tcp", nil, net.TCPAddrFromAddrPort(l.listener.Addr().TCP()))
	l.must(err)
	l.t.Cleanup(func() { c.Close() })
	return c
}

func (l *live) send(c *net.TCPConn, text string) {
	l.t.Helper()
	_, err := io.WriteString(c, text)
	l.must(err)
}

// receiver reads a client's side in its own goroutine until the end or an error.
type receiver struct {
	all  bytes.Buffer
	err  error
	done chan struct{}
}

func receive(c *net.TCPConn) *receiver {
	r := &receiver{done: make(chan struct{})}
	go func() {
		defer close(r.done)
		_, r.err = io.Copy(&r.all, c)
	}()
	return r
}

func (r *receiver) over() bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// play starts the test binary again in a role, and gives what it printed.
func play(t *testing.T, role string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	out, err := cmd.CombinedOutput()
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("%s stands still; it said: %s", role, out)
	}
	if err != nil {
		t.Fatalf("%s: %v: %.2000s", role, err, out)
	}
	return strings.TrimSpace(string(out))
}
