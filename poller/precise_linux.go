// precise_linux.go owns waiting that ends when it should: epoll_wait counts whole
// milliseconds, which is nothing to a timeout, but all there is to a request that
// is due at a certain microsecond. It decides nothing else.

package poller

import (
	"time"

	"golang.org/x/sys/unix"
)

// PreciseKernel is a Kernel whose waits end within microseconds of their deadline.
// It is for those who act at given times. A wait for a near deadline costs one
// system call more, so those who only have timeouts take Kernel.
type PreciseKernel struct {
	*Kernel
	waits [1]unix.PollFd // lives here, not in wait, so that it does not escape
	sharp bool           // this thread's timers are
}

// NewPreciseKernel opens an epoll instance. The error is the kernel's.
func NewPreciseKernel() (*PreciseKernel, error) {
	k, err := NewKernel()
	if err != nil {
		return nil, err
	}
	return &PreciseKernel{Kernel: k, waits: [1]unix.PollFd{{Fd: int32(k.epfd), Events: unix.POLLIN}}}, nil
}

// Wait implements Sys. A far deadline is waited for until it is near, and the
// turn that this makes finds nothing to do. ppoll takes nanoseconds, and an epoll
// instance is readable when it has an edge to tell.
//
//	deadline    0, for ever    far                    near               past
//	wait        as Kernel      until it is near       ppoll, then poll   poll
func (k *PreciseKernel) Wait(ev []Event, deadline int64) (int, Errno) {
	if deadline == 0 || deadline == Forever {
		return k.Kernel.Wait(ev, deadline)
	}
	left := deadline - k.Now()
	if left > int64(preciseNear) {
		return k.Kernel.Wait(ev, deadline-int64(preciseNear))
	}
	if left > 0 {
		k.sharpen()
		span := unix.NsecToTimespec(left)
		if _, err := unix.Ppoll(k.waits[:], &span, nil); err != nil {
			return 0, errno(err)
		}
	}
	return k.Kernel.Wait(ev, 0)
}

// sharpen asks that the timers of this thread be exact; as a rule they may be
// 50 µs late. It is the loop's own thread, since Run is locked to it. Where the
// kernel refuses, waits end that much later.
func (k *PreciseKernel) sharpen() {
	if !k.sharp {
		k.sharp = true
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(time.Nanosecond), 0, 0, 0)
	}
}
