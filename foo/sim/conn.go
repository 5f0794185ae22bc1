// conn.go owns one connection of a server model: it takes lines, answers them in
// order, and does what servers should not do.

package sim

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"fooproxy/poller/fake"
)

// Conn is one connection of a server.
type Conn struct {
	doer
	server *Server
	id     int
	peer   *fake.Peer
	client *Client // whose lines come here; nil before the first is known
	early  []byte  // what came before that

	got     int // bytes, all of them the client's
	lines   int // whole lines of them
	atEnd   bool
	waiting []byte // replies that the kernel has not taken
	sent    []byte // all that it took
	faulty  bool   // it says what was not asked, or in another order
	// uncounted: some requests have no reply of their Seq.
	uncounted bool
	held      bool // a reply lets the next one pass
	heldOne   asked

	over    bool
	how     farewell
	since   int64 // when it was accepted
	until   int64 // when it was over
	saidAt  int64 // when it began to say what has not reached its client yet
	crossed int   // bytes of sent that had arrived at the other end when it was reset

	slow      bool
	endAfter  int // ends after so many lines; 0: never
	tearWith  Mischief
	tearAfter int
	overlong  bool          // it has said a line above the limit
	torn      bool          // half a line is the last it says
	idleAfter time.Duration // ends when nothing was asked for so long; 0: never
	taking    taking
	heardNotes
	askingNotes
}

// taking is what is known of a connection that takes little at a time.
type taking struct {
	little      bool
	since, last int64 // from when to when something has come again and again
}

// takingGap is how long nothing comes at most while more waits: a few late waits.
const takingGap = 100 * time.Millisecond

// noteTaking notes that something has come. Where that takes as long as a request may,
// those behind it are late, and that is the server's doing.
func (c *Conn) noteTaking() {
	t, now, most := &c.taking, c.world.Kernel.Now(), c.world.Rules.RequestTimeout
	if now-t.last > int64(takingGap) {
		t.since = now
	}
	t.last = now
	c.isSlow = c.isSlow || t.little && most > 0 && now-t.since+int64(takingGap) >= int64(most)
}

func newConn(s *Server, id int, peer *fake.Peer) *Conn {
	w := s.world
	c := &Conn{server: s, id: id, peer: peer}
	c.world, c.since = w, w.Kernel.Now()
	c.acts(c.act)
	c.slow = w.does(SlowServer)
	c.isSlow = c.slow
	if w.does(SlowTaker) {
		most := 512
		if w.Plan.Eager {
			most = 64
		}
		peer.SetWindow(1 + w.Choices.Next(most))
		c.taking.little = true
	}
	if w.does(CloseEarly) {
		c.endAfter = 1 + w.Choices.Next(20)
	}
	switch {
	case w.does(TornReset):
		c.tearWith, c.tearAfter = TornReset, 1+w.Choices.Next(20)
	case w.does(TornEnd):
		c.tearWith, c.tearAfter = TornEnd, 1+w.Choices.Next(20)
	}
	if w.does(CloseIdle) {
		c.idleAfter = time.Millisecond << w.Choices.Next(6)
		c.awaitIdleness()
	}
	peer.OnNews(func() { c.plan(w.pause()) })
	return c
}

func (c *Conn) calm() {
	c.slow, c.mute = false, false
	if !c.over {
		c.peer.SetWindow(64 << 10)
	}
	c.plan(0)
}

func (c *Conn) say(format string, args ...any) {
	if c.world.trace != nil {
		c.world.say("server %d, connection %d: %s", c.server.id, c.id, fmt.Sprintf(format, args...))
	}
}

// act takes what has come, answers it, and says a piece of the answers.
func (c *Conn) act() {
	if c.over || c.server.stopped {
		return
	}
	c.take()
	if c.over {
		return
	}
	more := c.speak()
	switch {
	case c.over:
	case c.endAfter > 0 && c.lines >= c.endAfter && len(c.waiting) == 0:
		c.say("it ends early")
		c.end(farewellLeft)
		c.peer.Close()
	case c.quit && len(c.waiting) == 0:
		c.say("it was asked for the end")
		c.end(farewellLeft)
		c.peer.Close()
	case c.atEnd && len(c.waiting) == 0 && !c.held:
		c.say("it has answered everything and ends")
		c.end(farewellDone)
		c.peer.Close()
	case more:
		c.plan(c.world.pause())
	}
}

func (c *Conn) end(how farewell) {
	c.over, c.how, c.until = true, how, c.world.Kernel.Now()
	c.crossed = len(c.sent) - c.peer.Unsent()
	c.peer.OnNews(nil)
}

// reset aborts the connection. What its kernel has got by then counts as heard.
func (c *Conn) reset() {
	if c.over {
		return
	}
	if c.torn = true; c.world.Rules.Failover {
		c.hear(c.peer.Receive())
	}
	if c.over {
		return
	}
	c.say("it resets")
	c.end(farewellAbort)
	c.peer.Reset()
}

// take receives, and answers each line that is complete.
func (c *Conn) take() {
	got := c.peer.Receive()
	if len(got) > 0 {
		c.noteTaking()
		c.say("receives %.60q (%d bytes)", got, len(got))
		if c.world.Rules.Failover {
			c.hear(got)
		} else {
			c.identify(got)
		}
	} else {
		c.release()
	}
	switch {
	case c.peer.Err() != 0:
		c.say("error %d", c.peer.Err())
		c.end(farewellReset)
		c.peer.Close()
	case c.peer.Ended() && !c.atEnd:
		c.say("the other side has ended")
		c.atEnd = true
		c.release()
	}
}

// identify finds the client whose lines come here by its mark, and compares what
// came with what it said.
func (c *Conn) identify(got []byte) {
	if c.client == nil {
		c.early = append(c.early, got...)
		if string(c.early) == probe {
			c.answerProbe()
			return
		}
		at := bytes.IndexByte(c.early, '~')
		if at < 0 || len(c.early) < at+3 {
			return
		}
		n, err := strconv.Atoi(string(c.early[at+1 : at+3]))
		if err != nil || n >= len(c.world.Clients) {
			c.world.Fail("byte equality", "server %d, connection %d got %q, which nobody sent", c.server.id, c.id, c.early)
			return
		}
		c.client = c.world.Clients[n]
		if c.client.conn != nil {
			c.world.Fail("at most once", "the lines of client %d went to two connections", n)
		}
		c.client.conn = c
		got, c.early = c.early, nil
	}
	s := c.client.script
	// Half a line comes where the client left in the middle of one.
	stream := s.stream
	if c.world.Rules.Strict {
		stream = s.forward
	}
	if want := stream[c.got:min(c.got+len(got), len(stream))]; !bytes.Equal(got, want) {
		c.world.Fail("byte equality", "server %d, connection %d got %.200q at %d of client %d, not %.200q", c.server.id, c.id, got, c.got, c.client.id, want)
		c.end(farewellLeft)
		return
	}
	c.got += len(got)
	for c.lines < len(s.ends) && s.ends[c.lines] <= c.got {
		i := s.forwarded[c.lines]
		c.answer(i, s.lines[i].seq)
		c.lines++
	}
}

// answer makes the reply to a line of the client's script that came with that Seq.
func (c *Conn) answer(i int, seq uint64) {
	w, l := c.world, &c.client.script.lines[i]
	if c.torn {
		return
	}
	tag := fmt.Appendf(nil, "s%d.%d.%d", c.server.id, c.id, i)
	word, stray := "ACK", false
	switch {
	case l.quit:
		c.release() // it is the last that is answered
		c.quit = true
	case !l.request:
		word, seq = "NAK", 0
	case w.does(NAKZero):
		word, seq, c.uncounted, stray = "NAK", 0, true, true
	case l.reason != "" || w.does(ServerNAK):
		word = "NAK"
	}
	if !l.quit && (l.request || !w.Rules.Failover) && w.does(WrongSeq) {
		seq += 1 << 20
		c.faulty, c.disorders, stray = true, true, true
	}
	if w.does(LongReply) {
		tag = append(tag, filler[:max(0, min(w.Rules.MaxLine-48, len(filler)))]...)
	}
	if w.does(OverlongReply) {
		tag = append(tag, bytes.Repeat([]byte{'y'}, w.Rules.MaxLine)...)
		c.faulty, c.overlong = true, true
	}
	reply := fmt.Appendf(nil, "%s %d %s\n", word, seq, tag)
	a := asked{line: i, seq: seq, text: reply, stray: stray}
	if !c.held && !l.quit && w.does(Reorder) {
		c.held, c.heldOne, c.faulty, c.disorders = true, a, true, true
		c.plan(w.pause())
		return
	}
	c.put(a)
	c.release()
	c.sayMore(i)
}

// sayMore adds what nobody asked for.
func (c *Conn) sayMore(i int) {
	w := c.world
	if w.does(ExtraLine) {
		c.faulty = true
		seq := uint64(1 + w.Choices.Next(40))
		if w.Rules.Failover {
			seq += 1 << 20 // of no request, so that it is known whose it is
		}
		c.put(asked{line: -1, text: fmt.Appendf(nil, "ACK %d extra s%d.%d\n", seq, c.server.id, c.id), stray: true})
	}
	if w.does(Garbage) {
		c.faulty = true
		texts := [...]string{"\n", "hello\n", "REQ 1 me?\n", "ACK\n", "ACK 1x\n", "ack 1\n", "NAK -1\r\n", "\x00\n"}
		c.put(asked{line: -1, text: []byte(texts[w.Choices.Next(len(texts))]), stray: true})
	}
	if c.tearWith != 0 && c.lines+1 >= c.tearAfter {
		c.waiting = append(c.waiting, fmt.Appendf(nil, "ACK %d torn", i+1)...)
		c.faulty, c.torn = true, true
	}
}

// release lets the reply go that another one has passed.
func (c *Conn) release() {
	if c.held {
		c.held = false
		c.put(c.heldOne)
	}
}

func (c *Conn) put(a asked) {
	c.waiting = append(c.waiting, a.text...)
	if a.whose != nil && !a.stray {
		a.whose.kept.places[a.line].reply = len(c.asked)
	}
	a.place = len(c.sent) + len(c.waiting)
	c.asked = append(c.asked, a)
}

// noteArrivals notes which of its replies the proxy's kernel has by now.
func (c *Conn) noteArrivals() {
	crossed := len(c.sent) - c.peer.Unsent()
	for c.arrivals < len(c.asked) && c.asked[c.arrivals].place <= crossed {
		c.asked[c.arrivals].arrived = c.world.Kernel.Now()
		c.arrivals++
	}
}

// speak sends a piece of what waits, and says whether there is more to do.
func (c *Conn) speak() (more bool) {
	w := c.world
	if c.mute {
		return false
	}
	if c.slow && len(c.waiting) > 0 && w.Choices.Next(2) == 1 {
		c.plan(time.Duration(1+w.Choices.Next(40)) * time.Millisecond)
		return false
	}
	if len(c.waiting) > 0 {
		piece := c.waiting
		if w.does(CutReply) {
			piece = piece[:1+w.Choices.Next(len(piece))]
		}
		n := c.peer.Send(piece)
		c.say("sends %d of %d bytes: %.60q", n, len(piece), piece[:n])
		if n > 0 && c.client != nil && c.saidAt <= c.client.moved {
			c.saidAt = w.Kernel.Now()
		}
		c.sent = append(c.sent, piece[:n]...)
		c.waiting = c.waiting[n:]
		c.noteArrivals()
		if n < len(piece) {
			return false // the news will tell of room
		}
	}
	if c.tearWith != 0 && c.lines >= c.tearAfter && len(c.waiting) == 0 {
		c.tear()
	}
	return len(c.waiting) > 0
}

// tear ends the connection in the middle of a line.
func (c *Conn) tear() {
	if c.tearWith == TornReset {
		c.reset()
		return
	}
	c.say("it ends in mid-line")
	c.end(farewellLeft)
	c.peer.Close()
}
