// conn.go owns what a connection is: its states, its handler's contract, and the
// edges that reach it. Reading, writing and closing have files of their own.

package poller

import (
	"fmt"
	"net/netip"
	"syscall"
)

// Handler is what a connection is for. The loop calls it, never from within a
// call that the handler itself makes on a connection, and never after OnClose.
//
//	OnOpen ─► { OnLines | OnRoom }* ─► OnEnd ─► OnRoom* ─► OnClose
//
// (OnOpen only where the connection was dialled; OnLongLine ends the lines as
// OnEnd does; OnClose may come at any time, and comes exactly once.)
type Handler interface {
	// OnOpen: the dialled connection stands.
	OnOpen(c *Conn)
	// ReadRoom is asked before each read: how many bytes may come. With 0 the
	// connection is not read until its Resume; whoever answers 0 sees to that.
	ReadRoom(c *Conn) int
	// OnLines gets whole lines, LF included and none longer than MaxLine, valid
	// during the call. It takes lines from the front, at most maxLines of them,
	// and says how many bytes and lines those were. To take less is to be left
	// alone until Resume.
	OnLines(c *Conn, run []byte, maxLines int) (taken, lines int)
	// OnLongLine: the peer's line is longer than MaxLine. No more lines come;
	// head is what came of this one, and whatever was read behind it.
	OnLongLine(c *Conn, head []byte)
	// OnEnd: no more lines come, since the peer has ended or reset the connection
	// or since StopReading was asked for; Ended tells which. fragment is what
	// came behind the last LF.
	OnEnd(c *Conn, fragment []byte)
	// OnRoom: the output that waits has fallen to what WantRoom asked for.
	OnRoom(c *Conn)
	// OnClose: the connection is gone and its descriptor is closed.
	OnClose(c *Conn, why Cause)
}

// Owing is a Handler that may make its peer wait for something, without output or
// input that shows it. A peer that waits for us is not idle.
type Owing interface {
	// Owes is asked when the peer has been silent for too long.
	Owes() bool
}

// A connection's life:
//
//	from \ event   established   Close      fatal error, Abort   descriptor closed
//	connecting     open          dead       dead                 -
//	open           -             closing    dead                 -
//	closing        -             closing    dead                 -
//	dead           -             dead       dead                 freed
type state uint8

const (
	stateConnecting state = iota
	stateOpen
	stateClosing // what is left is flushed, then FIN, then input is discarded
	stateDead    // freed at the end of this turn
	stateFreed
)

// What may still be read:
//
//	from \ event   StopReading   last byte read   no lines kept   peer's FIN   Mute, Close
//	reading        stopping      -                reading         ended        muted
//	stopping       stopping      stopped          stopping        ended        muted
//	stopped        stopped       -                muted           -            muted
//	muted          muted         -                -               ended        muted
//	ended          ended         -                -               -            ended
//
// The last byte is where the kernel has no more, or at the budget of one turn.
type readState uint8

const (
	readOn       readState = iota
	readStopping           // what the kernel has now is read, then no more
	readStopped            // kept lines still go on, the kernel is not read
	readMuted              // input is not wanted; discarded while closing
	readEnded              // the peer's FIN was read
)

// What may still be written:
//
//	from \ event   FinishWrite   all flushed   write failed
//	on             finishing     -             failed
//	finishing      finishing     shut          failed
//	shut           shut          -             failed
//	failed         failed        -             failed
type writeState uint8

const (
	writeOn        writeState = iota
	writeFinishing            // FIN follows the output that waits
	writeShut                 // FIN is sent
	writeFailed               // the peer takes no more; output is dropped, or kept for TakeBack
)

// CauseKind says why a connection ended.
type CauseKind uint8

// The ways a connection ends.
const (
	CauseClosed         CauseKind = iota // we closed it, after its output was delivered
	CauseAborted                         // we threw it away
	CauseReset                           // reading or writing failed; Errno says how
	CauseRefused                         // the dial failed; Errno says how
	CauseConnectTimeout                  // the dial took too long
	CauseIdleTimeout
	CauseLineTimeout
	CauseWriteTimeout
	CauseShutdown // the loop ended
)

var causeNames = [...]string{"closed", "aborted", "reset", "refused", "connect timeout", "idle timeout", "line timeout", "write timeout", "shutdown"}

// Cause is why a connection ended. Errno is 0 where the kernel had no part.
type Cause struct {
	Kind  CauseKind
	Errno Errno
}

// String names the cause for a log.
func (c Cause) String() string {
	if c.Errno != 0 {
		return fmt.Sprintf("%s: %s", causeNames[c.Kind], c.Errno.Error())
	}
	return causeNames[c.Kind]
}

// Conn is one connection. It belongs to its loop's goroutine. After OnClose it
// must not be used. Nearly all of them are idle nearly all the time, so what is
// not needed then is held by pointers: it is 128 bytes, and a test holds it
// there, since the next larger size of the allocator costs a client 32.
type Conn struct {
	loop    *Loop
	handler Handler
	config  *ConnConfig
	filter  *Filter // few have one
	timer   *Timer  // borrowed while something is due
	in      *input  // what could not go on; borrowed, too
	out     buffer  // what the kernel has not taken
	written uint64  // bytes the kernel has taken, or that were dropped
	moved   int64   // when a byte last moved, or connecting or lingering began
	stuck   int64   // since when output waits without a byte taken; 0: none waits
	fd      int32
	wakeAt  int32 // OnRoom is due when so little output waits; -1: not asked for

	state state
	read  readState
	write writeState
	why   CauseKind
	errno uint16

	canRead, canWrite bool  // sticky: an edge sets, EAGAIN or an error clears
	mustDrain         bool  // PRI, RDHUP, HUP or ERR was seen, or a unix socket: a short read proves nothing
	doubts            uint8 // so often EAGAIN is not believed: an urgent byte may come next
	reset             bool  // ERR was seen, or a write failed
	paused            bool  // the handler has no room
	handing           bool  // the handler looks at lines
	closeWhenOpen     bool  // Close was called while the dial was under way
	queued, isDirty   bool  // on the ready list; on the dirty list
}

// EINTR is a signal in the middle of a call.
const (
	EINTR  = syscall.EINTR
	eAgain = syscall.EAGAIN
	ePipe  = syscall.EPIPE
)

func newConn(l *Loop, fd int, h Handler, config *ConnConfig, s state) (*Conn, Errno) {
	c := &Conn{loop: l, handler: h, config: config, fd: int32(fd), wakeAt: -1, state: s, moved: l.now}
	if e := l.sys.Register(fd, l.slots.take(fd, c)); e != 0 {
		l.slots.give(fd)
		l.sys.Close(fd)
		return nil, e
	}
	l.conns++
	return c, 0
}

// LocalAddr is the connection's own TCP address, the one that the peer of an
// accepted connection has connected to. It is not valid where there is none. Each
// call asks the kernel.
func (c *Conn) LocalAddr() netip.AddrPort {
	if c.state == stateFreed {
		return netip.AddrPort{} // its descriptor may be another's
	}
	// The call also asks for the peer, who may be gone: that changes nothing.
	local, _, _ := c.loop.sys.Names(int(c.fd))
	return local
}

// SetHandler gives the connection another handler. A filter may call it.
func (c *Conn) SetHandler(h Handler) { c.handler = h }

// Adopt makes a connection of an open, non-blocking descriptor. carried are
// bytes that its peer sent before and that nobody has seen yet. On an error the
// descriptor is closed.
func (l *Loop) Adopt(fd int, carried []byte, h Handler, config *ConnConfig) (*Conn, Errno) {
	c, e := newConn(l, fd, h, config, stateOpen)
	if e != 0 {
		return nil, e
	}
	if local, _, e := l.sys.Names(fd); e != 0 || !local.IsValid() {
		c.mustDrain = true // no TCP socket, as far as is known
	}
	if len(carried) > 0 {
		in := c.store(carried)
		in.lines = uint32(c.wholeLines(carried))
		if len(carried) > int(in.lines) {
			in.since = l.now
		}
	}
	l.enqueue(c)
	c.arm()
	return c, 0
}

// Release takes the connection out of the loop without closing its descriptor,
// with the bytes that were read and not handed over, and those that were
// appended and not written. OnClose is not called; only where the connection is
// dead already it is, and fd is -1. OnLines and OnLongLine must not call it,
// since they hold bytes that are neither handed over nor unread.
func (c *Conn) Release() (fd int, unread, unsent []byte) {
	if c.handing {
		panic("conn: released while its handler looks at lines")
	}
	if c.state >= stateDead {
		return -1, nil, nil
	}
	l := c.loop
	l.dequeue(c)
	if c.in != nil {
		unread = append(unread, c.in.bytes()...)
	}
	unsent = append(unsent, c.out.bytes()...)
	l.sys.Unregister(int(c.fd)) // the descriptor lives on, and with it its registration
	c.detach()
	c.dropBuffers()
	return int(c.fd), unread, unsent
}

// onEdge marks readiness. IN comes with OUT in one mask, so every bit is looked
// at:
//
//	bit            canRead   canWrite   mustDrain   doubts
//	IN             yes
//	OUT                      yes
//	PRI            yes                  yes         yes
//	RDHUP          yes                  yes
//	HUP, ERR       yes       yes        yes
//
// ERR also ends a connection that nobody will read. A unix socket must be drained
// from the beginning: a descriptor that its peer sends along cuts a read, and no
// bit says so.
func (c *Conn) onEdge(mask uint32) {
	if mask&(MaskIn|MaskPri|MaskRdhup|MaskHup|MaskErr) != 0 {
		c.canRead = true
	}
	if mask&(MaskOut|MaskHup|MaskErr) != 0 {
		c.canWrite = true
	}
	if mask&(MaskPri|MaskRdhup|MaskHup|MaskErr) != 0 {
		c.mustDrain = true
	}
	if mask&MaskPri != 0 {
		c.doubts = eAgainDoubts
	}
	if mask&MaskErr != 0 {
		c.reset = true
	}
	if c.canProgress() {
		c.loop.enqueue(c)
	}
}

// canProgress is the condition for being on the ready list.
func (c *Conn) canProgress() bool {
	switch c.state {
	case stateConnecting:
		return c.canRead || c.canWrite
	case stateOpen:
		return c.wantsRead() && (c.canRead && c.read != readStopped || c.in.whole() > 0) || c.canFlush() || c.reset && c.unread()
	case stateClosing:
		return c.canFlush() || c.canRead && c.read != readEnded
	}
	return false
}

func (c *Conn) wantsRead() bool {
	return !c.paused && c.read <= readStopped
}

// unread reports whether a reset ends the connection at once, since there is
// nothing to read before, or since nobody will.
func (c *Conn) unread() bool {
	return c.read >= readMuted || c.config.AbandonOnReset && c.paused
}

func (c *Conn) canFlush() bool {
	return c.canWrite && (c.out.size() > 0 && c.write != writeFailed || c.write == writeFinishing)
}

func (c *Conn) inQueue() *bool { return &c.queued }

// serve makes what progress this turn's budget allows.
func (c *Conn) serve() {
	switch c.state {
	case stateConnecting:
		c.finishConnect()
	case stateOpen:
		if c.reset && c.unread() {
			c.failReset()
			return
		}
		if c.canFlush() {
			c.flushOutput()
		}
		c.readLines()
	case stateClosing:
		if c.canFlush() {
			c.flushOutput()
		}
		c.discardInput()
	}
	if c.canProgress() {
		c.loop.enqueue(c)
	}
}
