// conn_write.go owns the way out: output is appended by handlers and written once
// a turn. Its bounds are the handler's business: Room says how much may be
// appended, OnRoom when there is room again.
//
// A byte's place in the stream is counted from the connection's first byte, so
// that a request's end can be compared with what has been written.

package poller

// Append adds output. It is written at the end of the turn. Output for a
// connection that cannot be written any more is dropped. What is appended to
// one that died in this turn can still be taken back in OnClose.
func (c *Conn) Append(p []byte) {
	if len(p) == 0 {
		return // nothing begins to wait
	}
	if c.keepsUnsent() {
		c.out.append(&c.loop.pool, p)
		return
	}
	if c.write != writeOn || c.state == stateClosing || c.state == stateFreed {
		c.written += uint64(len(p))
		return
	}
	if c.out.size() == 0 {
		c.stuck = c.loop.now
		if c.config.WriteTimeout > 0 {
			c.arm()
		}
	}
	c.out.append(&c.loop.pool, p)
	c.markDirty()
}

// keepsUnsent reports whether the peer takes no more, and what it did not take is
// kept for TakeBack.
func (c *Conn) keepsUnsent() bool {
	return c.write == writeFailed && c.config.KeepUnsent && c.state != stateClosing && c.state != stateFreed
}

func (c *Conn) markDirty() {
	if !c.isDirty {
		c.isDirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Room is how many bytes of output may be appended, in bytes; 0 at or above the
// high mark. A connection that drops its output has all room.
func (c *Conn) Room() int {
	if c.write == writeFailed && !c.config.KeepUnsent {
		return c.config.HighMark
	}
	return max(c.config.HighMark-c.out.size(), 0)
}

// Fits reports whether n bytes may be appended. Into empty output one line
// always fits, so that no line is too long for ever.
func (c *Conn) Fits(n int) bool { return n <= c.Room() || c.out.size() == 0 }

// RoomOrWake is how many bytes the other side may read on top of those that it
// keeps already. Where that is too little to be worth a read it is 0, and
// OnRoom will be called.
func (c *Conn) RoomOrWake(kept int) int {
	if c.out.size() == 0 {
		return c.config.HighMark // a line always fits here
	}
	if room := c.Room() - kept; room >= readRoomMin {
		return room
	}
	c.WantRoom(kept + readRoomMin)
	return 0
}

// WantRoom has OnRoom called once, when at most LowMark bytes of output wait and
// n more would fit. There is one such wish at a time: a later call replaces it,
// so OnRoom must try everything that waits for room again.
func (c *Conn) WantRoom(n int) {
	c.wakeAt = int32(max(0, min(c.config.LowMark, c.config.HighMark-n)))
	if c.out.size() <= int(c.wakeAt) {
		c.markDirty()
	}
}

// Written is how many bytes of the output stream have left, dropped ones
// included.
func (c *Conn) Written() uint64 { return c.written }

// Appended is the place in the output stream behind the last appended byte.
func (c *Conn) Appended() uint64 { return c.written + uint64(c.out.size()) }

// Unsent is the output from Written to Appended, valid until it changes.
func (c *Conn) Unsent() []byte { return c.out.bytes() }

// TakeBack removes the output from the given place of the stream on, none of
// which may have been written, and gives it to the caller.
func (c *Conn) TakeBack(from uint64) []byte {
	if from < c.written || from > c.Appended() {
		panic("conn: output to take back has been written")
	}
	keep := int(from - c.written)
	back := append([]byte(nil), c.out.bytes()[keep:]...)
	c.out.cut(&c.loop.pool, len(back))
	if c.out.size() == 0 {
		c.stuck = 0
	}
	c.markDirty() // there is more room, and perhaps nothing before the FIN
	return back
}

// FinishWrite sends FIN behind the output that waits.
func (c *Conn) FinishWrite() {
	if c.write == writeOn {
		c.write = writeFinishing
		c.markDirty()
	}
}

// gathers reports whether output waits for more to come in the next turn. Behind a
// turn that took long, the next one may as well.
func (c *Conn) gathers() bool {
	l, most := c.loop, int64(c.config.GatherTime)
	if most == 0 || c.state != stateOpen || c.write != writeOn || !c.canWrite || l.stopped {
		return false
	}
	n := c.out.size()
	return n > 0 && n < min(gatherBytesMax, c.config.HighMark/2) && l.now-c.stuck < most && l.now-l.before < most
}

// flushOutput writes what waits, once where the kernel takes it all. A short
// write means that the send buffer is full; the tail stays, and the edge that
// tells of room brings it back.
func (c *Conn) flushOutput() {
	if c.state == stateConnecting || c.state >= stateDead {
		return
	}
	for range callsPerServe {
		if !c.canWrite || c.out.size() == 0 || c.write == writeFailed {
			break
		}
		n, e := c.loop.sys.Write(int(c.fd), c.out.bytes())
		if e == EINTR {
			continue
		}
		if e != 0 && e != eAgain {
			c.failWrite(e)
			break
		}
		if e == eAgain || n < c.out.size() {
			c.canWrite = false
		}
		c.wrote(n)
	}
	if c.out.size() == 0 && c.write == writeFinishing {
		c.write = writeShut
		if e := c.loop.sys.ShutdownWrite(int(c.fd)); e != 0 {
			c.failWrite(e)
		}
		c.lingerFromNow()
	}
	c.callOnRoom()
	c.judgeAgain()
	if c.canProgress() {
		c.loop.enqueue(c)
	}
}

func (c *Conn) wrote(n int) {
	if n <= 0 {
		return
	}
	c.out.consume(&c.loop.pool, n)
	c.written += uint64(n)
	c.loop.work += n / 1024 * workPerKiB
	c.moved = c.loop.now
	c.stuck = 0
	if c.out.size() > 0 {
		c.stuck = c.loop.now
	}
}

func (c *Conn) callOnRoom() {
	if c.wakeAt >= 0 && c.out.size() <= int(c.wakeAt) && c.state == stateOpen {
		c.wakeAt = -1
		c.handler.OnRoom(c)
	}
}

// failWrite notes that the peer takes no more. What it has sent before is still
// worth reading: after a reset the kernel gives it out once. Only a peer that
// we do not read, and to whom nothing can be delivered, is given up at once.
func (c *Conn) failWrite(e Errno) {
	if !c.config.KeepUnsent || c.state == stateClosing {
		c.written += uint64(c.out.size())
		c.out.drop(&c.loop.pool)
	}
	c.write, c.errno, c.stuck = writeFailed, uint16(e), 0
	c.canRead, c.mustDrain, c.reset = true, true, true
	switch {
	case c.state == stateClosing, c.unread():
		c.fail(e)
	}
}
