// unix.go owns how unix sockets differ from TCP: a connect has its answer at once,
// a close is known at the other end at once, and takes nothing away that was on
// its way. It knows no files; those of
// Linux are for Linux to show.

package fake

import (
	"syscall"

	"fooproxy/poller"
)

// connectUnix keeps the descriptor where the connection stands, or may yet.
func (s *Sys) connectUnix(fd int, c *stream, f Fault) (int, poller.Errno) {
	e := poller.Errno(syscall.EAGAIN)
	switch {
	case f.Refuse:
		e = syscall.ECONNREFUSED
	case f.Delay == 0:
		e = s.kernel.shakeUnix(c)
	}
	if e == 0 || e == syscall.EAGAIN {
		return fd, e
	}
	s.kernel.close(fd)
	return -1, e
}

// ConnectAgain implements poller.Sys.
func (s *Sys) ConnectAgain(fd int, _ poller.Addr) poller.Errno {
	c := s.kernel.stream("connect", fd)
	f := s.kernel.next(CallConnect, c)
	switch {
	case f.Errno != 0:
		return f.Errno
	case f.Refuse:
		return syscall.ECONNREFUSED
	case f.Delay != 0:
		return syscall.EAGAIN
	}
	return s.kernel.shakeUnix(c)
}

// shakeUnix is shake for a unix socket, which answers at once.
func (k *Kernel) shakeUnix(s *stream) poller.Errno {
	l := k.find(s.to)
	switch {
	case l == nil:
		return syscall.ECONNREFUSED
	case len(l.queue) > l.options.Backlog:
		return syscall.EAGAIN
	}
	k.meet(s, l)
	return 0
}

// deliver moves what was written to the other end, room or not: what the kernel
// has taken waits there from the beginning, and no close destroys it.
func (s *stream) deliver() {
	to := &s.other.in
	limit := to.limit
	to.limit = to.size + s.out.size
	to.moveFrom(&s.out)
	to.limit = limit
}

// hangUp is the news of the other end's close: nothing comes any more, nothing
// goes any more, and what had come can still be read.
func (s *stream) hangUp() {
	s.ended, s.finishing, s.finished = true, true, true
	s.out.clear()
	wake(s)
}
