// excuse.go owns what explains the end of a connection: timeouts, dead servers, a
// drain, a want of descriptors. An excuse holds for one client, and for the time
// in which it was given; it does not excuse the whole run.

package sim

import (
	"time"

	"fooproxy/poller/fake"
)

// judgement is how long before the end of a connection the loop decided on it, at
// most, where no output delayed the end: a few late waits.
const judgement = 150 * time.Millisecond

// endedAt is when the thing under test ended the client's connection, as far as
// the kernel knows; otherwise when the client found that it was over.
func (c *Client) endedAt() int64 {
	switch at := c.peer.EndedAt(); {
	case at == 0:
		return c.until
	case !c.over:
		return at // the client has not found it yet
	default:
		return min(at, c.until)
	}
}

// judgedFrom is the earliest moment at which the loop can have decided on an end
// that came then: a stall between the two counts for nothing.
func (w *World) judgedFrom(at int64) int64 {
	from := at - int64(judgement)
	for again := true; again; {
		again = false
		for begin, end := range w.Chaos.Stalls(from) {
			if earlier := begin - int64(judgement); end <= at && earlier < from {
				from, again = earlier, true
			}
		}
	}
	return from
}

// drained reports whether the client was there, or came, when the drain had begun.
func (c *Client) drained() bool { return c.world.Draining && c.endedAt() >= c.world.drainAt }

// cutByDrain reports whether the time of a drain was over before the connection
// was.
func (c *Client) cutByDrain() bool { return c.world.cutBy(c.until) }

func (w *World) cutBy(at int64) bool { return w.Draining && at >= w.drainAt+int64(w.Rules.Drain) }

// turnedAway reports whether a drain found no place for a client: it came behind
// the drain, or a descriptor was wanting, and a drain does not wait for one.
func (c *Client) turnedAway() bool {
	return c.drained() && (c.refused() || c.peer.AcceptedAt() == 0 && c.world.Chaos.Within(c.world.drainAt, c.until, fake.Exhausted))
}

// lingered reports whether the end was long ago when the client found that it was
// reset: whoever ended has stopped to listen by then.
func lingered(p *fake.Peer, until int64, linger time.Duration) bool {
	ended := p.EndedAt()
	return ended > 0 && until >= ended+int64(linger)
}

// RunShort says that the process may have few descriptors from now to the calm.
func (w *World) RunShort() { w.shortAt = w.Kernel.Now() }

// unfair reports whether somebody may have been turned away for want of something
// in that time. What is wanting then may still be felt a while behind the calm.
func (w *World) unfair(from, until int64) bool {
	const felt = int64(200 * time.Millisecond) // who found nothing asks again
	short := w.shortAt > 0 && until >= w.shortAt && (w.calmAt == 0 || from <= w.calmAt+felt)
	return short || w.Chaos.Within(from, until, fake.RegisterFailed)
}

// unreachable reports whether every address could seem to be dead to a client.
func (c *Client) unreachable() bool {
	w, from, until := c.world, c.since, c.endedAt()
	switch {
	case w.unfair(from, until), c.unheard(from, until),
		w.Chaos.Within(from, until, fake.ConnectRefused, fake.ConnectLost, fake.NoPort, fake.SelfConnect),
		w.Chaos.ConnectTook(from, until, w.Rules.Connect),
		w.Rules.Memory > 0 && w.noServer(from, until),
		len(w.Servers) > 1 && w.Chaos.Within(from, until, fake.Exhausted): // a want at the second address is not waited for
		return true
	}
	alive := false
	for _, s := range w.Servers {
		dead, lost := s.downWithin(from, until)
		if lost {
			return true
		}
		alive = alive || !dead
	}
	return !alive
}

// isMuted reports whether nobody reads the client any more when its connection
// ends, so that what it says does not end its silence: it has begun a line that is
// too long, has asked for the end, or is being drained.
func (c *Client) isMuted() bool {
	last := len(c.script.lines) - 1
	return c.drained() || c.script.lines[last].quit && c.lines > last || c.script.lines[last].long && (last == 0 || c.sent > c.script.lines[last-1].end)
}

// moment is how a client stood when a stall began.
type moment struct {
	stall, moved, begun int64
	unread              bool // what it had said before was not read yet
}

// noteStall notes how the client stood before it said something while the thing
// under test stands still.
func (c *Client) noteStall(sent int) {
	since := c.world.Chaos.Stalling()
	if last := len(c.stalls) - 1; since > 0 && (last < 0 || c.stalls[last].stall != since) {
		c.stalls = append(c.stalls, moment{since, c.moved, c.begun, c.peer.Unread()+c.peer.Unsent() > sent})
	}
}

// isNoticed reports whether the loop must have noticed a stall in which the client
// said something: its time was over then, for so long that nobody may be blamed.
func (c *Client) isNoticed(begin, end int64) bool {
	r := &c.world.Rules
	if r.Write > 0 {
		return false // its time runs elsewhere
	}
	for _, m := range c.stalls {
		switch {
		case m.stall != begin:
			continue
		case m.unread:
			return false // its time does not run yet
		}
		due := end
		if r.Idle > 0 {
			due = min(due, m.moved+int64(r.Idle))
		}
		if r.Line > 0 && m.begun > 0 {
			due = min(due, m.begun+int64(r.Line))
		}
		return end-due >= int64(stallNoticed+hearing)
	}
	return false
}

// unheard reports whether the loop can have judged the client too early in that
// time: a wait that is late, or a short stall, is not noticed, and here what
// happened in it may be told bit by bit. A real wait tells all of it.
func (c *Client) unheard(from, until int64) bool {
	chaos := c.world.Chaos
	switch {
	case !chaos.Within(from, until, fake.SmallBatch):
		return false
	case chaos.Within(from, until, fake.LateWait):
		return true
	}
	for begin, end := range chaos.Stalls(from) {
		if begin <= until && !c.isNoticed(begin, end) {
			return true
		}
	}
	return false
}

// isSilent reports whether the client can have been silent for too long, as far as
// it knows itself. A reply that has reached the proxy in time counts for it: what
// has come is served before anybody is judged, as far as a turn goes.
func (c *Client) isSilent() bool {
	idle := c.world.Rules.Idle
	if c.silence < idle {
		return false
	}
	intime := c.conn != nil && c.conn.saidAt > c.moved && c.conn.saidAt <= c.moved+int64(idle)
	return !intime || c.world.Narrow || c.isMuted() || c.silence > c.lastSilence
}

// appended is how long before the write that finds no room output may have been
// appended: some of a turn's waits for the next one, which may be late.
const appended = 25 * time.Millisecond

// timedOut reports whether a timeout can have ended the connection. Where output
// found no room, the client does not know what has moved, and the end came later
// than the judgement.
func (c *Client) timedOut() bool {
	r, at := &c.world.Rules, c.endedAt()
	noRoom := c.holdsBack || c.peer.Waited(at) > 0
	from := c.world.judgedFrom(at)
	if noRoom {
		from = c.since
	}
	switch {
	case r.Idle > 0 && ((noRoom || c.isMuted()) && c.peer.Quiet(at) >= r.Idle || c.isSilent()),
		r.Line > 0 && c.linger >= r.Line,
		r.Write > 0 && c.peer.Waited(at)+appended >= r.Write:
		return true
	}
	return r.Idle+r.Line+r.Write > 0 && c.unheard(from, at)
}

// mayBeReset reports whether a client that did nothing wrong may be reset. What a
// drain ends it ends with FIN, as long as it has time.
func (c *Client) mayBeReset() bool {
	w := c.world
	return c.peer.GivenUp() || c.turnedAway() || c.cutByDrain() || w.unfair(c.since, c.until) || c.timedOut() ||
		lingered(c.peer, c.until, w.Rules.Linger)
}

// mayBeReset is the same for a server's connection.
func (c *Conn) mayBeReset() bool {
	w := c.world
	if most := w.Rules.LinkWrite; most > 0 && c.peer.Waited(c.until) >= most {
		return true
	}
	return c.probed || c.faulty || c.leavesUnanswered() || w.cutBy(c.until) || w.unfair(c.since, c.until) || lingered(c.peer, c.until, w.Rules.Linger)
}
