// sharedhear.go owns what a server model makes of a connection that many clients
// share: whose line is whose, that they are numbered without a gap, and what is
// answered. It does not know what becomes of the answers.

package sim

import (
	"bytes"
	"fmt"
)

// hearSharedLine takes one line of a connection that anybody may use.
func (c *Conn) hearSharedLine(line []byte) {
	w := c.world
	start := c.bytes
	c.bytes += len(line)
	c.requests++
	head, seq, rest := splitSeq(line)
	if seq != uint64(c.requests) {
		w.Fail("Seq", "server %d, connection %d got %.100q as request %d", c.server.id, c.id, line, c.requests)
		return
	}
	if string(head) == "REQ " && string(rest) == "\n" {
		c.hearQuestion(line, seq)
		return
	}
	c.probed = false
	client, i, ok := w.whose(line)
	if !ok || !client.said(line, i) {
		c.invented(line)
		return
	}
	l, p := &client.script.lines[i], &client.kept.places[i]
	switch {
	case i >= client.lines || l.long || l.quit || l.reason != "":
		w.Fail("no invention", "server %d, connection %d got %.100q, which client %d has not sent, or not for a server", c.server.id, c.id, line, client.id)
	case p.conn != nil:
		w.Fail("at most once", "server %d, connection %d got line %d of client %d, which server %d, connection %d has got before", c.server.id, c.id, i,
			client.id, p.conn.server.id, p.conn.id)
	case c.isLeft && start >= c.drained:
		w.Fail("failover", "line %d of client %d went to server %d, connection %d, which had been drained", i, client.id, c.server.id, c.id)
	}
	p.conn, p.reply = c, -1
	c.answerShared(client, i, seq)
	c.lines++
}

// said reports whether a line is the i-th of the client's, its Seq apart.
func (c *Client) said(line []byte, i int) bool {
	head, _, rest := splitSeq(line)
	wantHead, _, wantRest := splitSeq(c.script.text(i))
	return c.script.lines[i].request && bytes.Equal(head, wantHead) && bytes.Equal(rest, wantRest)
}

// answerShared makes the reply to a line of a client's, which tells whose line it
// answers.
func (c *Conn) answerShared(client *Client, i int, seq uint64) {
	w := c.world
	if c.torn {
		return
	}
	tag := fmt.Appendf(nil, "s%d.%d.%s%d", c.server.id, c.id, mark(client.id), i)
	word, bad := "ACK", false
	switch {
	case w.does(NAKZero):
		word, seq, bad = "NAK", 0, true
	case w.does(WrongSeq):
		seq, bad = c.wrongSeq(seq), true
	case w.does(ServerNAK):
		word = "NAK"
	}
	if w.does(LongReply) {
		tag = append(tag, filler[:max(0, min(w.Rules.MaxLine-64, len(filler)))]...)
	}
	if w.does(OverlongReply) {
		tag = append(tag, bytes.Repeat([]byte{'y'}, w.Rules.MaxLine)...)
		c.overlong, bad = true, true
	}
	a := asked{line: i, whose: client, seq: seq, text: fmt.Appendf(nil, "%s %d %s\n", word, seq, tag), stray: bad}
	if !bad && !c.held && w.does(Reorder) {
		c.held, c.heldOne = true, a
		c.plan(w.pause())
		return
	}
	if bad {
		c.faulty = true
		c.spoil(len(c.sent) + len(c.waiting))
	}
	c.put(a)
	c.release()
	if extra := len(c.asked); w.Plan.Rates[ExtraLine]+w.Plan.Rates[Garbage] > 0 || c.tearWith != 0 {
		begins := len(c.sent) + len(c.waiting)
		c.sayMore(i)
		if len(c.asked) > extra {
			c.spoil(begins)
		}
	}
}

// wrongSeq is one that no request under way can have: of one that was answered
// before, of one that comes long after, or the last of all.
func (c *Conn) wrongSeq(seq uint64) uint64 {
	switch c.world.Choices.Next(3) {
	case 1:
		for _, a := range c.asked {
			if !a.stray && a.seq < seq {
				return a.seq
			}
		}
	case 2:
		return 1<<63 - 1
	}
	return seq + 1<<20
}

// spoil notes that nothing counts any more from there on.
func (c *Conn) spoil(at int) {
	if c.spoiled == 0 {
		c.spoiled = max(at, 1)
	}
}
