// client.go owns a client: when it speaks, when it listens, how it leaves. What it
// says is the script's business, what it should hear the judge's.

package sim

import (
	"bytes"
	"syscall"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// farewell is how a client's connection came to its end.
type farewell uint8

const (
	farewellNone  farewell = iota
	farewellDone           // it had all its replies and closed
	farewellEnd            // the other side ended
	farewellReset          // the other side reset the connection
	farewellLeft           // it closed before it had its replies
	farewellAbort          // it reset the connection
)

// Client is one client.
type Client struct {
	doer
	id     int
	addr   poller.Addr
	peer   *fake.Peer
	script *script

	sent  int // bytes of the script that the kernel took
	lines int // whole lines of them
	got   []byte
	heard int // lines of got
	ended bool
	over  bool
	how   farewell
	conn  *Conn // of the server that its lines turned up at

	depth      int
	cut        int // in a thousand pieces, so many are cut
	slow, deaf bool
	receiving  bool
	holdsBack  bool     // it may have left output untaken for long
	leaves     farewell // farewellLeft or farewellAbort: at leaveAt
	leaveAt    int64
	closes     bool // ends its side behind the last line
	quiet      time.Duration
	quietAt    int           // before this line
	quietEnd   int64         // when it is over
	spare      time.Duration // how long before a timeout it speaks; 0: as soon as it can
	urgentAt   int           // behind this byte; -1: never

	notBefore   int64         // it connects
	since       int64         // when it connected
	until       int64         // when it was over
	moved       int64         // when it last sent a byte, or one reached it
	lastSilence time.Duration // the time until now in which neither happened
	silence     time.Duration // the longest time in which neither happened
	caughtUp    int64         // when it last had a reply to every line it had sent
	begun       int64         // when it sent the first byte of a line it has not ended
	linger      time.Duration // the longest time from a line's first byte to its last
	stalls      []moment      // how it stood when a stall began in which it said something
	direct      directNotes
	kept        keptNotes
}

func newClient(w *World, id int, addr poller.Addr) *Client {
	c := &Client{id: id, addr: addr, urgentAt: -1}
	c.world = w
	c.acts(c.act)
	n := 1 + w.Choices.Next(8)
	if w.Choices.Next(4) > 0 {
		n += w.Choices.Next(83)
	}
	c.script = w.write(id, n)
	if w.Rules.Failover {
		c.kept.places = make([]place, len(c.script.lines))
	}
	c.depth = 1 + w.Choices.Next(1<<w.Choices.Next(8))
	if w.Plan.Eager {
		c.depth = len(c.script.lines)
	}
	if w.does(Cut) {
		c.cut = 1000
	}
	c.slow, c.deaf = w.does(SlowReader), w.does(DeafReader)
	if c.holdsBack = c.slow || c.deaf; c.holdsBack && w.Choices.Next(2) == 1 {
		c.depth = len(c.script.lines)
	}
	c.closes = c.script.fragment || w.does(HalfClose)
	switch {
	case w.does(Leave):
		c.leaves = farewellLeft
	case w.does(Abort):
		c.leaves = farewellAbort
	}
	if w.does(Silence) {
		c.quiet, c.quietAt = w.within(3*time.Second), c.script.drawPlace(w)
	}
	if w.Rules.Idle+w.Rules.Line > 0 && w.does(Hesitation) {
		c.spare = time.Millisecond + w.within(spareMax)
	}
	if w.does(UrgentByte) {
		c.urgentAt = w.Choices.Next(len(c.script.stream))
	}
	start := w.within(w.Plan.Calm / 2)
	if c.leaves != farewellNone {
		after := start + w.within(w.Plan.Calm)
		c.leaveAt = w.Kernel.Now() + int64(after)
		w.Kernel.After(after, func() { c.plan(0) })
	}
	c.plan(start)
	return c
}

// calm has a client listen that did not.
func (c *Client) calm() {
	c.slow, c.deaf, c.quiet, c.quietEnd, c.spare = false, false, 0, 0, 0
	if c.peer != nil && !c.over {
		c.peer.SetWindow(64 << 10)
	}
	c.plan(0)
}

func (c *Client) connect() {
	w := c.world
	c.peer = w.Kernel.Dial(c.addr)
	w.say("client %d connects from %v with %d lines, depth %d", c.id, c.peer.Addr(), len(c.script.lines), c.depth)
	if c.slow || c.deaf {
		c.peer.SetWindow(1 << w.Choices.Next(10))
	}
	c.since, c.moved = w.Kernel.Now(), w.Kernel.Now()
	c.peer.OnNews(func() {
		if !c.receiving { // what room lets through had been written before
			c.note(1, 0)
		}
		c.plan(c.world.pause())
	})
}

// act does what there is to do, one thing of each kind.
func (c *Client) act() {
	if c.over {
		return
	}
	w := c.world
	if wait := c.notBefore - w.Kernel.Now(); wait > 0 {
		c.plan(time.Duration(wait))
		return
	}
	if c.peer == nil {
		c.connect()
		if c.peer.Err() == 0 && !c.peer.Connected() {
			return // the backlog is full, and the news will tell
		}
	}
	c.checkPatience()
	if c.leaves != farewellNone && !w.calm && w.Kernel.Now() >= c.leaveAt {
		c.leave()
		return
	}
	more := c.receive()
	if c.over {
		return
	}
	if c.send() || more {
		c.plan(w.pause())
	}
}

// leave goes without its replies.
func (c *Client) leave() {
	c.world.say("client %d leaves", c.id)
	if c.leaves == farewellAbort {
		c.end(farewellAbort)
		c.peer.Reset()
		return
	}
	c.end(farewellLeft)
	c.peer.Close()
}

func (c *Client) end(how farewell) {
	c.note(0, 0)
	c.over, c.how, c.until = true, how, c.world.Kernel.Now()
	c.peer.OnNews(nil)
}

// note keeps the times by which timeouts are judged. bytes have moved, so many of
// them since the client sent them.
func (c *Client) note(bytes, sent int) {
	now := c.world.Kernel.Now()
	c.lastSilence = c.took(c.moved, c.world.Rules.Idle)
	c.silence = max(c.silence, c.lastSilence)
	if bytes > 0 {
		c.noteStall(sent)
		c.moved = now
	}
	if c.begun > 0 {
		c.linger = max(c.linger, c.took(c.begun, c.world.Rules.Line))
	}
}

// spareMax is how long before a timeout a hesitating client speaks at most: not so
// long that a late wait does not reach the timeout.
const spareMax = 24 * time.Millisecond

// took is the time since a moment, for one who has so much of it. Where the thing
// under test stood still and noticed, because the time was long over then,
// nobody is to be blamed for that.
func (c *Client) took(since int64, timeout time.Duration) time.Duration {
	heard := max(since, c.peer.AcceptedAt()) // from when the loop may count
	most := int64(0)                         // before a stall
	for from, until := range c.world.Chaos.Stalls(since) {
		most = max(most, from-since)
		if late := until - heard - int64(timeout); from > heard && late >= int64(stallNoticed+hearing) {
			since = min(since+late+int64(stallNoticed), until)
		}
		heard = until
	}
	return time.Duration(max(most, c.world.Kernel.Now()-since))
}

const (
	// stallNoticed is how late a timer must be for the loop to know that it stood
	// still, and what it grants then on top.
	stallNoticed = 100 * time.Millisecond
	// hearing is how much later than a client the loop may count from: a few late
	// waits.
	hearing = 100 * time.Millisecond
)

// receive takes what has come, and says whether it would take more.
func (c *Client) receive() (more bool) {
	w := c.world
	if c.deaf {
		return false
	}
	var got []byte
	c.receiving = true
	if c.slow {
		got = c.peer.ReceiveSome(1 + w.Choices.Next(max(64, c.peer.Buffered())))
	} else {
		got = c.peer.Receive()
	}
	c.receiving = false
	if len(got) > 0 {
		w.say("client %d receives %.60q (%d bytes)", c.id, got, len(got))
		c.hears(got)
	}
	switch {
	case c.peer.Buffered() > 0:
		return true
	case c.peer.Err() != 0:
		w.say("client %d: error %d", c.id, c.peer.Err())
		c.end(farewellReset)
		c.peer.Close()
	case c.peer.Ended():
		w.say("client %d: the other side has ended", c.id)
		c.end(farewellEnd)
		c.peer.Close()
	case c.lines == len(c.script.lines) && c.sent == len(c.script.stream) && c.heard >= len(c.script.lines) && !c.ended && !c.awaitsEnd():
		w.say("client %d has its replies", c.id)
		if c.closes {
			c.finishSending()
			return false
		}
		c.end(farewellDone)
		c.peer.Close()
	}
	return false
}

// hears takes bytes, and looks at them where they are judged as they come.
func (c *Client) hears(got []byte) {
	c.got = append(c.got, got...)
	behind := c.heard < c.lines
	switch {
	case c.world.Rules.Shared:
		c.hearShared()
	case c.world.Rules.Failover:
		c.hearKept()
	default:
		c.heard += bytes.Count(got, []byte{'\n'})
		c.checkAnswerTimes()
	}
	if behind && c.heard >= c.lines {
		c.caughtUp = c.world.Kernel.Now()
	}
}

func (c *Client) finishSending() {
	if !c.ended {
		c.world.say("client %d ends its side", c.id)
		c.ended = true
		c.note(1, 0)
		c.peer.CloseWrite()
	}
}

// send says one piece of the script, and whether there is more to say now.
func (c *Client) send() (more bool) {
	w, s := c.world, c.script
	if c.ended || c.lines-c.heard >= c.depth || c.peer.Err() != 0 {
		return false
	}
	if c.quiet > 0 && c.sent >= c.quietAt {
		c.quietEnd, c.quiet = w.Kernel.Now()+int64(c.quiet), 0
	}
	if left := max(c.quietEnd, c.lastMoment()) - w.Kernel.Now(); left > 0 {
		c.plan(time.Duration(left))
		return false
	}
	if c.sent < len(s.stream) {
		piece := s.stream[c.sent:c.upTo()]
		n := c.peer.Send(piece)
		w.say("client %d sends %d of %d bytes: %.60q", c.id, n, len(piece), piece[:n])
		c.advance(n)
		if n < len(piece) {
			return false // the news will tell of room
		}
	}
	if c.sent == len(s.stream) {
		if c.closes {
			c.finishSending()
		}
		return false
	}
	return c.lines-c.heard < c.depth
}

// lastMoment is when a hesitating client speaks: shortly before it would be late.
func (c *Client) lastMoment() int64 {
	r := &c.world.Rules
	switch {
	case c.spare == 0:
	case c.begun > 0 && r.Line > 0:
		return c.begun + int64(r.Line-c.spare)
	case r.Idle > 0:
		return c.moved + int64(r.Idle-c.spare)
	}
	return 0
}

// upTo is where the next piece ends: behind what the depth allows, or before.
func (c *Client) upTo() int {
	w, s := c.world, c.script
	end := len(s.stream)
	if last := c.heard + c.depth; last < len(s.lines) {
		end = s.lines[last-1].end
	}
	if c.cut > 0 && !w.calm {
		end = min(end, c.sent+1+w.Choices.Next(1<<w.Choices.Next(16)))
	}
	if c.quiet > 0 {
		end = min(end, c.quietAt)
	}
	if c.urgentAt >= 0 && c.sent <= c.urgentAt {
		end = min(end, c.urgentAt+1)
	}
	return end
}

// advance notes that n bytes more were sent.
func (c *Client) advance(n int) {
	if n == 0 {
		return
	}
	c.note(n, n)
	now := c.world.Kernel.Now()
	begins := c.begun == 0
	if begins {
		c.begun = now
	}
	c.sent += n
	if lines := c.script.whole(c.lines, c.sent); lines > c.lines {
		c.noteSent(lines - c.lines)
		c.lines = lines
		c.begun, n = 0, c.sent-c.script.lines[lines-1].end
		if begins = n > 0; begins {
			c.begun = now
		}
	}
	if begins {
		c.peer.Watch(n) // the line's first byte
	}
	if c.urgentAt >= 0 && c.sent > c.urgentAt {
		c.urgentAt = -1
		c.world.say("client %d sends an urgent byte: %t", c.id, c.peer.SendUrgent('!'))
	}
}

// refused reports whether nobody listened at the client's address.
func (c *Client) refused() bool { return c.peer.Err() == syscall.ECONNREFUSED }
