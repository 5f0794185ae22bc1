// judge.go owns the verdict: what a client got is what its server said and what
// the thing under test had to say itself, in the right order and to the right
// end. It knows what every actor did, and nothing of how the proxy works.

package sim

import (
	"bytes"
	"fmt"
	"strings"
)

// verdict is a client's transcript, read from its front.
type verdict struct {
	client  *Client
	conn    *Conn
	refused []int // lines of the script that the proxy answers itself
	told    int   // of them: how many it has answered
	at      int   // bytes of the server's that were delivered
	replies int   // lines of them
	answers int   // of them: answers to the client's requests
}

func (c *Client) judge() {
	if c.world.Rules.Direct {
		c.judgeDirect()
		return
	}
	if c.world.Rules.Shared {
		c.judgeShared()
		return
	}
	if c.world.Rules.Failover {
		c.judgeKept()
		return
	}
	v := &verdict{client: c, conn: c.conn}
	for i, l := range c.script.lines {
		if l.long || l.reason != "" && c.world.Rules.Strict {
			v.refused = append(v.refused, i)
		}
	}
	rest := c.got
	for len(rest) > 0 {
		n := bytes.IndexByte(rest, '\n') + 1
		if n == 0 {
			break
		}
		if !v.line(rest[:n]) {
			return
		}
		rest = rest[n:]
	}
	v.end(v.rest(rest))
}

// rest looks at half a line at the end, and says whether it is the server's.
func (v *verdict) rest(rest []byte) (torn bool) {
	c := v.client
	switch {
	case len(rest) == 0:
	case v.conn != nil && bytes.HasPrefix(v.conn.sent[v.at:], rest):
		v.at += len(rest)
		return true
	case v.told < len(v.refused) && (c.how != farewellEnd || c.timedOut()) && strings.HasPrefix(refusal(c.script.lines[v.refused[v.told]]), string(rest)):
		// It left while it was told.
	default:
		c.world.Fail("byte equality", "client %d got %.200q at its end, which nobody said", c.id, rest)
	}
	return false
}

// line finds out who said a line.
func (v *verdict) line(line []byte) bool {
	c := v.client
	if v.conn != nil && bytes.HasPrefix(v.conn.sent[v.at:], line) {
		return v.fromServer(line)
	}
	if v.told == len(v.refused) || string(line) != refusal(c.script.lines[v.refused[v.told]]) {
		c.world.Fail("no invention", "client %d got %.200q behind %d lines of its server and %d refusals; nobody said that now", c.id, line, v.replies, v.told)
		return false
	}
	// What the client asked before is answered before. A line that is no request
	// may have an answer later: nobody waits for it here.
	before := 0
	for _, i := range c.script.forwarded {
		if i < v.refused[v.told] && c.script.lines[i].request {
			before++
		}
	}
	if v.answers < before && (v.conn == nil || !v.conn.faulty) {
		c.world.Fail("order", "client %d got %.100q before the replies to what it had asked before: %d of %d", c.id, line, v.answers, before)
		return false
	}
	v.told++
	return true
}

func (v *verdict) fromServer(line []byte) bool {
	c := v.client
	v.at += len(line)
	if v.replies < len(v.conn.asked) {
		i := v.conn.asked[v.replies].line
		if i >= 0 && c.script.lines[i].request {
			v.answers++
		}
		if !v.conn.faulty && i >= 0 && v.told < len(v.refused) && v.refused[v.told] < i {
			c.world.Fail("order", "client %d got %.100q before the refusal of an earlier line", c.id, line)
			return false
		}
	}
	v.replies++
	return true
}

func refusal(l line) string {
	seq := uint64(0)
	if l.request {
		seq = l.seq
	}
	return fmt.Sprintf("NAK %d %s\n", seq, l.reason)
}

// end looks at how the connection ended, and whether all had been said by then.
func (v *verdict) end(torn bool) {
	c, w := v.client, v.client.world
	switch c.how {
	case farewellDone, farewellLeft, farewellAbort:
		return
	case farewellReset:
		if !c.mayBeReset() {
			w.Fail("end", "client %d was reset without a reason", c.id)
		}
		return
	}
	why, whole := v.reason()
	switch {
	case why == "":
		w.Fail("end", "client %d was closed without a reason; it had %d of %d lines", c.id, c.heard, len(c.script.lines))
	case whole && v.at < v.conn.crossed:
		w.Fail("loss", "client %d was closed (%s) with %d of the %d bytes that its server had said", c.id, why, v.at, v.conn.crossed)
	case why == "drain" && !w.Cut && v.conn != nil && !v.conn.faulty && v.conn.how == farewellDone && v.at < len(v.conn.sent):
		w.Fail("drain", "client %d got %d of the %d bytes that its server had said when it was drained", c.id, v.at, len(v.conn.sent))
	case why == "all said" && (v.at < len(v.conn.sent) || v.told < len(v.refused) || v.conn.got < len(c.script.forward)):
		w.Fail("loss", "client %d ended its side and got %d of %d bytes and %d of %d refusals; its server got %d of %d bytes", c.id,
			v.at, len(v.conn.sent), v.told, len(v.refused), v.conn.got, len(c.script.forward))
	case torn && !v.conn.over:
		w.Fail("end", "client %d got half a line, and its server goes on", c.id)
	}
}

// reason tells why a client was closed, and whether everything that its server
// said must have come before.
func (v *verdict) reason() (why string, whole bool) {
	c := v.client
	switch {
	case v.told > 0 && c.script.lines[v.refused[v.told-1]].long:
		return "line too long", false
	case c.timedOut():
		return "timeout", false
	case c.drained():
		return "drain", false
	case v.conn == nil && c.ended && len(c.script.forward) == 0 && v.told == len(v.refused):
		return "nothing was for the server", false
	case v.conn == nil && c.unreachable():
		return "no server", false
	case v.conn == nil:
		return "", false
	case v.conn.overlong:
		return "overlong reply", false
	case v.conn.how == farewellDone && c.ended:
		return "all said", true
	case v.conn.over && v.conn.how != farewellDone && v.conn.how != farewellReset:
		return "server ended", true
	case v.conn.how == farewellReset && c.unreachable():
		return "server lost", false
	}
	return "", false
}

// judge looks at a server's connection: whose lines it got was looked at as they
// came.
func (c *Conn) judge() {
	w := c.world
	if w.Rules.Shared {
		c.judgeShared()
		return
	}
	if w.Rules.Failover {
		c.judgeKept()
		return
	}
	switch {
	case c.client == nil && len(c.early) > 0 && !c.isBeginning():
		w.Fail("byte equality", "server %d, connection %d got %.100q, which nobody sent", c.server.id, c.id, c.early)
	case c.client != nil && c.got > len(c.client.script.forward) && c.client.how != farewellLeft && c.client.how != farewellAbort:
		w.Fail("byte equality", "server %d, connection %d got %d bytes of client %d, which had %d for it", c.server.id, c.id, c.got, c.client.id, len(c.client.script.forward))
	case !c.over:
		w.Fail("resources", "server %d, connection %d was never ended", c.server.id, c.id)
	case c.how == farewellReset && !c.mayBeReset():
		w.Fail("end", "server %d, connection %d was reset", c.server.id, c.id)
	}
}

// isBeginning reports whether some client's speech begins with what came, or a
// check.
func (c *Conn) isBeginning() bool {
	if strings.HasPrefix(probe, string(c.early)) {
		return true
	}
	for _, x := range c.world.Clients {
		if bytes.HasPrefix(x.script.forward, c.early) {
			return true
		}
	}
	return false
}

// Totals is what must have been counted where every client stayed to its end.
type Totals struct {
	Requests, BadData, Invalid, ACKs, NAKs int
}

// Totals counts what was said. exact is false where a client left, or was left,
// before all was said, or a server said what it should not.
func (w *World) Totals() (t Totals, exact bool) {
	for _, c := range w.Clients {
		if !c.saidAll() {
			return t, false
		}
		t.add(c)
	}
	return t, true
}

// add counts what a client has said and got.
func (t *Totals) add(c *Client) {
	for _, l := range c.script.lines {
		switch {
		case !l.request:
			t.Invalid++
		case l.reason != "":
			t.BadData++
			fallthrough
		default:
			t.Requests++
		}
	}
	if c.script.fragment {
		t.Invalid++
	}
	t.ACKs += bytes.Count(c.got, []byte("ACK "))
	t.NAKs += bytes.Count(c.got, []byte("NAK "))
}

// saidAll reports whether all that the client and its server had to say was said
// and taken. One that ended its side before it had its replies is only known to
// have been read to its end where its server has heard all of it.
func (c *Client) saidAll() bool {
	for _, conn := range c.kept.conns {
		if conn.faulty || conn.uncounted {
			return false
		}
	}
	switch {
	case c.conn == nil || c.conn.faulty || c.conn.uncounted:
		return false
	case c.how == farewellDone:
		return true
	}
	return c.how == farewellEnd && c.ended && c.conn.how == farewellDone && !c.timedOut() && !c.drained()
}
