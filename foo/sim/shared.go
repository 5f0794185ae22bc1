// shared.go owns the verdict on what a client hears whose requests go over
// connections that all share: each line is judged when it comes. A reply tells which
// line of which client it answers, so nobody else's can pass for one of its own. How
// it ends is another file's business.

package sim

import (
	"bytes"
	"fmt"
	"time"
)

// hearShared judges the lines that came whole.
func (c *Client) hearShared() {
	for c.world.violation == nil {
		line := c.nextHeard()
		if line == nil {
			return
		}
		if owner, i, ok := c.world.whose(line); ok {
			c.hearReply(line, owner, i)
		} else {
			c.hearRefusal(line)
		}
	}
}

// hearReply judges what a server has said about the i-th line of a client.
func (c *Client) hearReply(line []byte, owner *Client, i int) {
	w := c.world
	if owner != c {
		w.Fail("byte equality", "client %d got %.100q, which answers line %d of client %d", c.id, line, i, owner.id)
		return
	}
	p := &c.kept.places[i]
	if p.conn == nil || p.reply < 0 {
		w.Fail("no invention", "client %d got %.100q, and no server has said so", c.id, line)
		return
	}
	a := &p.conn.asked[p.reply]
	head, seq, rest := splitSeq(line)
	wantHead, _, wantRest := splitSeq(a.text)
	if seq != c.script.lines[i].seq || !bytes.Equal(head, wantHead) || !bytes.Equal(rest, wantRest) {
		w.Fail("byte equality", "client %d got %.100q as the answer to line %d with Seq %d; the server said %.100q", c.id, line, i, c.script.lines[i].seq, a.text)
	}
	c.settleShared(i, byServer, line)
}

// hearRefusal judges what no server has said: it answers the oldest line that has no
// answer, since it takes that one's place among the replies.
func (c *Client) hearRefusal(line []byte) {
	w, i := c.world, c.kept.next
	if i == len(c.script.lines) || i >= c.lines && !c.script.lines[i].long {
		w.Fail("no invention", "client %d got %.200q, and nothing is unanswered", c.id, line)
		return
	}
	l := &c.script.lines[i]
	if want := c.ownAnswer(l); want != "" {
		if string(line) != want {
			w.Fail("no invention", "client %d got %.200q where line %d is to be answered %q", c.id, line, i, want)
		}
		c.settleShared(i, byProxy, line)
		return
	}
	head, seq, rest := splitSeq(line)
	if string(head) != "NAK " || seq != l.seq || len(rest) < 2 || !isReason(string(rest[1:len(rest)-1])) {
		w.Fail("no invention", "client %d got %.200q, which nobody said, or not now: line %d is not answered", c.id, line, i)
		return
	}
	reason := string(rest[1 : len(rest)-1])
	if !c.explainsShared(i, reason) {
		w.Fail("no reason", "client %d got %.100q as the answer to line %d, and there was no reason for it", c.id, line, i)
	}
	c.kept.places[i].nak = reason
	c.kept.isLate = c.kept.isLate || reason == nakTimeout
	c.settleShared(i, byProxy, line)
}

// ownAnswer is what the proxy says to a line that no server is to see; empty where one
// is.
func (c *Client) ownAnswer(l *line) string {
	switch {
	case l.quit:
		return fmt.Sprintf("ACK %d\n", l.seq)
	case l.reason != "":
		return refusal(*l)
	}
	return ""
}

// settleShared notes the one reply to a line.
func (c *Client) settleShared(i int, by answer, line []byte) {
	w, k := c.world, &c.kept
	p := &k.places[i]
	switch {
	case p.answer == byProxy:
		w.Fail("exactly once", "client %d got %.100q behind the NAK of its line %d (%s)", c.id, line, i, p.nak)
	case p.answer == byServer:
		w.Fail("exactly once", "client %d got %.100q, a second answer to its line %d", c.id, line, i)
	case w.Rules.Ordered && i != k.next:
		w.Fail("order", "client %d got %.100q, and line %d is not answered yet", c.id, line, k.next)
	}
	c.checkBound(i, line)
	p.answer = by
	c.heard++
	k.lastHeard = w.Kernel.Now()
	for k.next < len(k.places) && k.places[k.next].answer != unanswered {
		k.next++
	}
}

// explainsShared reports whether a reason holds for a line now. Which requests were
// lost with a connection is judged at the end.
func (c *Client) explainsShared(i int, reason string) bool {
	w, now, sent := c.world, c.world.Kernel.Now(), c.direct.sentAt[i]
	switch reason {
	case nakLost:
		if conn := c.kept.places[i].conn; conn != nil {
			return conn.isLost()
		}
		return w.hasLostShared()
	case nakNoServer:
		if waited := time.Duration(now - sent); waited < w.Rules.NoServerWait {
			w.Fail("no server", "client %d was told so of line %d after %v, and it may wait %v", c.id, i, waited, w.Rules.NoServerWait)
		}
		return w.noServer(sent, now) || w.isShort(sent-int64(w.Rules.Memory), now)
	case nakTimeout:
		return c.isLateShared(i, sent, now)
	}
	return false
}

// hasLostShared reports whether any connection was lost, or may have been before its
// server has accepted it.
func (w *World) hasLostShared() bool {
	for _, s := range w.Servers {
		if w.Rules.LinkWrite > 0 && len(s.stops) > 0 || s.mayHaveBeenAsked() {
			return true
		}
		for _, conn := range s.conns {
			if conn.isLost() {
				return true
			}
		}
	}
	return false
}

// isLateShared reports whether a request's time is over, and its reply had not come in
// time. Where the loop has stood still, a link that is read line by line may not have
// been read to its end.
func (c *Client) isLateShared(i int, sent, now int64) bool {
	w, most := c.world, int64(c.world.Rules.RequestTimeout)
	if most == 0 || now < sent+most {
		return false
	}
	const intime = int64(50 * time.Millisecond)
	p := &c.kept.places[i]
	if p.conn == nil || p.reply < 0 || w.isToldLate(sent, now) || w.Narrow || w.stoodStill(sent, now) {
		return true
	}
	a := &p.conn.asked[p.reply]
	if spoiled := p.conn.spoiled; a.arrived > 0 && a.arrived+intime < sent+most && (spoiled == 0 || a.place <= spoiled) {
		w.Fail("timeout", "client %d was told of a timeout of line %d, whose reply had come %v before", c.id, i, time.Duration(now-a.arrived))
	}
	return true
}

// carriers are the connections that the client's requests may be on.
func (c *Client) carriers() (all []*Conn) {
	if !c.world.Rules.Shared {
		return c.kept.conns
	}
	for _, s := range c.world.Servers {
		all = append(all, s.conns...)
	}
	return all
}
