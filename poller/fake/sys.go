// sys.go owns the seam: poller.Sys on the simulated kernel. It
// decides nothing.

package fake

import (
	"net/netip"
	"syscall"

	"fooproxy/poller"
)

// Sys is the kernel as one loop sees it: one epoll instance. It belongs to that
// loop. The registrations of several loops are apart, their descriptors are not.
type Sys struct {
	kernel *Kernel
	ready  []node // woken and not yet reported, in that order
	told   []poller.Event
	idle   bool // the last Wait was ready to wait and found nothing
}

var _ poller.Sys = (*Sys)(nil)

// NewSys opens the Sys of a loop.
func (k *Kernel) NewSys() *Sys { return &Sys{kernel: k} }

// Settle makes turns of l until it has nothing to do at this moment. It panics
// where the loop goes on and on.
func (s *Sys) Settle(l *poller.Loop) (turns int) {
	for quiet := 0; quiet < 2; turns++ {
		if turns == restTurns {
			panic("fake: the loop does not come to rest")
		}
		l.Turn(s.Now())
		if quiet++; !s.idle {
			quiet = 0
		}
	}
	return turns
}

// Now implements poller.Sys.
func (s *Sys) Now() int64 { return s.kernel.clock.now }

// Wait implements poller.Sys. Where nothing is woken, time passes up to the
// deadline or to the first thing that wakes somebody.
func (s *Sys) Wait(ev []poller.Event, deadline int64) (int, poller.Errno) {
	k := s.kernel
	s.idle = false
	// A signal does not keep events back that are there already.
	if f := k.next(CallWait, nil); f.Errno != 0 && (f.Errno != syscall.EINTR || len(s.ready)+len(s.told) == 0) {
		return 0, f.Errno
	}
	k.clock.advance(k.clock.now)
	if k.chaos != nil {
		k.chaos.beforeEvents(k)
	}
	for len(s.ready) == 0 && len(s.told) == 0 && k.clock.now < deadline {
		when, ok := k.clock.next()
		switch {
		case ok && when <= deadline:
		case deadline == poller.Forever:
			panic("fake: the loop waits for ever, and nothing will wake it")
		default:
			when = deadline
		}
		k.clock.advance(when)
		if k.chaos != nil {
			k.chaos.afterWake(k)
		}
	}
	n := s.collect(ev)
	s.idle = n == 0 && deadline != 0
	if k.Trace != nil {
		for _, e := range ev[:n] {
			k.Trace("wait: %#x of descriptor %d", e.Mask, uint32(e.Token))
		}
	}
	return n, 0
}

// Register implements poller.Sys.
func (s *Sys) Register(fd int, token uint64) poller.Errno {
	n := s.kernel.must("register", fd)
	if f := s.kernel.next(CallRegister, n); f.Errno != 0 {
		return f.Errno
	}
	f := n.base()
	if f.watch != nil {
		return syscall.EEXIST
	}
	f.watch, f.token = s, token
	if n.mask() != 0 {
		wake(n)
	}
	return 0
}

// Unregister implements poller.Sys.
func (s *Sys) Unregister(fd int) poller.Errno {
	n := s.kernel.must("unregister", fd)
	if n.base().watch != s {
		return syscall.ENOENT
	}
	unwatch(n)
	return 0
}

// Listen implements poller.Sys.
func (s *Sys) Listen(addr poller.Addr, o *poller.SocketOptions) (int, poller.Errno) {
	if f := s.kernel.next(CallListen, nil); f.Errno != 0 {
		return -1, f.Errno
	}
	if _, ok := s.kernel.free(); !ok {
		return -1, syscall.EMFILE
	}
	l, e := s.kernel.listen(addr, *o)
	if e != 0 {
		return -1, e
	}
	return s.kernel.install(l)
}

// Accept implements poller.Sys. The number is taken before the queue is looked
// at, so a process without one is told so even where nobody waits.
func (s *Sys) Accept(fd int) (int, netip.AddrPort, poller.Errno) {
	l, ok := s.kernel.must("accept", fd).(*listener)
	if !ok {
		panic("fake: accept on a descriptor that does not listen")
	}
	f := s.kernel.next(CallAccept, l)
	_, numbers := s.kernel.free()
	switch {
	case f.Errno == syscall.ECONNABORTED && len(l.queue) > 0:
		gone := l.take()
		gone.closed, gone.givenUp = true, true
		gone.abort()
		return -1, netip.AddrPort{}, f.Errno
	case f.Errno != 0:
		return -1, netip.AddrPort{}, f.Errno
	case !numbers:
		return -1, netip.AddrPort{}, syscall.EMFILE
	case len(l.queue) == 0:
		return -1, netip.AddrPort{}, syscall.EAGAIN
	}
	c := l.take()
	c.accepted = s.kernel.clock.now
	c.moves.begin(c.accepted)
	conn, e := s.kernel.install(c)
	if s.kernel.Trace != nil {
		s.kernel.Trace("accept: %v is descriptor %d", c.remote, conn)
	}
	return conn, c.remote, e
}

// Connect implements poller.Sys. Its answer is EINPROGRESS even where the
// connection stands already, as it is in Linux; a unix socket answers at once. A
// delay is a full queue there.
func (s *Sys) Connect(addr poller.Addr, o *poller.SocketOptions) (int, poller.Errno) {
	k := s.kernel
	f := k.next(CallConnect, nil)
	fd, c, e := -1, (*stream)(nil), f.Errno
	if e == 0 {
		c = k.newStream(o)
		c.moves.begin(s.Now())
		fd, e = k.install(c)
	}
	if k.Trace != nil {
		k.Trace("connect to %v: descriptor %d, error %d, fault %+v", addr, fd, e, f)
	}
	if e != 0 {
		return -1, e
	}
	c.goTo(addr)
	if addr.IsUnix() {
		return s.connectUnix(fd, c, f)
	}
	if f.Self {
		c.local = addr.TCP()
		join(c, c)
		wake(c)
		return fd, syscall.EINPROGRESS
	}
	c.local = k.clientAddr(addr)
	s.answer(c, f)
	return fd, syscall.EINPROGRESS
}

// answer brings the answer to a connect, now or later.
func (s *Sys) answer(c *stream, f Fault) {
	k := s.kernel
	run := func() { k.shake(c, firstRetry) }
	if f.Refuse {
		run = c.reset
	}
	switch f.Delay {
	case Never:
	case 0:
		run()
	default:
		k.After(f.Delay, run)
	}
}

// SockErr implements poller.Sys.
func (s *Sys) SockErr(fd int) poller.Errno { return s.kernel.stream("getsockopt", fd).takeErr() }

// Names implements poller.Sys.
func (s *Sys) Names(fd int) (local, peer netip.AddrPort, e poller.Errno) {
	switch n := s.kernel.must("getsockname", fd).(type) {
	case *listener:
		return n.addr.TCP(), peer, syscall.ENOTCONN
	case *stream:
		if n.state == streamOpen || n.unix && n.other != nil {
			return n.local, n.remote, 0
		}
		return n.local, peer, syscall.ENOTCONN
	}
	return local, peer, syscall.ENOTSOCK
}

// Read implements poller.Sys.
func (s *Sys) Read(fd int, p []byte) (int, poller.Errno) {
	if len(p) == 0 {
		panic("fake: a read into an empty buffer, whose 0 would be taken for the end")
	}
	c := s.kernel.stream("read", fd)
	f := s.kernel.next(CallRead, c)
	if f.Errno != 0 {
		return 0, f.Errno
	}
	if f.Bytes > 0 {
		p = p[:min(f.Bytes, len(p))]
	}
	n, e := c.read(p)
	s.judge(c, len(p), n, e)
	if n > 0 {
		c.moves.reads(s.Now(), c.in.place)
	}
	if s.kernel.Trace != nil {
		s.kernel.Trace("read of descriptor %d: %d of at most %d bytes, error %d: %.60q", fd, n, len(p), e, p[:n])
	}
	return n, e
}

// judge notes whether a read or write could have been left out. After EAGAIN
// there is nothing to try before something happens; after a short piece neither,
// where that is said to be reliable.
func (s *Sys) judge(c *stream, asked, n int, e poller.Errno) {
	k := s.kernel
	switch {
	case e == syscall.EAGAIN && !c.fresh:
		k.wasted++
	case e == syscall.EAGAIN:
		c.fresh = false
	default:
		k.activity++
		if n < asked && !k.AnyShortRead && !c.unix && (c.mask()|c.told)&doubtful == 0 {
			c.fresh = false
		}
	}
}

// Write implements poller.Sys.
func (s *Sys) Write(fd int, p []byte) (int, poller.Errno) {
	c := s.kernel.stream("write", fd)
	f := s.kernel.next(CallWrite, c)
	n, e := 0, f.Errno
	if s.kernel.KeepSaid {
		c.moves.offer(s.Now(), len(c.said)+len(p))
	}
	switch {
	case e == syscall.EAGAIN:
		s.tellOfRoom(c)
	case e == 0 && f.Bytes > 0 && f.Bytes < len(p):
		n, e = c.write(p[:f.Bytes])
		s.tellOfRoom(c)
	case e == 0:
		n, e = c.write(p)
	}
	if n > 0 {
		s.kernel.activity++
	}
	if e != syscall.EINTR {
		c.moves.wrote(s.Now(), n, len(p))
	}
	if s.kernel.Trace != nil {
		s.kernel.Trace("write to descriptor %d: %d of %d bytes, error %d: %.60q", fd, n, len(p), e, p[:n])
	}
	return n, e
}

// tellOfRoom is for a write that was cut as if the send buffer ended there: a
// kernel that says "full" tells of room later. Without chaos that is at once.
func (s *Sys) tellOfRoom(c *stream) {
	if s.kernel.chaos != nil {
		s.kernel.chaos.laterRoom(s.kernel, c)
	} else {
		wake(c)
	}
}

// ShutdownWrite implements poller.Sys.
func (s *Sys) ShutdownWrite(fd int) poller.Errno {
	c := s.kernel.stream("shutdown", fd)
	if f := s.kernel.next(CallShutdown, c); f.Errno != 0 {
		return f.Errno
	}
	s.kernel.activity++
	c.moves.end(s.Now())
	if s.kernel.Trace != nil {
		s.kernel.Trace("shutdown of descriptor %d", fd)
	}
	return c.finish()
}

// Close implements poller.Sys.
func (s *Sys) Close(fd int) poller.Errno {
	if s.kernel.Trace != nil {
		s.kernel.Trace("close of descriptor %d", fd)
	}
	if c, ok := s.kernel.must("close", fd).(*stream); ok {
		c.moves.end(s.Now())
	}
	s.kernel.close(fd)
	return 0
}

// OpenWake implements poller.Sys.
func (s *Sys) OpenWake() (int, poller.Errno) {
	w := &wakeup{}
	w.kernel = s.kernel
	return s.kernel.install(w)
}

// Wake implements poller.Sys. Unlike the real one it is for one goroutine only.
func (s *Sys) Wake(fd int) {
	w := s.kernel.must("write", fd).(*wakeup)
	w.set = true
	wake(w)
}

// ClearWake implements poller.Sys. Reading the count makes room for more of it,
// which is an edge too.
func (s *Sys) ClearWake(fd int) {
	w := s.kernel.must("read", fd).(*wakeup)
	if s.kernel.OnClearWake != nil {
		s.kernel.OnClearWake()
	}
	if w.set {
		w.set = false
		wake(w)
	}
}

// DescriptorLimit implements poller.Sys.
func (s *Sys) DescriptorLimit() int { return s.kernel.Limit }
