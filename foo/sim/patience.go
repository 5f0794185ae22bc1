// patience.go owns the other side of an excuse: a timeout that was due and did not
// come. It looks while a client is silent, not behind the run.

package sim

import (
	"time"

	"fooproxy/poller/fake"
)

// stoodStill reports whether the thing under test stood still in that time.
func (w *World) stoodStill(from, until int64) bool {
	if since := w.Chaos.Stalling(); since > 0 && since <= until {
		return true
	}
	for begin := range w.Chaos.Stalls(from) {
		if begin <= until {
			return true
		}
	}
	return false
}

// patience is what a timeout may be late: a few late waits.
const patience = 150 * time.Millisecond

// checkPatience fails a loop that is more patient than it was told to be.
func (c *Client) checkPatience() {
	if c.peer == nil || c.over || c.peer.AcceptedAt() == 0 {
		return
	}
	until := c.world.Kernel.Now()
	if at := c.peer.EndedAt(); at > 0 {
		until = at
	}
	c.checkTaking(until)
	c.checkTalking(until)
}

// checkTaking looks at a client that takes nothing: output may not wait for it for
// longer than the timeout.
func (c *Client) checkTaking(until int64) {
	w, most := c.world, c.world.Rules.Write
	if waited := c.peer.Waited(until); most > 0 && waited > most+patience && !w.stoodStill(c.since, until) {
		w.Fail("timeout", "output has waited for client %d for %v, and the write timeout is %v", c.id, waited, most)
	}
}

// checkTalking looks at a client whose every line has its reply, and whom nothing
// keeps from being read: it may not be silent for longer than the timeout, nor
// begin a line and not end it.
func (c *Client) checkTalking(until int64) {
	w, r := c.world, &c.world.Rules
	if c.kept.isLate || r.Idle+r.Line == 0 || c.ended || c.holdsBack || w.Draining || r.Scarce ||
		c.heard < c.lines || c.peer.Unread()+c.peer.Unsent() > 0 || c.isMuted() {
		return
	}
	read := max(c.caughtUp, c.peer.AcceptedAt()) // since when nothing keeps it from being read
	if w.stoodStill(read, until) || w.Chaos.Within(c.since, until, fake.Exhausted) || w.unfair(c.since, until) {
		return
	}
	// An extra line passes for a reply, so what it said may still have waited then.
	if silent := time.Duration(until - max(c.moved, read, c.peer.ReadAt())); r.Idle > 0 && silent > r.Idle+patience {
		w.Fail("timeout", "client %d was silent for %v, and the idle timeout is %v", c.id, silent, r.Idle)
	}
	if begun := time.Duration(until - max(c.begun, read, c.peer.SeenAt())); r.Line > 0 && c.begun > 0 && begun > r.Line+patience {
		w.Fail("timeout", "client %d had not ended its line after %v, and the line timeout is %v", c.id, begun, r.Line)
	}
}
