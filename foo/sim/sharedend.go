// sharedend.go owns the verdict on the whole of a run in which clients share the
// connections to the servers: what left on each of them, that nothing left twice, that
// what was lost is what had left on one that was lost, and that everybody was closed
// for a reason.

package sim

import (
	"bytes"
	"strconv"
	"time"
)

// judgeShared looks at the whole of a client, after the run.
func (c *Client) judgeShared() {
	w, k := c.world, &c.kept
	reason := ""
	if c.how == farewellEnd {
		reason = c.sharedReason()
	}
	switch rest := c.got[k.read:]; {
	case len(rest) > 0 && c.how == farewellEnd && !c.timedOut() && !c.cutByDrain() && !w.Cut:
		w.Fail("torn", "client %d got %.100q at its end", c.id, rest)
	case c.how == farewellReset && !c.mayBeReset():
		w.Fail("end", "client %d was reset without a reason", c.id)
	case c.how != farewellEnd:
	case reason == "":
		w.Fail("end", "client %d was closed without a reason; %s", c.id, k.describe())
	case reason == "all said" && k.next < len(k.places):
		w.Fail("loss", "client %d ended its side and was closed; %s", c.id, k.describe())
	case (reason == "end word" || reason == "line too long") && k.next < len(k.places):
		w.Fail("loss", "client %d was closed (%s); %s", c.id, reason, k.describe())
	}
}

// sharedReason tells why a client was closed. What becomes of a server is no reason.
func (c *Client) sharedReason() string {
	last := len(c.script.lines) - 1
	l, answered := &c.script.lines[last], c.kept.places[last].answer == byProxy
	switch {
	case l.long && answered:
		return "line too long"
	case l.quit && answered:
		return "end word"
	case c.timedOut():
		return "timeout"
	case c.drained():
		return "drain"
	case c.world.unfair(c.since, c.endedAt()):
		return "no descriptor"
	case c.ended:
		return "all said"
	}
	return ""
}

// judgeShared looks at a server's connection, after the run.
func (c *Conn) judgeShared() {
	w := c.world
	switch {
	case !c.over:
		w.Fail("resources", "server %d, connection %d was never ended", c.server.id, c.id)
	case c.how == farewellReset && c.lines > 0 && !c.mayBeReset():
		w.Fail("end", "server %d, connection %d was reset", c.server.id, c.id)
	}
	for i := range c.asked {
		a := &c.asked[i]
		if a.stray {
			c.judgeTrust(a)
		}
		if a.stray || a.whose == nil || !c.hasCome(a) && !c.hasComeUnasked(a) {
			continue
		}
		if p := &a.whose.kept.places[a.line]; p.nak == nakLost {
			w.Fail("loss", "client %d was told that line %d is lost, and its reply had come: %.100q", a.whose.id, a.line, a.text)
		}
	}
}

// trustMax is how much later than a line that is no reply to it the proxy may end a
// connection: a few late waits, and what a narrow loop needs.
const trustMax = time.Second

// judgeTrust fails a connection that went on behind a line that is no reply.
func (c *Conn) judgeTrust(a *asked) {
	until := a.arrived + int64(trustMax)
	if ended := c.peer.EndedAt(); a.arrived > 0 && c.until > until && (ended == 0 || ended > until) && !c.world.stoodStill(a.arrived, until) {
		c.world.Fail("odd line", "server %d, connection %d went on for %v behind %.100q", c.server.id, c.id, time.Duration(min(c.until, ended)-a.arrived), a.text)
	}
}

// hasCome reports whether a reply must have been passed on: it had arrived when the
// connection was lost, and nothing before it had ended that.
func (c *Conn) hasCome(a *asked) bool {
	if c.isGivenUp(a) {
		return false
	}
	if c.spoiled > 0 && a.place > c.spoiled {
		return false
	}
	if at := c.peer.EndedAt(); at > 0 && a.arrived >= at && c.leavesUnanswered() {
		return false // nobody was there any more
	}
	return c.over && (c.how == farewellLeft || c.how == farewellAbort) && a.place <= c.crossed
}

// isGivenUp reports whether the proxy may have given the connection up for its output
// before it read a reply: before the server has ended it, or behind that, where the loop
// had no turn for what had come. The output goes on waiting when the server has ended.
func (c *Conn) isGivenUp(a *asked) bool {
	most, ended := c.world.Rules.LinkWrite, c.peer.EndedAt()
	switch {
	case most == 0:
		return false
	case c.peer.Waited(c.until) >= most:
		return true
	}
	return ended > 0 && c.peer.Waited(ended) >= most && !c.isToldOf(a.arrived, ended)
}

// hasComeUnasked is the same of a connection that was left since it did not answer a
// question: what it had answered counts.
func (c *Conn) hasComeUnasked(a *asked) bool {
	ended := c.peer.EndedAt()
	const before = int64(50 * time.Millisecond)
	return len(c.questions) > 0 && ended > 0 && !c.faulty && !c.overlong && c.spoiled == 0 && a.arrived > 0 && a.arrived+before < ended && c.isToldOf(a.arrived, ended)
}

// departure is what is known of where a line has gone.
type departure struct {
	conn *Conn // on which a byte of it has left; nil: on none
}

// judgeDepartures looks at all that has left for the servers, whether or not it has
// arrived.
func (w *World) judgeDepartures() {
	left := make([][]departure, len(w.Clients))
	for i, c := range w.Clients {
		left[i] = make([]departure, len(c.script.lines))
	}
	unknown := false // a connection was lost with half a line that may be anybody's
	for _, s := range w.Servers {
		for _, conn := range s.conns {
			unknown = conn.depart(left) && conn.isLost() || unknown
		}
	}
	for i, c := range w.Clients {
		for j := range left[i] {
			c.judgeDeparture(j, left[i][j].conn, unknown)
		}
	}
}

// depart notes where the lines of a connection have gone. It reports whether it ends
// with the beginning of a line that does not tell whose it is.
func (c *Conn) depart(left [][]departure) (unknown bool) {
	w, said := c.world, c.peer.Said()
	for n := uint64(1); len(said) > 0 && w.violation == nil; n++ {
		end := bytes.IndexByte(said, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(said)
		}
		line := said[:end]
		said = said[end:]
		head, seq, rest := splitSeq(line)
		if whole && seq != n {
			w.Fail("Seq", "%.100q left as request %d for server %d, connection %d", line, n, c.server.id, c.id)
		}
		if whole && string(head) == "REQ " && string(rest) == "\n" {
			continue
		}
		client, i, ok := w.whose(line)
		if ok && !whole {
			ok = isTold(client, i, line)
		}
		switch {
		case !ok && !whole:
			return true
		case !ok:
			w.Fail("byte equality", "%.100q left for server %d, connection %d, and nobody sent it", line, c.server.id, c.id)
		case left[client.id][i].conn != nil:
			before := left[client.id][i].conn
			w.Fail("at most once", "line %d of client %d left for server %d, connection %d, and for server %d, connection %d", i, client.id,
				before.server.id, before.id, c.server.id, c.id)
		default:
			left[client.id][i].conn = c
		}
	}
	return false
}

// isTold reports whether the beginning of a line tells for sure which one it is: the
// number behind the mark may go on.
func isTold(client *Client, i int, line []byte) bool {
	return !bytes.HasSuffix(line, append([]byte(mark(client.id)), strconv.Itoa(i)...))
}

// judgeDeparture compares what became of a line with where it had gone.
func (c *Client) judgeDeparture(i int, conn *Conn, unknown bool) {
	w, p := c.world, &c.kept.places[i]
	switch {
	case p.nak == nakLost && conn == nil && !unknown:
		w.Fail("not lost", "client %d was told that line %d is lost, and no byte of it had left", c.id, i)
	case p.nak == nakLost && conn != nil && !conn.isLost():
		w.Fail("not lost", "client %d was told that line %d is lost, and server %d, connection %d, on which it left, is not", c.id, i, conn.server.id, conn.id)
	case p.nak == nakNoServer && conn != nil:
		w.Fail("no server", "client %d was told so of line %d, which had left for server %d", c.id, i, conn.server.id)
	}
}

// SharedTotals counts what was said. exact is false where a client left, or was left,
// before all was said.
func (w *World) SharedTotals() (t Totals, exact bool) {
	for _, c := range w.Clients {
		if c.how != farewellDone && c.how != farewellEnd || c.kept.next < len(c.kept.places) || c.isCut() {
			return t, false
		}
		t.add(c)
	}
	return t, true
}
