// sys.go owns the seam: every system call and every look at the clock that the
// loop makes goes through Sys. It must not import the kernel's package; only
// kernel_linux.go does, so that a simulated kernel can take its place.

package poller

import (
	"net/netip"
	"syscall"
	"time"
)

// Errno is what a system call answers: 0 for success, otherwise the kernel's
// number. It is an integer and not an error, so that the hot path neither
// allocates nor compares interfaces.
type Errno = syscall.Errno

// The bits of Event.Mask, with the values epoll(7) gives them.
const (
	MaskIn    uint32 = 0x001
	MaskPri   uint32 = 0x002
	MaskOut   uint32 = 0x004
	MaskErr   uint32 = 0x008
	MaskHup   uint32 = 0x010
	MaskRdhup uint32 = 0x2000
)

// Event is one edge: which registration it belongs to, and the descriptor's
// whole state at that moment.
type Event struct {
	Token uint64
	Mask  uint32
}

// Forever is the deadline of a Wait that only an event ends.
const Forever int64 = 1<<63 - 1

// SocketOptions are set on every socket before it carries a byte. Accepted
// sockets inherit them from their listener.
type SocketOptions struct {
	Backlog       int           // listeners: connections waiting to be accepted
	KeepIdle      time.Duration // silence before the first keepalive probe; 0: no keepalive
	KeepInterval  time.Duration // between two probes
	KeepCount     int           // unanswered probes that end the connection
	UserTimeout   time.Duration // unacknowledged output older than this ends the connection; 0: the kernel's own rule
	NotSentLowat  int           // bytes of unsent output the kernel accepts before it says "full"; 0: no limit
	SendBuffer    int           // fixed send buffer in bytes; 0: the kernel tunes it
	ReceiveBuffer int           // fixed receive buffer in bytes; 0: the kernel tunes it
}

// Sys is the kernel as the loop sees it. One value serves one loop, and all
// calls come from that loop's goroutine, except Wake. Descriptors are
// non-blocking and close-on-exec. Slices given to it are not kept.
type Sys interface {
	// Now is monotonic time in nanoseconds. The loop reads it once a turn.
	Now() int64
	// Wait fills ev with edges. A deadline that is not after Now polls; 0 is
	// always such a deadline and costs no look at the clock. EINTR is an answer
	// like any other: the caller computes its deadline anew.
	Wait(ev []Event, deadline int64) (n int, e Errno)
	// Register adds fd once, edge-triggered, for IN|OUT|PRI|RDHUP. What is
	// already waiting on fd gives an edge.
	Register(fd int, token uint64) Errno
	// Unregister takes fd out of the set; needed where the descriptor lives on.
	Unregister(fd int) Errno

	// Listen opens a listening socket. It may look into the file system, and is
	// for the time before the loop runs.
	Listen(addr Addr, o *SocketOptions) (fd int, e Errno)
	// Accept takes one connection from a listener's queue. The peer is not valid
	// where it has no name, as with a unix socket.
	Accept(fd int) (conn int, peer netip.AddrPort, e Errno)
	// Connect starts a connection. With 0 or EINPROGRESS fd is open. With EAGAIN
	// it may be: then the queue of a unix socket is full, the kernel will not tell
	// when it has room, and ConnectAgain is to ask. With everything else, and
	// where there is no descriptor, fd is -1.
	Connect(addr Addr, o *SocketOptions) (fd int, e Errno)
	// ConnectAgain goes on with a Connect that gave a descriptor and EAGAIN. With
	// 0 the connection stands, and no edge tells; with EAGAIN the queue is still
	// full. The descriptor stays open whatever it answers.
	ConnectAgain(fd int, addr Addr) Errno
	// SockErr reads and clears the pending error of a socket.
	SockErr(fd int) Errno
	// Names gives both ends of a socket; ENOTCONN while it has no peer. The ends of
	// a unix socket are not valid addresses.
	Names(fd int) (local, peer netip.AddrPort, e Errno)

	// Read reads into p, which is never empty. 0 bytes without error is the
	// peer's end.
	Read(fd int, p []byte) (n int, e Errno)
	// Write writes from p. Fewer bytes than len(p) mean a full send buffer.
	Write(fd int, p []byte) (n int, e Errno)
	// ShutdownWrite sends FIN behind what has been written.
	ShutdownWrite(fd int) Errno
	// Close gives the descriptor back.
	Close(fd int) Errno

	// OpenWake opens the descriptor through which other goroutines wake Wait.
	OpenWake() (fd int, e Errno)
	// Wake makes fd readable. Any goroutine may call it.
	Wake(fd int)
	// ClearWake makes fd unreadable again.
	ClearWake(fd int)
	// DescriptorLimit is how many descriptors the process may have open.
	DescriptorLimit() int
}
