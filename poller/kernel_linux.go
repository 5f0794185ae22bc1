// kernel_linux.go is the real Sys: Linux, epoll. With socket_linux.go and
// unix_linux.go it is all of the package that may import unix, and it decides
// nothing.
//
// recv, send and a poll are raw system calls: they cannot block, and telling the
// scheduler about each of them costs more than the call. They are recv and send,
// not read and write, since those pass through the file layer first (4 % of the
// CPU time of a forwarded request). A wait that may block tells the scheduler:
// otherwise the garbage collector would wait for this thread for ever.

package poller

import (
	"errors"
	"net/netip"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Kernel is the real Sys. Create it with NewKernel, end it with Shut.
type Kernel struct {
	files socketFiles
	epfd  int
	start time.Time
	batch [eventsPerWait]unix.EpollEvent
	name  socketName
}

// NewKernel opens an epoll instance. The error is the kernel's.
func NewKernel() (*Kernel, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, wrap("epoll_create1", err)
	}
	return &Kernel{epfd: fd, start: time.Now()}, nil
}

// Shut closes the epoll instance and removes the files of unix sockets. The loop
// must have ended.
func (k *Kernel) Shut() error {
	return errors.Join(k.RemoveFiles(), wrap("close", unix.Close(k.epfd)))
}

// Now implements Sys. It counts from NewKernel, plus one so that 0 is always
// in the past.
func (k *Kernel) Now() int64 { return int64(time.Since(k.start)) + 1 }

// Wait implements Sys.
func (k *Kernel) Wait(ev []Event, deadline int64) (int, Errno) {
	want := min(len(ev), len(k.batch))
	n, e := k.wait(want, k.timeoutMillis(deadline))
	for i := range n {
		b := &k.batch[i]
		ev[i] = Event{Token: uint64(uint32(b.Fd)) | uint64(uint32(b.Pad))<<32, Mask: b.Events}
	}
	return n, e
}

// timeoutMillis is a deadline as epoll_wait takes it. -1 is for ever.
func (k *Kernel) timeoutMillis(deadline int64) int {
	switch {
	case deadline == 0:
		return 0
	case deadline == Forever:
		return -1
	}
	return wholeMillis(deadline - k.Now())
}

// wholeMillis rounds up, so that a wait never ends before its deadline and never
// turns into a spin, and caps at a day.
func wholeMillis(left int64) int {
	if left <= 0 {
		return 0
	}
	whole := left / int64(time.Millisecond)
	if left%int64(time.Millisecond) > 0 {
		whole++
	}
	return int(min(whole, waitMillisMax))
}

func (k *Kernel) wait(want, millis int) (int, Errno) {
	if millis != 0 {
		n, err := unix.EpollWait(k.epfd, k.batch[:want], millis)
		return max(n, 0), errno(err)
	}
	n, _, e := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(k.epfd), uintptr(unsafe.Pointer(&k.batch[0])), uintptr(want), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Register implements Sys.
func (k *Kernel) Register(fd int, token uint64) Errno {
	ev := unix.EpollEvent{
		Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET,
		Fd:     int32(uint32(token)),
		Pad:    int32(uint32(token >> 32)),
	}
	return errno(unix.EpollCtl(k.epfd, unix.EPOLL_CTL_ADD, fd, &ev))
}

// Unregister implements Sys.
func (k *Kernel) Unregister(fd int) Errno {
	return errno(unix.EpollCtl(k.epfd, unix.EPOLL_CTL_DEL, fd, nil))
}

// Read implements Sys.
func (k *Kernel) Read(fd int, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// Write implements Sys.
func (k *Kernel) Write(fd int, p []byte) (int, Errno) {
	n, _, e := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(n), 0
}

// ShutdownWrite implements Sys.
func (k *Kernel) ShutdownWrite(fd int) Errno { return errno(unix.Shutdown(fd, unix.SHUT_WR)) }

// Close implements Sys. Linux frees the number even where it answers EINTR, so
// there is no second try.
func (k *Kernel) Close(fd int) Errno { return errno(unix.Close(fd)) }

// Accept implements Sys.
func (k *Kernel) Accept(fd int) (int, netip.AddrPort, Errno) {
	conn, e := k.name.ask(unix.SYS_ACCEPT4, fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if e != 0 {
		return -1, netip.AddrPort{}, e
	}
	return conn, k.name.addrPort(), 0
}

// SockErr implements Sys.
func (k *Kernel) SockErr(fd int) Errno {
	v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return errno(err)
	}
	return Errno(v)
}

// Names implements Sys.
func (k *Kernel) Names(fd int) (local, peer netip.AddrPort, e Errno) {
	if _, e = k.name.ask(unix.SYS_GETSOCKNAME, fd, 0); e != 0 {
		return local, peer, e
	}
	local = k.name.addrPort()
	if _, e = k.name.ask(unix.SYS_GETPEERNAME, fd, 0); e != 0 {
		return local, peer, e
	}
	return local, k.name.addrPort(), 0
}

// OpenWake implements Sys.
func (k *Kernel) OpenWake() (int, Errno) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	return fd, errno(err)
}

// one is what Wake adds to the eventfd's count. Any number but 0 does, so the
// order of its bytes does not matter.
var one = [8]byte{1}

// Wake implements Sys. EAGAIN means that the count is at its limit, so the
// descriptor is readable already.
func (k *Kernel) Wake(fd int) {
	for {
		if _, err := unix.Write(fd, one[:]); err != unix.EINTR {
			return
		}
	}
}

// ClearWake implements Sys.
func (k *Kernel) ClearWake(fd int) {
	var count [8]byte
	for {
		if _, err := unix.Read(fd, count[:]); err != unix.EINTR {
			return
		}
	}
}

// DescriptorLimit implements Sys.
func (k *Kernel) DescriptorLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024 // the usual soft limit
	}
	return int(min(r.Cur, 1<<30))
}
