// client.go owns a connection's conversation: which lines are taken, where their
// replies go, when the client is read and how it ends. It makes no system call,
// and leaves what a reply says to reply.go.
//
//	                                 ┌── no delay ──────────────────┐
//	lines ─► answer ─┬───────────────┤                              ├─► conn's output
//	  ▲              │               └── delay line ── its time ────┘        │
//	  │              └─► pending ────────────┘                               │
//	  │                  behind what the store has not answered              │
//	  └── read only while the replies below HighMark fit ◄───────────────────┘
//
// What waits is counted over all three, pending, the delay line and the connection's
// output.

package server

import (
	"bytes"

	"go.uber.org/zap"

	"fooproxy/foo"
	"fooproxy/poller"
	"fooproxy/stats"
)

// A client's conversation:
//
//	from \ event   last line (QUIT, too long, end)       last reply has been passed to conn
//	answering      closing; finishing if replies wait    -
//	finishing      -                                     closing
//	closing        -                                     -
type clientState uint8

const (
	clientAnswering clientState = iota
	clientFinishing             // no more lines are wanted; replies wait for their time
	clientClosing               // the connection has been told to close
)

// client is one connection of the server. It belongs to the loop.
type client struct {
	server  *Server
	conn    *poller.Conn
	peer    poller.Peer
	delayed *delayLine   // nil while nothing waits for its time
	timer   poller.Timer // armed while delayed is not nil
	pending *pending     // nil while the store was not asked
	place   int          // in the server's clients
	wants   int          // how many bytes of room the client waits for

	older, newer *client // in the order of their coming
	state        clientState
	awaitsStore  bool // stands in the server's awaiting
	spared       bool // the NAK rate has not picked the line that has to wait
	hasTurn      bool // may ask the store before those who stand there
}

// OnOpen implements poller.Handler; accepted connections never get it.
func (c *client) OnOpen(*poller.Conn) {}

// ReadRoom implements poller.Handler.
func (c *client) ReadRoom(conn *poller.Conn) int {
	if c.waiting() == 0 && !c.full() {
		return conn.RoomOrWake(conn.Kept())
	}
	if room := conn.Room() - c.waiting() - conn.Kept(); room >= readRoomMin && !c.full() {
		return room
	}
	c.awaitRoom(conn.Kept() + readRoomMin)
	return 0
}

// OnLines implements poller.Handler.
func (c *client) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	s := c.server
	s.beginReplies()
	became, needs := lineTaken, 0
	for lines < maxLines && taken < len(run) && became == lineTaken {
		line := run[taken : taken+bytes.IndexByte(run[taken:], '\n')]
		if needs = len(line) + replyBytesMax; !c.fits(needs) {
			break
		}
		if became = s.answer(c, line); became == lineLater {
			break
		}
		taken += len(line) + 1
		lines++
	}
	s.recorder.Add(stats.BytesIn, int64(taken))
	c.sendReplies()
	switch {
	case became == lineLast:
		c.finish()
	case became == lineLater:
		c.wants = needs // the store's next answer has it tried again
	case taken < len(run) && lines < maxLines:
		c.awaitRoom(needs)
	}
	return taken, lines
}

// OnLongLine implements poller.Handler.
func (c *client) OnLongLine(_ *poller.Conn, head []byte) {
	s := c.server
	s.recorder.Add(stats.BytesIn, int64(len(head)))
	s.beginReplies()
	s.refuseLine(foo.ErrLineTooLong)
	c.sendReplies()
	c.finish()
}

// OnEnd implements poller.Handler. A fragment is dropped; it is the client's
// fault where the client has ended, and otherwise the drain's.
func (c *client) OnEnd(conn *poller.Conn, fragment []byte) {
	c.server.recorder.Add(stats.BytesIn, int64(len(fragment)))
	if len(fragment) > 0 && conn.Ended() {
		c.server.recorder.Add(stats.LinesInvalid, 1)
	}
	c.finish()
}

// OnRoom implements poller.Handler.
func (c *client) OnRoom(conn *poller.Conn) { conn.Resume() }

// OnClose implements poller.Handler. Replies that wait will never leave.
func (c *client) OnClose(_ *poller.Conn, why poller.Cause) {
	s := c.server
	s.leaveStore(c)
	if c.delayed != nil {
		s.recorder.Add(stats.Abandoned, c.delayed.requests())
		c.dropDelayed()
	}
	if entry := s.log.Check(zap.DebugLevel, "connection closed"); entry != nil {
		entry.Write(zap.Stringer("address", c.peer), zap.Stringer("why", why))
	}
	s.forget(c)
}

// fits reports whether a reply of n bytes may join those that wait and those in
// the making. Where nothing waits any reply fits, so that no line is too long
// for ever.
func (c *client) fits(n int) bool {
	waiting := len(c.server.replies) + c.waiting()
	if waiting == 0 {
		return !c.full() && c.conn.Fits(n)
	}
	return !c.full() && waiting+n <= c.conn.Room()
}

// waiting is how many bytes of replies wait beside the connection's output.
func (c *client) waiting() int { return c.delayed.size() + c.pending.size() }

// full reports that so many replies wait that none may join them, however short.
func (c *client) full() bool { return c.delayed.full() || c.pending.full() }

// awaitRoom sees to it that the client is read again when n bytes of replies
// fit. Output that leaves tells of itself; where that alone cannot help, the
// next replies that leave the delay line ask again, or the store's next answer.
func (c *client) awaitRoom(n int) {
	c.wants = n
	waiting := c.waiting()
	if c.full() || waiting > 0 && waiting+n > c.server.config.Conn.HighMark {
		return
	}
	c.conn.WantRoom(waiting + n)
}

// sendReplies sends the batch that was made, behind all that was asked for before.
func (c *client) sendReplies() {
	s := c.server
	if len(s.replies) == 0 {
		return
	}
	s.made.bytes = int32(len(s.replies))
	if c.pending.waits() {
		c.pending.hold(s.replies, s.made)
		return
	}
	c.pass(s.replies, &s.made)
}

// pass sends replies whose turn it is, now or when their time has come.
func (c *client) pass(replies []byte, b *batch) {
	s := c.server
	if s.config.Delay == 0 {
		c.send(replies, b)
		return
	}
	if c.delayed == nil {
		c.delayed = s.borrowLine()
		s.loop.Arm(&c.timer, c, b.arrived+int64(s.config.Delay))
	}
	c.delayed.push(replies, *b)
}

// send gives replies to the connection.
func (c *client) send(replies []byte, b *batch) {
	s := c.server
	s.count(b)
	c.conn.Append(replies)
	if s.log.Core().Enabled(zap.DebugLevel) {
		c.logReplies(replies)
	}
}

// logReplies is apart from send because it allocates.
func (c *client) logReplies(replies []byte) {
	for line := range bytes.Lines(replies) {
		c.server.log.Debug("reply", zap.Stringer("address", c.peer),
			zap.String("line", foo.Quote(bytes.TrimSuffix(line, []byte{'\n'}))))
	}
}

// Expire implements poller.Expirer: the time of waiting replies has come.
func (c *client) Expire(now int64) {
	s, delay := c.server, int64(c.server.config.Delay)
	for {
		b, replies, ok := c.delayed.pop(now - delay)
		if !ok {
			break
		}
		c.send(replies, &b)
	}
	if c.delayed.waits() > 0 {
		s.loop.Arm(&c.timer, c, c.delayed.oldest()+delay)
	} else {
		c.dropDelayed()
	}
	c.goOn()
}

// goOn is called when replies that waited have left: the client has heard all, or
// has room for more.
func (c *client) goOn() {
	switch {
	case c.state == clientFinishing && !c.awaitsReplies():
		c.close()
	case c.conn.Paused():
		c.awaitRoom(c.wants)
	}
}

// awaitsReplies reports whether there are replies to come that the connection does
// not have.
func (c *client) awaitsReplies() bool { return c.delayed != nil || c.pending.waits() }

// Owes implements poller.Owing: a client is not idle while the store or the delay has
// its replies.
func (c *client) Owes() bool { return c.awaitsReplies() }

func (c *client) dropDelayed() {
	c.server.loop.Disarm(&c.timer)
	c.server.returnLine(c.delayed)
	c.delayed = nil
}

// finish takes no more lines and closes the connection behind its last reply.
func (c *client) finish() {
	if c.state != clientAnswering {
		panic("server: a conversation has ended twice")
	}
	if !c.awaitsReplies() {
		c.close()
		return
	}
	c.state = clientFinishing
	c.conn.Mute()
}

func (c *client) close() {
	c.state = clientClosing
	c.conn.Close()
}
