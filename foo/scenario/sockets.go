package scenario

// This file owns the stage on real sockets of this machine: the servers' listeners
// and who goes where. The program runs by itself. What one connection does is
// socket.go's business.

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const (
	// patience bounds what a scenario waits for. Nothing should take so long.
	patience = 20 * time.Second
	// soon bounds what is asked again and again.
	soon = 5 * time.Second
	// smallBuffer is what the kernel holds of a direction where a scenario asks for
	// small buffers, in bytes; it doubles it.
	smallBuffer = 4 << 10
	// Servers that come back listen on ports that the kernel gives to nobody else,
	// each at one of its own.
	firstPort, ports = 8_001, 6_000
)

// Sockets is a stage. The test starts its program in front of the servers and says
// what it is, then plays.
type Sockets struct {
	// Target is where clients go.
	Target string
	// Sync waits until the program has dealt with what is in the kernel now.
	Sync func()
	// Own is asked for lines that are the program's.
	Own func(words []string, text string) error

	t       testing.TB
	direct  []string // the addresses, where there is no program
	control func(network, address string, c syscall.RawConn) error
	servers map[string]*listener
}

// NewSockets has all servers of a scenario listen, until the test ends.
func NewSockets(t testing.TB, s *Scenario) *Sockets {
	t.Helper()
	g := &Sockets{t: t, Sync: func() {}, servers: map[string]*listener{}}
	if s.Small {
		g.control = shrink
	}
	for _, name := range s.Addrs() {
		l := &listener{came: make(chan *socket, 1024)}
		g.servers[name] = l
		if err := g.listenAnywhere(l); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

// Direct makes a stage of the servers themselves: what a client hears there is
// what it shall hear through a proxy.
func Direct(t testing.TB, s *Scenario) *Sockets {
	t.Helper()
	g := NewSockets(t, s)
	g.direct = s.Addrs()
	g.Own = func([]string, string) error { return nil } // there is no program
	return g
}

// target is where clients go: directly it is the first address that listens.
func (g *Sockets) target() string {
	for _, name := range g.direct {
		if l := g.servers[name]; l.listens() {
			return l.addr
		}
	}
	return g.Target
}

// Addr is where a server listens.
func (g *Sockets) Addr(name string) string { return g.servers[name].addr }

// listener is a server's. It accepts at once, so that the order is the kernel's.
type listener struct {
	addr string
	came chan *socket
	work sync.WaitGroup

	lock  sync.Mutex
	open  net.Listener // nil: refuses
	count int
}

// lastPort counts the ports that this process has tried.
var lastPort atomic.Int64

// listenAnywhere tries ports until one is free. Processes that test at the same
// time look at different ones.
func (g *Sockets) listenAnywhere(l *listener) (err error) {
	for range ports {
		l.addr = fmt.Sprintf("127.0.0.1:%d", firstPort+2*((os.Getpid()*211+int(lastPort.Add(1)))%ports))
		if err = g.listen(l); err == nil {
			g.t.Cleanup(func() { l.refuse(); l.work.Wait() })
			return nil
		}
	}
	return err
}

func (g *Sockets) listen(l *listener) error {
	config := net.ListenConfig{Control: g.control}
	open, err := config.Listen(context.Background(), "tcp", l.addr)
	if err != nil {
		return err
	}
	l.lock.Lock()
	l.open = open
	l.lock.Unlock()
	l.work.Go(func() {
		for {
			c, err := open.Accept()
			if err != nil {
				return
			}
			l.lock.Lock()
			l.count++
			l.lock.Unlock()
			l.came <- newSocket(g.t, c.(*net.TCPConn))
		}
	})
	return nil
}

func (l *listener) listens() bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	return l.open != nil
}

func (l *listener) refuse() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.open != nil {
		l.open.Close()
		l.open = nil
	}
}

// shrink sets the kernel's buffers before the connection stands: later they would
// not bound its window any more.
func shrink(_, _ string, raw syscall.RawConn) error {
	var errs [2]error
	err := raw.Control(func(fd uintptr) {
		for i, option := range []int{syscall.SO_RCVBUF, syscall.SO_SNDBUF} {
			errs[i] = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, smallBuffer)
		}
	})
	return errors.Join(err, errs[0], errs[1])
}

// Dial implements Stage.
func (g *Sockets) Dial() (Conn, error) {
	dialer := net.Dialer{Timeout: patience, Control: g.control}
	c, err := dialer.Dial("tcp", g.target())
	if err != nil {
		return nil, err
	}
	return newSocket(g.t, c.(*net.TCPConn)), nil
}

// Accept implements Stage.
func (g *Sockets) Accept(addr string) (Conn, error) {
	select {
	case c := <-g.servers[addr].came:
		return c, nil
	case <-time.After(patience):
		return nil, errors.New("nobody connects")
	}
}

// Accepted implements Stage.
func (g *Sockets) Accepted(addr string, wanted int) (got int) {
	_ = Soon(func() error { // what there is in the end tells
		l := g.servers[addr]
		l.lock.Lock()
		defer l.lock.Unlock()
		if got = l.count; got < wanted {
			return errors.New("not yet")
		}
		return nil
	})
	return got
}

// Refuse implements Stage.
func (g *Sockets) Refuse(addr string) { g.servers[addr].refuse() }

// Listen implements Stage.
func (g *Sockets) Listen(addr string) error { return g.listen(g.servers[addr]) }

// Settle implements Stage.
func (g *Sockets) Settle() { g.Sync() }

// Pass implements Stage.
func (g *Sockets) Pass(d time.Duration) { time.Sleep(d) }

// Do implements Stage. A kernel that is real is not told what to do.
func (g *Sockets) Do(words []string, text string) error {
	if strings.HasPrefix(strings.Join(words, " "), "the kernel") || g.Own == nil {
		return ErrUnknown
	}
	if err := g.Own(words, text); err != nil {
		return err
	}
	g.Settle()
	return nil
}

// Soon asks until there is no error, for what a program that runs by itself comes to
// in a moment. A line that nobody understands stays one.
func Soon(ask func() error) (err error) {
	for deadline := time.Now().Add(soon); ; time.Sleep(time.Millisecond) {
		if err = ask(); err == nil || errors.Is(err, ErrUnknown) || time.Now().After(deadline) {
			return err
		}
	}
}
