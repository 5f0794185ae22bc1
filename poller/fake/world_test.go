// world_test.go owns the two hosts on which facts are tested: the simulated
// kernel, and Linux over loopback.

package fake_test

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// world is a host with a kernel under test and peers at the far ends.
type world interface {
	poller.Sys
	// somewhere is an address at which nobody listens yet.
	somewhere(t *testing.T) poller.Addr
	// dial connects a peer to a listener.
	dial(t *testing.T, to poller.Addr) peer
	// listen opens a listener for peers.
	listen(t *testing.T) server
	// settle waits until fd has the bits, so that they come in one edge.
	settle(t *testing.T, fd int, bits uint32)
	// silence is how long a Wait lasts that should report nothing.
	silence() time.Duration
	// limit leaves the process no descriptor to open until undo.
	limit(t *testing.T) (undo func())
	// share has another process hold fd too.
	share(t *testing.T, fd int) (giveUp func())
	// connectSelf opens a connection that has met itself.
	connectSelf(t *testing.T) (fd int)
}

type peer interface {
	Send(p []byte) int
	SendUrgent(b byte) bool
	Receive() []byte
	CloseWrite()
	Close()
	Reset()
}

type server interface {
	Addr() poller.Addr
	accept() peer
	Close()
}

var loopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

// simulated is the world of package fake.
type simulated struct {
	*fake.Sys
	kernel *fake.Kernel
}

type simulatedServer struct{ *fake.Server }

func (s simulatedServer) accept() peer { return s.Accept() }

func newSimulated(*testing.T) world {
	k := fake.New()
	return &simulated{Sys: k.NewSys(), kernel: k}
}

func (w *simulated) somewhere(*testing.T) poller.Addr       { return loopback }
func (w *simulated) dial(_ *testing.T, to poller.Addr) peer { return w.kernel.Dial(to) }
func (w *simulated) listen(*testing.T) server               { return simulatedServer{w.kernel.Listen(loopback)} }
func (w *simulated) settle(*testing.T, int, uint32)         {}
func (w *simulated) silence() time.Duration                 { return time.Millisecond }

func (w *simulated) limit(*testing.T) func() {
	before := w.kernel.Limit
	w.kernel.Limit = 0
	return func() { w.kernel.Limit = before }
}

func (w *simulated) share(_ *testing.T, fd int) func() { return w.kernel.Share(fd) }

func (w *simulated) connectSelf(t *testing.T) int {
	w.kernel.Inject(fake.CallConnect, fake.Fault{Self: true})
	fd, e := w.Connect(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:40000")), &poller.SocketOptions{})
	if e != unix.EINPROGRESS {
		t.Fatal(e)
	}
	return fd
}

// linux is the real world.
type linux struct{ *poller.Kernel }

func newLinux(t *testing.T) world {
	k, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Shut(); err != nil {
			t.Error(err)
		}
	})
	return &linux{k}
}

// socketPeer is the far end as a blocking socket.
type socketPeer struct {
	t  *testing.T
	fd int
}

func (w *linux) somewhere(*testing.T) poller.Addr { return loopback }

func (w *linux) dial(t *testing.T, to poller.Addr) peer {
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	if err := unix.Connect(fd, &unix.SockaddrInet4{Addr: to.TCP().Addr().As4(), Port: int(to.TCP().Port())}); err != nil {
		t.Fatal(err)
	}
	return &socketPeer{t, fd}
}

func must(fd int, err error) func(t *testing.T) int {
	return func(t *testing.T) int {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return fd
	}
}

// Send sends as much as the buffers take.
func (p *socketPeer) Send(b []byte) (n int) {
	for n < len(b) {
		m, err := unix.SendmsgN(p.fd, b[n:], nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if err != nil {
			return n
		}
		n += m
	}
	return n
}

func (p *socketPeer) SendUrgent(b byte) bool {
	return unix.Send(p.fd, []byte{b}, unix.MSG_OOB) == nil
}

// Receive waits for something to come, and takes what is there.
func (p *socketPeer) Receive() []byte {
	buffer := make([]byte, 1<<20)
	n, _, err := unix.Recvfrom(p.fd, buffer, 0)
	if err != nil {
		return nil
	}
	for {
		m, _, err := unix.Recvfrom(p.fd, buffer[n:], unix.MSG_DONTWAIT)
		if err != nil || m == 0 {
			return buffer[:n]
		}
		n += m
	}
}

func (p *socketPeer) check(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *socketPeer) CloseWrite() { p.check(unix.Shutdown(p.fd, unix.SHUT_WR)) }
func (p *socketPeer) Close()      { p.check(unix.Close(p.fd)) }

func (p *socketPeer) Reset() {
	p.check(unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	p.Close()
}

type socketServer struct {
	t    *testing.T
	fd   int
	addr poller.Addr
}

func (w *linux) listen(t *testing.T) server {
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	local, _, _ := w.Names(fd)
	return &socketServer{t, fd, poller.TCPAddr(local)}
}

func (s *socketServer) Addr() poller.Addr { return s.addr }

func (s *socketServer) accept() peer {
	fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		s.t.Fatal(err)
	}
	return &socketPeer{s.t, fd}
}

func (s *socketServer) Close() {
	if err := unix.Close(s.fd); err != nil {
		s.t.Fatal(err)
	}
}

// settle asks poll(2), which looks at the same state as epoll and takes nothing
// away.
func (w *linux) settle(t *testing.T, fd int, bits uint32) {
	t.Helper()
	want := int16(bits)
	for give := time.Now().Add(5 * time.Second); time.Now().Before(give); {
		p := []unix.PollFd{{Fd: int32(fd), Events: want}}
		if _, err := unix.Poll(p, 100); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		if p[0].Revents&want == want {
			return
		}
	}
	t.Fatalf("descriptor %d never had the bits %#x", fd, bits)
}

func (w *linux) silence() time.Duration { return 20 * time.Millisecond }

func (w *linux) limit(t *testing.T) func() {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	lowest := must(unix.Dup(0))(t)
	if err := unix.Close(lowest); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(lowest), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}
}

func (w *linux) share(t *testing.T, fd int) func() {
	other := must(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0))(t)
	return func() {
		if err := unix.Close(other); err != nil {
			t.Fatal(err)
		}
	}
}

// connectSelf binds a port and dials it: what happens by accident to whoever
// dials a dead port in the range of the clients' own.
func (w *linux) connectSelf(t *testing.T) int {
	fd := must(unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0))(t)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	local, _, _ := w.Names(fd)
	err := unix.Connect(fd, &unix.SockaddrInet4{Addr: local.Addr().As4(), Port: int(local.Port())})
	if err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	return fd
}
