// dial.go owns outgoing connections, from the call to the first edge that tells
// whether they stand.

package poller

import "syscall"

// Dial starts a connection to addr. Output may be appended at once; it leaves
// when the connection stands and OnOpen has been called. Where the kernel
// refuses at once there is no connection and the handler is not called. Where
// the queue of a unix socket is full, it asks again until ConnectTimeout.
func (l *Loop) Dial(addr Addr, o *SocketOptions, h Handler, config *ConnConfig) (*Conn, Errno) {
	fd, answer := l.sys.Connect(addr, o)
	if fd < 0 {
		return nil, answer
	}
	c, e := newConn(l, fd, h, config, stateConnecting)
	if e != 0 {
		return nil, e
	}
	c.mustDrain = addr.IsUnix()
	if answer == eAgain {
		l.awaitPlace(c, addr)
	}
	c.arm()
	return c, 0
}

// finishConnect looks whether the connection stands. OUT alone proves nothing,
// and neither does HUP: the socket's own error and its peer's name do.
//
//	SO_ERROR   peer's name   verdict
//	set        -             refused
//	0          none          still connecting
//	0          our own       refused: the dial met itself on a free port
//	0          another's     open
//
// A unix socket has a peer or none, but no port on which it could meet itself.
func (c *Conn) finishConnect() {
	sys := c.loop.sys
	if e := sys.SockErr(int(c.fd)); e != 0 {
		c.die(Cause{Kind: CauseRefused, Errno: e})
		return
	}
	local, peer, e := sys.Names(int(c.fd))
	switch {
	case e != 0:
		c.canRead, c.canWrite = false, false // the next edge will say
		c.arm()
	case local == peer && local.IsValid():
		c.die(Cause{Kind: CauseRefused, Errno: syscall.ECONNREFUSED})
	default:
		c.open()
	}
}

func (c *Conn) open() {
	c.state, c.moved = stateOpen, c.loop.now
	if c.stuck > 0 {
		c.stuck = c.loop.now
	}
	c.returnTimer()
	c.arm()
	c.handler.OnOpen(c)
	c.markDirty()
	if c.closeWhenOpen {
		c.Close()
	}
}
