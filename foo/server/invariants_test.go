// invariants_test.go owns what must hold of a server after every turn. It looks
// at everything and changes nothing.

package server

import (
	"fmt"
	"slices"

	"fooproxy/stats"
)

// descriptors is how many the server should have open.
func (s *Server) descriptors() int {
	open := 1 + len(s.clients.all) // the eventfd
	for _, listener := range s.listeners {
		if !listener.Closed() {
			open++
		}
	}
	return open
}

// checkInvariants names the first thing that is wrong, and its class. It belongs
// to the loop's goroutine, between two turns. putOff: the turn may have put its
// timers off, so that what is due may still wait.
func (s *Server) checkInvariants(putOff bool) (class string, err error) {
	waiting := int64(0)
	for i, c := range s.clients.all {
		if c.place != i || c.server != s || c.conn == nil {
			return "identity", fmt.Errorf("the client at %d of the list believes to stand at %d", i, c.place)
		}
		if err := c.checkState(s.loop.Now(), putOff); err != nil {
			return "loop", fmt.Errorf("client %d: %w", i, err)
		}
		if err := c.checkPending(); err != nil {
			return "loop", fmt.Errorf("client %d: %w", i, err)
		}
		if err := c.checkCaps(); err != nil {
			return "resources", fmt.Errorf("client %d: %w", i, err)
		}
		waiting += c.delayed.requests() + c.pending.requests()
	}
	if all := len(s.clients.all); all != s.loop.Conns() || all > s.clients.most {
		return "resources", fmt.Errorf("%d clients, %d connections, %d may be", all, s.loop.Conns(), s.clients.most)
	}
	if err := s.checkAwaiting(); err != nil {
		return "loop", err
	}
	if err := s.checkArrivals(); err != nil {
		return "identity", err
	}
	if err := s.checkSpareLines(); err != nil {
		return "resources", err
	}
	return "counters", s.checkCounters(waiting)
}

// checkState looks at a client between two turns: what waits for its time has
// not missed it, and who is not read is waited for by something.
func (c *client) checkState(now int64, putOff bool) error {
	d := c.delayed
	switch delay := int64(c.server.config.Delay); {
	case (d != nil) != c.timer.Armed():
		return fmt.Errorf("replies wait for their time: %t, the timer runs: %t", d != nil, c.timer.Armed())
	case !c.awaitsReplies() && c.state == clientFinishing:
		return fmt.Errorf("it finishes, and nothing waits for its time")
	case c.awaitsReplies() && c.state == clientClosing:
		return fmt.Errorf("it closes, and replies wait for their time")
	case !c.awaitsReplies() && !c.awaitsStore && c.state == clientAnswering && c.conn.Paused() && c.conn.Appended() == c.conn.Written():
		return fmt.Errorf("it is not read, and nothing waits")
	case d == nil:
		return nil
	case d.waits() == 0:
		return fmt.Errorf("its delay line is empty")
	case d.oldest()+delay <= now && !putOff:
		return fmt.Errorf("replies were due at %d, and it is %d", d.oldest()+delay, now)
	}
	size := 0
	for i, b := range d.batches[d.first:] {
		size += int(b.bytes)
		if i > 0 && b.arrived <= d.batches[d.first+i-1].arrived {
			return fmt.Errorf("a batch of %d stands behind one of %d", b.arrived, d.batches[d.first+i-1].arrived)
		}
		if b.bytes <= 0 || b.requests > b.acks+b.naks {
			return fmt.Errorf("a batch of %d bytes holds %d requests, %d ACKs and %d NAKs", b.bytes, b.requests, b.acks, b.naks)
		}
	}
	if size != d.size() {
		return fmt.Errorf("%d bytes wait, the batches hold %d", d.size(), size)
	}
	return nil
}

// checkCaps looks at what a client costs. A reply to one line fits always, and
// the refusal of a long line comes on top.
func (c *client) checkCaps() error {
	config := &c.server.config.Conn
	out := int(c.conn.Appended()-c.conn.Written()) + c.waiting()
	most := max(config.HighMark, config.MaxLine+replyBytesMax) + replyBytesMax
	if c.pending != nil {
		most += pendingReadsMax * answerBytesMax
	}
	if out > most {
		return fmt.Errorf("%d bytes of replies wait, %d are the limit", out, most)
	}
	if most := max(config.HighMark, readRoomMin) + config.MaxLine; c.conn.Kept() > most {
		return fmt.Errorf("%d bytes of lines are kept, %d are the limit", c.conn.Kept(), most)
	}
	if c.delayed.waits() > delayedBatchesMax+1 && c.pending == nil {
		return fmt.Errorf("%d batches wait for their time", c.delayed.waits())
	}
	return nil
}

// checkPending looks at what waits for the store, which knows of all of it.
func (c *client) checkPending() error {
	p := c.pending
	if p == nil {
		return nil
	}
	size, reads := 0, 0
	for i, e := range p.entries[p.first:] {
		size += int(e.batch.bytes)
		switch {
		case e.asked == nil && i == 0:
			return fmt.Errorf("replies wait behind nothing")
		case e.asked != nil && (e.asked.pending != p || e.batch != (batch{})):
			return fmt.Errorf("entry %d belongs to somebody else", i)
		case e.asked != nil && isLong(e.asked.kind):
			reads++
		}
	}
	switch {
	case p.client != c:
		return fmt.Errorf("what it waits for believes that it has left")
	case size != p.size() || reads != p.reads || reads > pendingReadsMax:
		return fmt.Errorf("%d bytes and %d reads wait, the entries hold %d and %d", p.size(), p.reads, size, reads)
	case len(p.entries)-p.first > pendingMax+2: // replies, an operation, and replies behind it
		return fmt.Errorf("%d entries wait", len(p.entries)-p.first)
	}
	return nil
}

// checkAwaiting looks at those whose lines the store had no room for.
func (s *Server) checkAwaiting() error {
	if s.underWay == 0 && len(s.awaiting) > 0 {
		return fmt.Errorf("%d clients wait for a store that has nothing to do", len(s.awaiting))
	}
	for i, c := range s.awaiting {
		if !c.awaitsStore || slices.Contains(s.awaiting[:i], c) || !slices.Contains(s.clients.all, c) {
			return fmt.Errorf("place %d of those that wait for the store is wrong", i)
		}
	}
	return nil
}

// checkArrivals walks the order of coming, in both directions.
func (s *Server) checkArrivals() error {
	n, last := 0, (*client)(nil)
	for c := s.clients.oldest; c != nil; last, c = c, c.newer {
		if n++; c.older != last || s.clients.all[c.place] != c {
			return fmt.Errorf("client %d in the order of coming is out of place", n)
		}
	}
	if n != len(s.clients.all) || s.clients.newest != last {
		return fmt.Errorf("%d clients are in the order of coming, %d in all", n, len(s.clients.all))
	}
	return nil
}

// checkSpareLines looks at what is kept for the next clients.
func (s *Server) checkSpareLines() error {
	if len(s.spareLines) > spareLinesMax {
		return fmt.Errorf("%d delay lines are spare", len(s.spareLines))
	}
	for i, d := range s.spareLines {
		switch {
		case d == nil || d.size() != 0 || d.waits() != 0 || slices.Contains(s.spareLines[:i], d):
			return fmt.Errorf("spare delay line %d is in use", i)
		case cap(d.replies) > spareLineBytes || cap(d.batches) > spareLineBatches:
			return fmt.Errorf("spare delay line %d keeps %d bytes and %d batches", i, cap(d.replies), cap(d.batches))
		case slices.ContainsFunc(s.clients.all, func(c *client) bool { return c.delayed == d }):
			return fmt.Errorf("spare delay line %d belongs to a client", i)
		}
	}
	return nil
}

// checkCounters compares what was counted with what is there.
func (s *Server) checkCounters(waiting int64) error {
	count := s.recorder.Count
	if count(stats.MsgReq) != count(stats.Answered)+waiting+count(stats.Abandoned) {
		return fmt.Errorf("%d requests came, %d were answered, %d wait, %d were abandoned", count(stats.MsgReq), count(stats.Answered), waiting, count(stats.Abandoned))
	}
	if there := count(stats.Accepts) - count(stats.Closes); there != int64(len(s.clients.all)) {
		return fmt.Errorf("%d clients were counted, %d are there", there, len(s.clients.all))
	}
	return nil
}
