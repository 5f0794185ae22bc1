// conn_close.go owns the ends of a connection: the graceful close, the abort,
// the timeouts, and the giving back of the descriptor at the end of the turn.
//
//	Close ─► output flushed ─► FIN ─► input discarded until the peer's FIN,
//	                                  or LingerTimeout ─► descriptor closed

package poller

// Close delivers what was appended, sends FIN, discards what the peer still
// sends, and closes. Nothing is handed over any more; OnClose comes when it is
// done. A dial with output goes on, since its output is to be delivered.
func (c *Conn) Close() { c.closeFor(CauseClosed) }

func (c *Conn) closeFor(why CauseKind) {
	switch c.state {
	case stateConnecting:
		if c.closeWhenOpen = c.out.size() > 0; !c.closeWhenOpen {
			c.die(Cause{Kind: why})
		}
	case stateOpen:
		c.why = why
		c.Mute()
		c.paused = false
		c.state = stateClosing
		if c.write == writeFailed {
			c.die(Cause{Kind: why})
			return
		}
		if c.write == writeOn {
			c.write = writeFinishing
		}
		c.lingerFromNow()
		c.markDirty()
		c.closeIfDone()
		c.enqueueIfAble() // what has come already is to be discarded
	}
}

// Abort drops everything and closes at the end of the turn.
func (c *Conn) Abort() { c.die(Cause{Kind: CauseAborted}) }

// lingerFromNow starts the time that a closing connection has for the peer's
// FIN. It counts from our FIN, so that a slow reader still gets everything.
func (c *Conn) lingerFromNow() {
	if c.state != stateClosing || c.write == writeFinishing {
		return
	}
	c.moved = c.loop.now
	c.arm()
	c.closeIfDone()
}

func (c *Conn) closeIfDone() {
	if c.state == stateClosing && c.read == readEnded && c.write == writeShut {
		c.die(Cause{Kind: c.why})
	}
}

// discardInput reads what a closing peer still sends, so that the close sends
// FIN and not RST: with unread input the kernel would reset the connection and
// throw away what the peer has not received yet.
func (c *Conn) discardInput() {
	if c.read == readEnded {
		return
	}
	left := c.config.TurnBytes
	defer func() { c.loop.work += (c.config.TurnBytes - left) / 1024 * workPerKiB }()
	for range callsPerServe {
		if !c.canRead || left <= 0 || c.state != stateClosing {
			return
		}
		n, e := c.loop.sys.Read(int(c.fd), c.loop.scratch)
		switch {
		case c.wasInterrupted(e):
			return
		case e == eAgain:
			c.canRead = false
		case e != 0:
			c.fail(e)
		case n == 0:
			c.canRead, c.read = false, readEnded
			c.closeIfDone()
		default:
			c.noteShort(n, len(c.loop.scratch))
		}
		left -= n
	}
}

// fail ends the connection after a system call on it did.
func (c *Conn) fail(e Errno) {
	if c.state == stateClosing && c.write == writeShut {
		c.die(Cause{Kind: c.why}) // all was delivered as far as we can tell
		return
	}
	c.die(Cause{Kind: CauseReset, Errno: e})
}

// failReset ends a connection that was reset, with the reason that the kernel
// still knows or has told before.
func (c *Conn) failReset() {
	e := c.loop.sys.SockErr(int(c.fd))
	if e == 0 {
		e = Errno(c.errno)
	}
	c.fail(e)
}

// die condemns the connection: it does nothing more, and is freed at the end of
// the turn.
func (c *Conn) die(why Cause) {
	if c.state >= stateDead {
		return
	}
	c.state, c.why, c.errno = stateDead, why.Kind, uint16(why.Errno)
	c.loop.dead = append(c.loop.dead, c)
}

// free is the one place that closes a connection's descriptor. The handler may
// still take back what was not written.
func (c *Conn) free() {
	c.loop.sys.Close(int(c.fd)) // its answer changes nothing: the number is free
	c.detach()
	c.handler.OnClose(c, Cause{Kind: c.why, Errno: Errno(c.errno)})
	c.dropBuffers()
	c.handler = nil
}

// detach takes the connection off everything the loop keeps.
func (c *Conn) detach() {
	c.loop.slots.give(int(c.fd))
	c.loop.forgetPlace(c)
	c.loop.conns--
	c.returnTimer()
	c.state = stateFreed
}

func (c *Conn) dropBuffers() {
	c.written += uint64(c.out.size())
	c.forgetInput()
	c.out.drop(&c.loop.pool)
}

// arm sets the timer for the earliest thing that is due. Activity does not move
// it: when it fires too early it is armed again, which is far cheaper.
func (c *Conn) arm() {
	due := c.due()
	switch {
	case due == Forever:
		return
	case c.timer == nil:
		c.timer = c.loop.borrowTimer()
	case c.timer.Armed() && c.timer.when <= due:
		return
	}
	c.loop.timers.arm(c.timer, c, due)
}

// due is when the first of the connection's timeouts ends.
func (c *Conn) due() int64 {
	due := Forever
	add := func(from, after int64) {
		if after > 0 && from > 0 {
			due = min(due, from+after)
		}
	}
	switch c.state {
	case stateConnecting:
		if !c.isTold() {
			add(c.moved, int64(c.config.ConnectTimeout))
		}
	case stateClosing:
		if c.write != writeFinishing {
			add(c.moved, int64(c.config.LingerTimeout))
		}
	case stateOpen:
		if c.isSilent() {
			add(c.in.began(), int64(c.config.LineTimeout))
		}
		if c.isIdle() {
			add(c.moved, int64(c.config.IdleTimeout))
		}
	}
	if (c.state == stateOpen || c.state == stateClosing) && !c.canFlush() {
		add(c.stuck, int64(c.config.WriteTimeout))
	}
	return due
}

// Expire implements Expirer: it ends the connection if one of its timeouts is
// over.
func (c *Conn) Expire(now int64) {
	over := func(from, after int64) bool { return after > 0 && from > 0 && from+after <= now }
	switch {
	case c.state == stateConnecting && !c.isTold() && over(c.moved, int64(c.config.ConnectTimeout)):
		c.die(Cause{Kind: CauseConnectTimeout})
	case c.state == stateClosing && c.write != writeFinishing && over(c.moved, int64(c.config.LingerTimeout)):
		c.die(Cause{Kind: c.why})
	case c.state >= stateDead || c.state == stateConnecting:
	case !c.canFlush() && over(c.stuck, int64(c.config.WriteTimeout)):
		c.die(Cause{Kind: CauseWriteTimeout})
	case c.state != stateOpen:
	case c.isSilent() && over(c.in.began(), int64(c.config.LineTimeout)):
		c.expel(CauseLineTimeout)
	case c.isIdle() && over(c.moved, int64(c.config.IdleTimeout)):
		if c.isOwed() {
			c.moved = now
		} else {
			c.expel(CauseIdleTimeout)
		}
	}
	if c.timer != nil && !c.timer.Armed() {
		c.returnTimer()
	}
	if c.state < stateDead {
		c.arm()
	}
}

// Nobody is judged while the kernel has told something that the loop has not
// looked at: the turn had no more budget, or the loop itself stood still.
//
//	timeout      does not count while
//	connect      anything was told (isTold)
//	line         we do not read, or there is more to read, or whole lines that were
//	             read have not gone on (isSilent)
//	idle         the same, or output is about to go out (isIdle), or the handler
//	             owes the peer something (isOwed)
//	write        there is room for output (canFlush)

// isTold reports whether the kernel has said something of a dial that was not
// looked at yet.
func (c *Conn) isTold() bool { return c.canRead || c.canWrite }

// isSilent reports whether the peer is read, and has nothing to read, and what it
// said before has gone on.
func (c *Conn) isSilent() bool {
	return !c.paused && c.read != readStopped && !(c.canRead && c.read <= readStopping) && c.in.whole() == 0
}

// isIdle reports whether no byte can move in either direction but by the peer.
func (c *Conn) isIdle() bool { return c.isSilent() && !c.isDirty && !c.canFlush() }

// isOwed reports whether the peer waits for the handler. It is asked so late because
// nearly nobody waits that long.
func (c *Conn) isOwed() bool {
	h, ok := c.handler.(Owing)
	return ok && h.Owes()
}

// judgeAgain arms the timer for what may begin to be due now.
func (c *Conn) judgeAgain() {
	if c.config.IdleTimeout > 0 || c.config.LineTimeout > 0 || c.stuck > 0 && c.config.WriteTimeout > 0 {
		c.arm()
	}
}

// expel ends a connection for its silence. Where it was read to its last byte and
// has no output there is nothing that a plain close could destroy.
func (c *Conn) expel(why CauseKind) {
	if c.out.size() == 0 && c.read != readMuted {
		c.die(Cause{Kind: why})
		return
	}
	c.closeFor(why)
}

// forgive moves whatever the connection is judged by, by the time that the loop
// stood still.
func (c *Conn) forgive(stood int64) {
	later := func(from int64) int64 {
		if from == 0 {
			return 0
		}
		return min(from+stood, c.loop.now)
	}
	c.moved, c.stuck = later(c.moved), later(c.stuck)
	if c.in != nil {
		c.in.since = later(c.in.since)
	}
}

func (c *Conn) returnTimer() {
	if c.timer == nil {
		return
	}
	c.loop.timers.disarm(c.timer)
	if len(c.loop.spareTimers) < spareTimersMax {
		c.loop.spareTimers = append(c.loop.spareTimers, c.timer)
	}
	c.timer = nil
}

// borrowTimer takes a timer from the spare ones.
func (l *Loop) borrowTimer() *Timer {
	last := len(l.spareTimers) - 1
	if last < 0 {
		return new(Timer)
	}
	t := l.spareTimers[last]
	l.spareTimers = l.spareTimers[:last]
	return t
}
