// Package faultrelay stands between a client and a server on real sockets and
// does to their bytes what networks and peers do: delay, a narrow line, small
// pieces, resets, half-closes, silence. What it does to a connection is decided
// by a seed, so that a run can be repeated. Only tests import it.
//
//	client ──► relay ──► server        each direction: read ─► queue ─► write
//
// relay.go owns the relay as a whole: its listener, its connections, their end.
package faultrelay

import (
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
)

// Config says where a relay stands and what it does.
type Config struct {
	Target string // the server
	Seed   uint64
	// SocketBuffer is the kernel's buffer of each socket for either direction,
	// in bytes; 0 leaves it to the kernel, which doubles what it is given.
	SocketBuffer int
	// Plan gives what happens to the connection of this number, the first being
	// 0. The random source is the connection's own. Nil does nothing to any.
	Plan func(number int, random *rand.Rand) Plan
}

// Relay forwards until its test ends.
type Relay struct {
	Addr string // where it listens

	config   Config
	listener net.Listener
	work     sync.WaitGroup
	life     context.Context // ends with the relay
	end      context.CancelFunc

	lock  sync.Mutex
	conns []*connection
}

// Start begins. The test's end closes all connections and waits for all that the
// relay has begun.
func Start(t testing.TB, c Config) *Relay {
	t.Helper()
	if c.Plan == nil {
		c.Plan = func(int, *rand.Rand) Plan { return Plan{} }
	}
	r := &Relay{config: c}
	r.life, r.end = context.WithCancel(context.Background())
	control := net.ListenConfig{Control: r.shrink}
	listener, err := control.Listen(r.life, "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.listener, r.Addr = listener, listener.Addr().String()
	r.work.Go(r.accept)
	t.Cleanup(r.close)
	return r
}

// Report is what is known of a connection.
type Report struct {
	Number   int
	Client   string  // its address
	Head     []byte  // the first bytes that the client sent, at most 64
	Happened []Event // the events that have come about, of both directions
}

// Reports tells of all connections until now, in the order of their numbers.
func (r *Relay) Reports() []Report {
	r.lock.Lock()
	defer r.lock.Unlock()
	var all []Report
	for _, c := range r.conns {
		all = append(all, c.report())
	}
	return all
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.lock.Lock()
		c := newConnection(r, client.(*net.TCPConn), len(r.conns))
		r.conns = append(r.conns, c)
		r.lock.Unlock()
		r.work.Go(c.run)
	}
}

// dial connects to the server. The relay's end does not wait for it.
func (r *Relay) dial() (*net.TCPConn, error) {
	dialer := net.Dialer{Control: r.shrink}
	server, err := dialer.DialContext(r.life, "tcp", r.config.Target)
	if err != nil {
		return nil, err
	}
	return server.(*net.TCPConn), nil
}

// shrink sets the kernel's buffers before the connection stands: later they
// would not bound its window any more.
func (r *Relay) shrink(_, _ string, raw syscall.RawConn) error {
	if r.config.SocketBuffer == 0 {
		return nil
	}
	var err error
	controlled := raw.Control(func(fd uintptr) {
		for _, option := range []int{syscall.SO_RCVBUF, syscall.SO_SNDBUF} {
			if e := syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, option, r.config.SocketBuffer); e != nil {
				err = e
			}
		}
	})
	if controlled != nil {
		return controlled
	}
	return err
}

func (r *Relay) close() {
	r.end()
	r.listener.Close()
	r.lock.Lock()
	for _, c := range r.conns {
		c.abort()
	}
	r.lock.Unlock()
	r.work.Wait()
}
