// listener.go owns accepting: until the queue is empty, within a budget, and with
// a rest where the process has no descriptor left.
//
// The kernel tells of a queue once. A listener that could not empty it goes on
// the ready list (budget), is resumed by its owner (limit), or rests and tries
// again by timer and after every close (no descriptors).

package poller

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// Acceptor is what a listener is for.
type Acceptor interface {
	// OnAccept gets a connection that stands. It gives its handler and its
	// configuration; without a handler the connection is closed at once.
	OnAccept(l *Listener, peer Peer) (Handler, *ConnConfig)
	// OnAccepted gets the connection itself, with that handler, right after
	// OnAccept.
	OnAccepted(c *Conn, h Handler)
	// OnAcceptError: the listener rests. At most once a second.
	OnAcceptError(l *Listener, e Errno)
}

// Listener accepts connections. It belongs to its loop's goroutine.
type Listener struct {
	loop      *Loop
	acceptor  Acceptor
	addr      Addr
	fd        int
	retry     Timer
	complain  int64 // no complaint before
	canAccept bool
	paused    bool // the owner's limit is reached
	resting   bool // the process's limit is
	draining  bool // close as soon as the queue is empty
	closed    bool
	queued    bool
}

// Listen opens a listener, before Run: a unix socket costs a look into the file
// system. The error names the address.
func (l *Loop) Listen(addr Addr, o *SocketOptions, a Acceptor) (*Listener, error) {
	fd, e := l.sys.Listen(addr, o)
	if e != 0 {
		return nil, listenError(addr, e)
	}
	ln := &Listener{loop: l, acceptor: a, addr: addr, fd: fd}
	if e := l.sys.Register(fd, l.slots.take(fd, ln)); e != 0 {
		l.slots.give(fd)
		l.sys.Close(fd)
		return nil, fmt.Errorf("cannot listen on %s: epoll_ctl: %w", addr, e)
	}
	if local, _, e := l.sys.Names(fd); (e == 0 || e == syscall.ENOTCONN) && local.IsValid() {
		ln.addr = TCPAddr(local)
	}
	l.listeners = append(l.listeners, ln)
	return ln, nil
}

// listenError says in words of the user what the kernel's number means for the
// path of a unix socket.
func listenError(addr Addr, e Errno) error {
	switch {
	case addr.IsUnix() && e == syscall.EADDRINUSE:
		return refusedListen{fmt.Sprintf("cannot listen: %s is in use", addr), e}
	case addr.IsUnix() && e == syscall.ENOTSOCK:
		return refusedListen{fmt.Sprintf("cannot listen on %s: the file there is no socket", addr), e}
	case addr.IsUnix() && e == syscall.EBUSY:
		return refusedListen{fmt.Sprintf("cannot listen on %s: another process holds the lock of its directory", addr), e}
	}
	return fmt.Errorf("cannot listen on %s: %w", addr, e)
}

// refusedListen is an error with a text of its own.
type refusedListen struct {
	text string
	why  Errno
}

func (r refusedListen) Error() string { return r.text }
func (r refusedListen) Unwrap() error { return r.why }

// Addr is where the listener really listens.
func (ln *Listener) Addr() Addr { return ln.addr }

// Pause leaves waiting clients in the kernel's queue until Resume.
func (ln *Listener) Pause() { ln.paused = true }

// Resume goes on accepting, and looks into the queue at once.
func (ln *Listener) Resume() {
	if ln.paused && !ln.closed {
		ln.paused = false
		ln.look()
	}
}

// Drain accepts what is queued now and then closes the listener. Clients that
// could not be accepted by then are reset by the kernel.
func (ln *Listener) Drain() {
	if ln.closed {
		return
	}
	ln.draining, ln.paused = true, false
	ln.canAccept = true
	ln.loop.enqueue(ln)
}

// Close closes the listener at once. The kernel resets what is queued.
func (ln *Listener) Close() {
	if ln.closed {
		return
	}
	ln.closed = true
	ln.loop.timers.disarm(&ln.retry)
	ln.loop.dequeue(ln)
	ln.loop.slots.give(ln.fd)
	ln.loop.sys.Close(ln.fd)
	ln.loop.listeners = slices.DeleteFunc(ln.loop.listeners, func(x *Listener) bool { return x == ln })
}

// Closed reports whether the listener is closed.
func (ln *Listener) Closed() bool { return ln.closed }

func (ln *Listener) look() {
	ln.canAccept = true
	ln.loop.enqueue(ln)
}

func (ln *Listener) onEdge(uint32) {
	ln.canAccept = true
	if !ln.paused && !ln.resting {
		ln.loop.enqueue(ln)
	}
}

func (ln *Listener) inQueue() *bool { return &ln.queued }

func (ln *Listener) serve() {
	for range acceptsPerTurn {
		if ln.closed || ln.paused || ln.resting || !ln.canAccept {
			break
		}
		ln.acceptOne()
	}
	if ln.closed || ln.paused || ln.resting {
		return
	}
	if ln.canAccept {
		ln.loop.enqueue(ln)
	} else if ln.draining {
		ln.Close()
	}
}

// acceptOne takes one client. Errors that belong to that client mean "next";
// only a want of descriptors or memory makes the listener rest.
func (ln *Listener) acceptOne() {
	fd, peer, e := ln.loop.sys.Accept(ln.fd)
	switch e {
	case 0:
		ln.welcome(fd, peer)
	case eAgain:
		ln.canAccept = false
	case EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET:
		// This client is gone; the next one may be well.
	default: // EMFILE, ENFILE, ENOBUFS, ENOMEM, or something that would come again at once
		ln.rest(e)
	}
}

func (ln *Listener) welcome(fd int, peer netip.AddrPort) {
	l := ln.loop
	h, config := ln.acceptor.OnAccept(ln, PeerOf(peer))
	if h == nil {
		l.sys.Close(fd)
		return
	}
	c, e := newConn(l, fd, h, config, stateOpen)
	if e != 0 {
		ln.rest(e)
		return
	}
	c.mustDrain = ln.addr.IsUnix()
	c.arm()
	ln.acceptor.OnAccepted(c, h)
}

func (ln *Listener) rest(e Errno) {
	if ln.draining {
		ln.Close() // no second chance: the drain must end
		return
	}
	ln.resting = true
	l := ln.loop
	l.timers.arm(&ln.retry, ln, l.now+int64(acceptRetry))
	if l.now >= ln.complain {
		ln.complain = l.now + int64(acceptComplaint)
		ln.acceptor.OnAcceptError(ln, e)
	}
}

// Expire implements Expirer: the rest is over.
func (ln *Listener) Expire(int64) { ln.wake() }

func (ln *Listener) wake() {
	if ln.closed || !ln.resting {
		return
	}
	ln.resting = false
	ln.loop.timers.disarm(&ln.retry)
	if !ln.paused {
		ln.look()
	}
}

// wakeResting has every resting listener try again: a descriptor was closed.
func (l *Loop) wakeResting() {
	for _, ln := range l.listeners {
		ln.wake()
	}
}
