// kept.go owns the verdict on what a client hears whose connection outlives its
// server's: each line is judged when it comes, since what explains it must have
// happened by then. How it ends is another file's business.

package sim

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// answer says who answered a line.
type answer uint8

const (
	unanswered answer = iota
	byServer
	byProxy
)

// place is what became of one line of a client.
type place struct {
	conn   *Conn // of the server that got it
	reply  int   // the reply's place among what was said there, where a connection is shared
	answer answer
	nak    string // why, where the proxy answered it
}

// keptNotes is what a client keeps for this verdict.
type keptNotes struct {
	conns     []*Conn
	at        int     // whose replies come now
	places    []place // of the lines
	next      int     // no line before it is unanswered
	read      int     // bytes of what it got that were judged
	lastHeard int64
	isLate    bool // a request's time was over: what it was sent with may still wait for its server
	isRelayed bool // a line without a reply of its own has reached a server
}

// The reasons for which a proxy says NAK that are not about the line.
const (
	nakLost     = "upstream lost"
	nakNoServer = "no server"
	nakTimeout  = "timeout"
)

func isReason(s string) bool { return s == nakLost || s == nakNoServer || s == nakTimeout }

// hearKept judges the lines that came whole, and keeps count of those of its own
// that were answered.
func (c *Client) hearKept() {
	for c.world.violation == nil {
		line := c.nextHeard()
		if line == nil {
			return
		}
		if !c.fromServer(line) && !c.fromProxy(line) {
			c.world.Fail("no invention", "client %d got %.200q, which nobody said, or not now", c.id, line)
		}
	}
}

// nextHeard takes the next line that came whole; nil where there is none.
func (c *Client) nextHeard() []byte {
	n := bytes.IndexByte(c.got[c.kept.read:], '\n') + 1
	if n == 0 {
		return nil
	}
	c.kept.read += n
	return c.got[c.kept.read-n : c.kept.read]
}

// fromServer looks for who said a line: the server whose replies come now, or one
// that came later.
func (c *Client) fromServer(line []byte) bool {
	k := &c.kept
	for at := k.at; at < len(k.conns); at++ {
		conn := k.conns[at]
		for i := conn.told; i < len(conn.asked); i++ {
			if c.sounds(line, &conn.asked[i]) {
				c.passOver(conn, i)
				k.at, conn.told = at, i+1
				if a := &conn.asked[i]; !a.stray {
					c.settle(a.line, byServer, line)
				}
				return true
			}
		}
	}
	return false
}

// sounds reports whether a line is what was said, with the client's own Seq.
func (c *Client) sounds(line []byte, a *asked) bool {
	if a.stray || c.script.lines[a.line].seq == a.seq {
		return bytes.Equal(line, a.text)
	}
	head, seq, rest := splitSeq(line)
	wantHead, _, wantRest := splitSeq(a.text)
	return seq == c.script.lines[a.line].seq && bytes.Equal(rest, wantRest) && bytes.Equal(head, wantHead)
}

// passOver looks at what a server said before and the client has not got: its
// requests were answered by the proxy, or nobody had asked.
func (c *Client) passOver(conn *Conn, to int) {
	for i := conn.told; i < to; i++ {
		a := &conn.asked[i]
		late := a.line >= 0 && c.kept.places[a.line].answer == byProxy
		if !late && !(a.stray && conn.mayCount()) {
			c.world.Fail("loss", "client %d did not get %.100q before the next reply of server %d", c.id, a.text, conn.server.id)
		}
	}
}

// mayCount reports whether the proxy may number the requests itself on this
// connection, so that a reply to none of them has no place.
func (c *Conn) mayCount() bool { return c.counted && (!c.original || !c.isFirst()) }

// fromProxy looks for the line that a NAK of the proxy answers.
func (c *Client) fromProxy(line []byte) bool {
	head, seq, rest := splitSeq(line)
	if string(head) != "NAK " || len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	reason := string(rest[1 : len(rest)-1])
	for i := c.kept.next; i < c.lines || i < len(c.script.lines) && c.script.lines[i].long; i++ {
		l := &c.script.lines[i]
		switch {
		case c.kept.places[i].answer != unanswered:
			continue
		case (c.world.Rules.Strict || l.long) && l.reason != "":
			if string(line) == refusal(*l) {
				c.settle(i, byProxy, line)
				return true
			}
		case l.request && l.seq == seq && isReason(reason):
			if !c.explains(i, reason) {
				c.world.Fail("no reason", "client %d got %.100q as the answer to line %d, and there was no reason for it", c.id, line, i)
			}
			c.kept.places[i].nak = reason
			c.kept.isLate = c.kept.isLate || reason == nakTimeout
			c.settle(i, byProxy, line)
			return true
		}
		if (l.request || c.world.Rules.Strict) && !c.disordered() {
			return false
		}
	}
	return false
}

// owed is the first request before line i that has no answer; -1 where there is
// none. Nobody but its server waits for the answer to another line, unless the
// proxy answers those itself.
func (c *Client) owed(i int) int {
	for j := c.kept.next; j < i; j++ {
		if (c.script.lines[j].request || c.world.Rules.Strict) && c.kept.places[j].answer == unanswered {
			return j
		}
	}
	return -1
}

// settle notes the one reply to a line.
func (c *Client) settle(i int, by answer, line []byte) {
	k := &c.kept
	p := &k.places[i]
	switch {
	case p.answer == byProxy:
		c.world.Fail("exactly once", "client %d got %.100q behind the NAK of its line %d (%s)", c.id, line, i, p.nak)
	case p.answer == byServer:
		c.world.Fail("exactly once", "client %d got %.100q, a second answer to its line %d", c.id, line, i)
	case c.owed(i) >= 0 && !c.disordered():
		c.world.Fail("order", "client %d got %.100q, and line %d is not answered yet", c.id, line, c.owed(i))
	}
	c.checkBound(i, line)
	p.answer = by
	c.heard++
	k.lastHeard = c.world.Kernel.Now()
	for k.next < len(k.places) && k.places[k.next].answer != unanswered {
		k.next++
	}
}

// disordered reports whether a server did not answer in order, or not all.
func (c *Client) disordered() bool {
	for _, conn := range c.kept.conns {
		if conn.disorders || conn.uncounted {
			return true
		}
	}
	return false
}

// isNAKed reports whether the proxy has answered a line before i for want of a
// server.
func (k *keptNotes) isNAKed(i int) bool {
	for _, p := range k.places[:i] {
		if p.nak != "" {
			return true
		}
	}
	return false
}

// boundSlack is how late a reply may be behind the timeout: a few late waits, and
// the pauses of a client.
const boundSlack = patience + 60*time.Millisecond

// boundBytes is the longest reply that comes in one go, or nearly.
const boundBytes = 256

// checkBound fails a reply that came long behind the request's timeout. It counts
// from the reply before, since the request may have waited for its turn until then.
func (c *Client) checkBound(i int, line []byte) {
	w, k := c.world, &c.kept
	most := w.Rules.RequestTimeout
	if most == 0 || w.Rules.Crowded || i >= len(c.direct.sentAt) || !c.script.lines[i].request {
		return
	}
	from := max(c.direct.sentAt[i], k.lastHeard, c.peer.AcceptedAt())
	now := w.Kernel.Now()
	took := time.Duration(now - from)
	// Where output finds no room, or no connection, what is behind it is not read.
	// The beginning of a reply is waited for until its end.
	slow := w.Rules.Little && w.Chaos.Connecting(c.since, from, now) >= most
	excused := len(line) > boundBytes || c.holdsBack || c.hasWaited() || slow || w.stoodStill(from, now) || w.isShort(from, now) || w.misled(c.since, now)
	if took > most+boundSlack && !excused {
		w.Fail("bounded time", "client %d got %.100q %v after line %d; the timeout is %v", c.id, line, took, i, most)
	}
}

// hasWaited reports whether output of the proxy for the client or its servers found
// no room: what is behind it is not read.
func (c *Client) hasWaited() bool {
	now := c.world.Kernel.Now()
	for _, conn := range c.carriers() {
		if conn.peer.Waited(now) > 0 {
			return true
		}
	}
	return c.peer.Waited(now) > 0
}

// describe is what became of the lines, for a violation.
func (k *keptNotes) describe() string {
	var b strings.Builder
	for i, p := range k.places {
		if p.answer == unanswered {
			fmt.Fprintf(&b, " %d", i)
		}
	}
	return "unanswered:" + b.String()
}
