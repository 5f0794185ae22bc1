// socket_linux.go owns the opening of sockets for the real kernel: families,
// options, bind, listen, connect. What is special about unix sockets is
// unix_linux.go's.

package poller

import (
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Listen implements Sys. The unspecified IPv6 address serves IPv4 as well; on a
// host without IPv6 it falls back to the unspecified IPv4 address.
func (k *Kernel) Listen(addr Addr, o *SocketOptions) (int, Errno) {
	if addr.IsUnix() {
		return k.listenUnix(addr.Path(), o)
	}
	tcp := addr.TCP()
	fd, e := k.listenTCP(tcp, o)
	if e == unix.EAFNOSUPPORT && tcp.Addr() == netip.IPv6Unspecified() {
		return k.listenTCP(netip.AddrPortFrom(netip.IPv4Unspecified(), tcp.Port()), o)
	}
	return fd, e
}

func (k *Kernel) listenTCP(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	fd, e := openTCP(addr, o)
	if e != 0 {
		return -1, e
	}
	if e := setInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); e != 0 {
		return closeWith(fd, e)
	}
	if addr.Addr().Is6() {
		only := 0
		if addr.Addr() != netip.IPv6Unspecified() {
			only = 1
		}
		if e := setInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); e != 0 {
			return closeWith(fd, e)
		}
	}
	k.name.set(addr)
	if e := k.name.tell(unix.SYS_BIND, fd); e != 0 {
		return closeWith(fd, e)
	}
	if err := unix.Listen(fd, o.Backlog); err != nil {
		return closeWith(fd, errno(err))
	}
	return fd, 0
}

// Connect implements Sys. EINTR means that the connection goes on being made,
// as EINPROGRESS does: a second call would only confuse it.
func (k *Kernel) Connect(addr Addr, o *SocketOptions) (int, Errno) {
	if addr.IsUnix() {
		return connectUnix(addr.Path(), o)
	}
	fd, e := openTCP(addr.TCP(), o)
	if e != 0 {
		return -1, e
	}
	k.name.set(addr.TCP())
	switch e := k.name.tell(unix.SYS_CONNECT, fd); e {
	case 0:
		return fd, 0
	case unix.EINPROGRESS, unix.EINTR:
		return fd, unix.EINPROGRESS
	default:
		return closeWith(fd, e)
	}
}

func openTCP(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, e := openSocket(family, unix.IPPROTO_TCP, o)
	if e != 0 {
		return -1, e
	}
	if e := setTCPOptions(fd, o); e != 0 {
		return closeWith(fd, e)
	}
	return fd, 0
}

// openSocket opens a socket with the options that every kind of it has; none
// where o is nil.
func openSocket(family, protocol int, o *SocketOptions) (int, Errno) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil || o == nil {
		return fd, errno(err)
	}
	if e := setOptions(fd, []option{
		{unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReceiveBuffer},
	}); e != 0 {
		return closeWith(fd, e)
	}
	return fd, 0
}

// option is one of a socket's; 0 leaves the kernel's own value.
type option struct{ level, name, value int }

// setTCPOptions sets TCP_NODELAY always: a line held back for the sake of fuller
// packets costs its sender a delayed acknowledgement, about 40 ms.
func setTCPOptions(fd int, o *SocketOptions) Errno {
	return setOptions(fd, []option{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, seconds(o.KeepIdle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(o.KeepIdle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(o.KeepInterval)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepCount},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout / time.Millisecond)},
		{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, o.NotSentLowat},
	})
}

func setOptions(fd int, options []option) Errno {
	for _, x := range options {
		if x.value == 0 {
			continue
		}
		if e := setInt(fd, x.level, x.name, x.value); e != 0 {
			return e
		}
	}
	return 0
}

// seconds rounds up: an option of 0 would mean something else.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

func setInt(fd, level, name, value int) Errno {
	return errno(unix.SetsockoptInt(fd, level, name, value))
}

func closeWith(fd int, e Errno) (int, Errno) {
	unix.Close(fd) // the caller's error is the one worth telling
	return -1, e
}

// errno gets the number out of an error of package unix.
func errno(err error) Errno {
	if err == nil {
		return 0
	}
	if e, ok := err.(Errno); ok {
		return e
	}
	return unix.EINVAL
}

func wrap(call string, err error) error {
	if err == nil {
		return nil
	}
	return os.NewSyscallError(call, err)
}
