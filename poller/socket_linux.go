// socket_linux.go owns the opening of sockets for the real kernel: families,
// options, bind, listen, connect.

package poller

import (
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Listen implements Sys. The unspecified IPv6 address serves IPv4 as well; on a
// host without IPv6 it falls back to the unspecified IPv4 address.
func (k *Kernel) Listen(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	fd, e := k.listen(addr, o)
	if e == unix.EAFNOSUPPORT && addr.Addr() == netip.IPv6Unspecified() {
		return k.listen(netip.AddrPortFrom(netip.IPv4Unspecified(), addr.Port()), o)
	}
	return fd, e
}

func (k *Kernel) listen(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	fd, e := openSocket(addr, o)
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
func (k *Kernel) Connect(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	fd, e := openSocket(addr, o)
	if e != 0 {
		return -1, e
	}
	k.name.set(addr)
	switch e := k.name.tell(unix.SYS_CONNECT, fd); e {
	case 0:
		return fd, 0
	case unix.EINPROGRESS, unix.EINTR:
		return fd, unix.EINPROGRESS
	default:
		return closeWith(fd, e)
	}
}

func openSocket(addr netip.AddrPort, o *SocketOptions) (int, Errno) {
	family := unix.AF_INET
	if addr.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return -1, errno(err)
	}
	if e := setOptions(fd, o); e != 0 {
		return closeWith(fd, e)
	}
	return fd, 0
}

// setOptions sets TCP_NODELAY always: a line held back for the sake of fuller
// packets costs its sender a delayed acknowledgement, about 40 ms.
func setOptions(fd int, o *SocketOptions) Errno {
	options := []struct{ level, name, value int }{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, seconds(o.KeepIdle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds(o.KeepIdle)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds(o.KeepInterval)},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, o.KeepCount},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(o.UserTimeout / time.Millisecond)},
		{unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, o.NotSentLowat},
		{unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer},
		{unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReceiveBuffer},
	}
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
