// conn_read.go owns the way in: reads within the turn's budget, runs of whole
// lines to the handler, and what is kept of them. Only what cannot go on at
// once is kept.
//
//	kernel ─► the loop's read buffer ─► whole lines ─► handler
//	                                └─► not taken, or a fragment ─► c.in
//
// The search for LF looks at new bytes only, since what is kept as a fragment
// has none: a peer that sends single bytes costs one look at each.

package poller

import "bytes"

// Filter stands between the socket and the lines: it may take bytes away (a
// header before the first line) or turn them into others.
type Filter interface {
	// Filter gets the bytes as they were read and gives those that go on, valid
	// until its next call; done takes it off the connection. An error ends the
	// connection.
	Filter(c *Conn, raw []byte) (plain []byte, done bool, err error)
}

// SetFilter puts f between socket and handler. It must be there before the
// first byte is read.
func (c *Conn) SetFilter(f Filter) { c.filter = &f }

// Resume lets a connection be read again whose handler had no room. Neither its
// silence nor its unfinished line was the peer's fault meanwhile.
func (c *Conn) Resume() {
	if c.paused {
		c.paused = false
		c.beginSilence()
		c.arm()
	}
	c.enqueueIfAble()
}

// beginSilence has the peer's silence, and its unfinished line, begin now: until
// now it waited for us.
func (c *Conn) beginSilence() {
	c.moved = c.loop.now
	if c.in.began() > 0 {
		c.in.since = c.loop.now
	}
}

// Pause keeps the connection from being read until Resume.
func (c *Conn) Pause() {
	c.paused = true
	c.enqueueIfAble()
}

func (c *Conn) enqueueIfAble() {
	if c.canProgress() {
		c.loop.enqueue(c)
	}
}

// Paused reports whether the connection waits for Resume.
func (c *Conn) Paused() bool { return c.paused }

// StopReading reads what the kernel has now, up to a turn's budget, hands over
// the whole lines of it, and then calls OnEnd. Later input is discarded at the
// close.
func (c *Conn) StopReading() {
	if c.read != readOn || c.state != stateOpen {
		return
	}
	c.read = readStopping
	c.borrowInput().last = int32(c.config.TurnBytes)
	// No edge is waited for, and one that was not told yet may be that of an urgent
	// byte: a short read proves nothing.
	c.canRead, c.mustDrain, c.doubts = true, true, eAgainDoubts
	c.loop.enqueue(c)
}

// Mute forgets the input that is kept and wants no more. OnEnd is not called.
func (c *Conn) Mute() {
	if c.read != readEnded {
		c.read = readMuted
	}
	if !c.handing { // otherwise the handler still looks at the lines
		c.forgetInput()
	}
	c.enqueueIfAble()
}

// Kept is how many bytes were read and could not go on yet.
func (c *Conn) Kept() int { return c.in.kept() }

// HasLines reports whether whole lines are among them.
func (c *Conn) HasLines() bool { return c.in.whole() > 0 }

// Held is the memory that the connection's buffers cost, in bytes.
func (c *Conn) Held() int {
	held := c.out.held()
	if c.in != nil {
		held += c.in.held()
	}
	return held
}

// Ended reports whether the peer has ended its side.
func (c *Conn) Ended() bool { return c.read == readEnded }

// WasReset reports whether the peer has ended both sides at once, or the network
// has; a peer that has merely said everything has not. Nor has one that had done so
// before output reached it, which it then refused: the kernel says EPIPE of that.
func (c *Conn) WasReset() bool {
	if c.reset && c.errno == 0 {
		c.errno = uint16(c.loop.sys.SockErr(int(c.fd))) // the kernel forgets it
	}
	return c.reset && Errno(c.errno) != ePipe
}

// HasUnread reports whether the peer may have sent something that the handler has
// not seen: nobody is to be called late then.
func (c *Conn) HasUnread() bool { return !c.isSilent() }

// readLines hands over what is kept, then reads until the kernel has no more,
// the handler has no room, or the turn's budget is used.
func (c *Conn) readLines() {
	bytesLeft, linesLeft := c.config.TurnBytes, c.config.TurnLines
	linesLeft -= c.handKept(linesLeft)
	if c.takesLines() && c.in.whole() == 0 && c.in.kept() >= c.config.MaxLine {
		c.refuseLongLine(nil)
	}
	for range callsPerServe {
		if !c.mayRead() || linesLeft <= 0 || bytesLeft <= 0 {
			break
		}
		n := c.readOnce(min(bytesLeft, len(c.loop.scratch)))
		if n <= 0 {
			break
		}
		bytesLeft -= n
		linesLeft -= c.accept(c.loop.scratch[:n], linesLeft)
	}
	c.loop.work += c.config.TurnLines - linesLeft + (c.config.TurnBytes-bytesLeft)/1024*workPerKiB
	if c.read == readStopped && c.state == stateOpen && c.in.whole() == 0 {
		c.finishReading(readMuted)
	}
	c.judgeAgain()
}

func (c *Conn) mayRead() bool {
	return c.state == stateOpen && c.canRead && c.in.whole() == 0 && !c.paused && (c.read == readOn || c.read == readStopping)
}

// takesLines reports whether the handler still wants what was read.
func (c *Conn) takesLines() bool { return c.state == stateOpen && c.read != readMuted }

// readOnce reads into the loop's buffer as much as the handler has room for. It
// gives what came; 0 where nothing did.
func (c *Conn) readOnce(most int) int {
	room := c.handler.ReadRoom(c)
	if c.state != stateOpen {
		return 0
	}
	if room <= 0 {
		c.paused = true
		return 0
	}
	most = min(most, room)
	n, e := c.loop.sys.Read(int(c.fd), c.loop.scratch[:most])
	if c.wasInterrupted(e) {
		return 0 // canRead stays, so the next turn reads again
	}
	c.countLast(n, e)
	switch {
	case e == eAgain:
		c.canRead = false
		return 0
	case e != 0:
		c.reset, c.errno = true, uint16(e)
		c.finishReading(readEnded)
		c.fail(e)
		return 0
	case n == 0:
		c.canRead = false
		c.finishReading(readEnded)
		return 0
	}
	c.noteShort(n, most)
	c.moved = c.loop.now
	return n
}

// wasInterrupted reports whether a signal may have kept a read from giving what is
// there. Where an urgent byte comes next the kernel says EAGAIN of that, and of its
// edge nothing more is heard; so beside one EAGAIN is believed only when it comes
// again (tcp_recvmsg_locked, net/ipv4/tcp.c).
func (c *Conn) wasInterrupted(e Errno) bool {
	if e == eAgain && c.doubts > 0 {
		c.doubts--
		return true
	}
	return e == EINTR
}

// noteShort takes a short read for the last one, where that is known to be true.
func (c *Conn) noteShort(n, most int) {
	if n < most && !c.mustDrain && !c.config.ReadToEAGAIN {
		c.canRead = false
	}
}

// countLast ends the reading of a stopping connection where the kernel has no
// more, or has given as much as may be.
func (c *Conn) countLast(n int, e Errno) {
	if c.read != readStopping {
		return
	}
	if c.in.last -= int32(n); e != 0 || c.in.last <= 0 {
		c.read = readStopped
	}
}

// accept takes new bytes and gives the number of lines that went on.
func (c *Conn) accept(data []byte, maxLines int) (lines int) {
	if c.filter != nil {
		plain, done, err := (*c.filter).Filter(c, data)
		if err != nil {
			c.die(Cause{Kind: CauseAborted})
			return 0
		}
		if data = plain; done {
			c.filter = nil
		}
	}
	if c.in.kept() > 0 {
		rest, ok := c.completeFragment(data)
		if !ok {
			return 0
		}
		lines = c.handKept(maxLines)
		data = rest
	}
	if len(data) == 0 || !c.takesLines() {
		return lines
	}
	if c.in.kept() > 0 {
		c.keep(data)
		return lines
	}
	whole := c.wholeLines(data)
	taken := 0
	if whole > 0 {
		var n int
		taken, n = c.hand(data[:whole], maxLines-lines)
		lines += n
	}
	if c.takesLines() {
		c.keep(data[taken:])
	}
	return lines
}

// wholeLines is how many bytes at the front of data, which begins with a line,
// are whole lines. Behind them comes a fragment, or a line that is too long.
func (c *Conn) wholeLines(data []byte) int {
	whole := bytes.LastIndexByte(data, '\n') + 1
	for at := 0; whole-at > c.config.MaxLine; {
		n := bytes.LastIndexByte(data[at:at+c.config.MaxLine], '\n') + 1
		if n == 0 {
			return at
		}
		at += n
	}
	return whole
}

// completeFragment adds to the kept fragment what belongs to its line, and
// gives what comes behind. ok is false where the line is not complete yet, or
// too long.
func (c *Conn) completeFragment(data []byte) (rest []byte, ok bool) {
	head := bytes.IndexByte(data, '\n') + 1
	if head == 0 {
		c.keep(data)
		return nil, false
	}
	if c.in.kept()+head > c.config.MaxLine {
		c.refuseLongLine(data)
		return nil, false
	}
	in := c.store(data[:head])
	in.lines, in.since = uint32(in.size()), 0
	return data[head:], true
}

// keep stores what could not go on. A fragment that cannot become a line any
// more is refused as soon as it is as long as the longest line.
func (c *Conn) keep(data []byte) {
	if len(data) == 0 {
		return
	}
	before, whole := c.in.kept(), 0
	if before == c.in.whole() {
		whole = c.wholeLines(data)
	}
	fragment := before - c.in.whole() + len(data)
	if whole > 0 {
		fragment = len(data) - whole
	} else if c.in.whole() == 0 && fragment >= c.config.MaxLine {
		c.refuseLongLine(data)
		return
	}
	in := c.store(data)
	if whole > 0 {
		in.lines, in.since = uint32(before+whole), 0
	}
	if fragment > 0 && in.since == 0 {
		in.since = c.loop.now
		c.arm()
	}
}

// refuseLongLine ends the lines. data is what has just been read of the long
// one; the rest of it is kept already.
func (c *Conn) refuseLongLine(data []byte) {
	in := c.store(data)
	if c.read != readEnded {
		c.read = readMuted
	}
	c.handing = true
	c.handler.OnLongLine(c, in.bytes())
	c.handing = false
	c.forgetInput()
}

// handKept hands over kept whole lines and gives their number.
func (c *Conn) handKept(maxLines int) (lines int) {
	if c.in.whole() == 0 || c.paused || maxLines <= 0 || !c.takesLines() {
		return 0
	}
	taken, lines := c.hand(c.in.bytes()[:c.in.lines], maxLines)
	if !c.takesLines() {
		return lines
	}
	c.in.lines -= uint32(taken)
	c.in.consume(&c.loop.pool, taken)
	if c.in.lines == 0 {
		c.beginSilence()
	}
	c.returnInput()
	return lines
}

// hand gives a run of whole lines to the handler. A handler that takes less
// than its budget allows has no room and is left alone until Resume.
func (c *Conn) hand(run []byte, maxLines int) (taken, lines int) {
	if maxLines <= 0 {
		return 0, 0
	}
	c.handing = true
	taken, lines = c.handler.OnLines(c, run, maxLines)
	c.handing = false
	if !c.takesLines() {
		c.forgetInput()
		return taken, lines
	}
	if taken < len(run) && lines < maxLines {
		c.paused = true
	}
	return taken, lines
}

// finishReading tells the handler that no more lines come, and why.
func (c *Conn) finishReading(end readState) {
	c.read = end
	if c.in == nil {
		c.handler.OnEnd(c, nil)
		return
	}
	fragment := c.in.buffer
	c.in.buffer = buffer{}
	c.forgetInput()
	c.handler.OnEnd(c, fragment.bytes())
	fragment.drop(&c.loop.pool)
}
