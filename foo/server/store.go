// store.go owns the way of an operation through the store, and who waits while that
// has no room. It must not know what an operation means.
//
//	ask ─► store.Do ──┬─ answered at once ─────────────────► the batch in the making
//	                  ├─ under way ─► pending ─► complete ─► the client, in order
//	                  └─ busy ─► the line stays where it is ─► its turn
//
// The loop waits for nothing here. Room in the store goes to whoever has waited
// longest, one operation each: a completion gives the first one a turn, and each turn
// that found room gives one to the next. So a client that has thousands of lines to come
// does not keep out one with a single line.

package server

import (
	"slices"

	"fooproxy/foo/kv"
	"fooproxy/stats"
)

// ask puts an operation in. Its answer joins the batch in the making, or comes later.
func (s *Server) ask(c *client, q *question, op kv.Op) verdict {
	if c.pending == nil {
		c.pending = &pending{client: c}
	}
	p := c.pending
	if !p.takes(op.Kind, s.readsEach()) {
		return lineLater
	}
	if len(s.awaiting) > 0 && !c.hasTurn {
		s.awaitStore(c, len(s.awaiting))
		return lineLater
	}
	a := &asked{server: s, pending: p, kind: op.Kind, arrived: s.made.arrived,
		question: question{word: q.word, seq: q.seq, plain: q.plain}}
	s.asking = a
	err := s.store.Do(&p.caller, op, a.complete)
	s.asking = nil
	switch {
	case err != nil && s.underWay == 0: // there is nothing to wait for
		return s.refuse(q, err.Error())
	case err != nil:
		s.keepTurn(c)
		return lineLater
	case !a.answered:
		c.sendReplies() // they come before this answer
		s.beginReplies()
		p.push(a)
		s.underWay++
	}
	s.passTurn(c)
	return lineTaken
}

// readsEach is how many long answers each client may have to come.
func (s *Server) readsEach() int {
	if s.loop.Held() > answersHeldMax {
		return 1
	}
	return pendingReadsMax
}

// complete is called by the store, once, on the loop's thread.
func (a *asked) complete(r kv.Result) {
	s := a.server
	if s.asking == a {
		a.answered = true
		s.tellResult(&a.question, a.kind, r)
		return
	}
	s.underWay--
	if c := a.pending.client; c != nil {
		c.takeAnswer(a, r)
	}
	s.giveTurns(1)
}

// takeAnswer sends what the store has answered, and the replies behind it.
func (c *client) takeAnswer(a *asked, r kv.Result) {
	s, p := c.server, c.pending
	p.settle(a)
	s.beginReplies()
	s.made.arrived = a.arrived
	s.tellResult(&a.question, a.kind, r)
	s.made.bytes = int32(len(s.replies))
	c.pass(s.replies, &s.made)
	for {
		b, replies, ok := p.pop()
		if !ok {
			break
		}
		c.pass(replies, &b)
	}
	p.rest()
	c.goOn()
}

// awaitStore has the client's line tried again when its turn has come: it is put into
// that place of those who wait, unless it waits already.
func (s *Server) awaitStore(c *client, place int) {
	if !c.awaitsStore {
		c.awaitsStore = true
		s.awaiting = slices.Insert(s.awaiting, place, c)
	}
}

// keepTurn is for who found no room: whose turn it was is the next again.
func (s *Server) keepTurn(c *client) {
	place := len(s.awaiting)
	if c.hasTurn {
		place = 0
	}
	c.hasTurn = false
	s.awaitStore(c, place)
}

// passTurn is for who found room: there may be more.
func (s *Server) passTurn(c *client) {
	if c.hasTurn {
		c.hasTurn = false
		s.giveTurns(1)
	}
}

// giveTurns lets those try again who have waited longest: n of them, and all when
// nothing is under way any more, since nothing else would wake them.
func (s *Server) giveTurns(n int) {
	if n = min(n, len(s.awaiting)); s.underWay == 0 {
		n = len(s.awaiting)
	}
	for _, c := range s.awaiting[:n] {
		c.awaitsStore, c.hasTurn = false, true
		c.conn.Resume()
	}
	s.awaiting = slices.Delete(s.awaiting, 0, n)
}

// leaveStore forgets what the client waits for. Its operations go on: they were
// asked for, and the store may have done them.
func (s *Server) leaveStore(c *client) {
	if c.awaitsStore {
		s.awaiting = slices.DeleteFunc(s.awaiting, func(other *client) bool { return other == c })
	}
	if c.pending != nil {
		s.recorder.Add(stats.Abandoned, c.pending.requests())
		c.pending.leave()
	}
}
