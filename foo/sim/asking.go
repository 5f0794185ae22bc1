// asking.go owns what idle connections are asked that clients share: when the question
// left, what a server makes of it that does not answer, and that the proxy leaves a
// connection whose server does not, and no other. No client waits for the answer.

package sim

import (
	"bytes"
	"net/netip"
	"time"

	"fooproxy/poller/fake"
)

// askedMax is how much later than its time is over the proxy may leave a connection
// that has not answered: a few late waits.
const askedMax = patience

// question is one that left on a connection.
type question struct {
	seq     uint64
	askedAt int64 // when the proxy wanted to write it first
	leftAt  int64 // when it was seen to have left
	reply   int   // its place among what was said; -1: there is none
}

// askingNotes is what a connection keeps of it.
type askingNotes struct {
	questions []question
	looked    int   // bytes of what left that were looked at
	free      int64 // until when the proxy need not have left it, whatever it does not answer
	unwatched bool  // the proxy did not look after it when the last turn ended
	mute      bool  // it says nothing before the calm
}

// NoteQuestions looks for questions that have left, after each turn. asks reports
// whether the proxy looks after its end of a connection: it does not where it leaves it
// anyway.
func (w *World) NoteQuestions(asks func(local netip.AddrPort) bool) {
	if w.Rules.AskTimeout == 0 {
		return
	}
	for _, s := range w.Servers {
		for _, c := range s.conns {
			if c.over {
				continue
			}
			c.noteQuestions()
			if len(c.questions) > 0 {
				c.checkQuestion(asks(c.peer.RemoteAddr()))
			}
		}
	}
}

// noteQuestions looks at the lines that have left by now.
func (c *Conn) noteQuestions() {
	said := c.peer.Said()
	for i := c.looked; i < len(said); i++ {
		if said[i] != '\n' {
			continue
		}
		line := said[c.looked : i+1]
		if head, seq, rest := splitSeq(line); string(head) == "REQ " && string(rest) == "\n" {
			c.question(seq, c.looked)
		}
		c.looked = i + 1
	}
	if len(c.questions) > 0 {
		c.noteArrivals()
	}
}

// question gives what is known of the one at a place of what left, which may have been
// answered before it was seen here.
func (c *Conn) question(seq uint64, place int) *question {
	for i := range c.questions {
		if c.questions[i].seq == seq {
			return &c.questions[i]
		}
	}
	c.questions = append(c.questions, question{seq: seq, askedAt: c.peer.OfferedAt(place), leftAt: c.world.Kernel.Now(), reply: -1})
	return &c.questions[len(c.questions)-1]
}

// checkQuestion fails a proxy that waits too long for an answer. One that takes a
// connection into use again looks after it from then on, and no turn may have ended
// since it had left it.
func (c *Conn) checkQuestion(looksAfter bool) {
	w, now := c.world, c.world.Kernel.Now()
	most := int64(w.Rules.AskTimeout)
	q := &c.questions[len(c.questions)-1]
	returns := looksAfter && c.unwatched
	c.unwatched = !looksAfter
	switch {
	case !looksAfter, returns, w.stoodStill(q.leftAt, now):
		c.free = now
	case !c.hasAnswered(q) && c.peer.EndedAt() == 0 && !w.Narrow && now > max(q.leftAt+most, c.free)+int64(askedMax):
		w.Fail("asked", "server %d, connection %d has not answered question %d for %v, and goes on", c.server.id, c.id, q.seq, time.Duration(now-q.leftAt))
	}
}

// hasAnswered reports whether the proxy's kernel has the answer.
func (c *Conn) hasAnswered(q *question) bool { return q.reply >= 0 && c.asked[q.reply].arrived > 0 }

// leavesUnanswered reports whether a question was not answered in time, as far as the
// proxy has waited for it. One that found no room waits with it.
func (c *Conn) leavesUnanswered() bool {
	w := c.world
	if w.Rules.AskTimeout == 0 {
		return false
	}
	until := w.Kernel.Now()
	if at := c.peer.EndedAt(); at > 0 {
		until = min(until, at)
	}
	most := w.Rules.AskTimeout - askedSlack
	if c.mayWaitWithQuestion(until - int64(most)) {
		return true
	}
	for i := range c.questions {
		q := &c.questions[i]
		answered := until
		if c.hasAnswered(q) {
			answered = min(until, c.asked[q.reply].arrived)
		}
		over := q.askedAt + int64(most)
		switch {
		case answered >= over:
			return true
		case until >= over && (w.Narrow || w.isToldLate(q.askedAt, until)):
			return true
		}
	}
	return false
}

// mayWaitWithQuestion reports whether the line that has not left, or only its
// beginning, may be a question that was asked by then: who else says something says it
// with Data.
func (c *Conn) mayWaitWithQuestion(by int64) bool {
	said := c.peer.Said()
	begins := bytes.LastIndexByte(said, '\n') + 1
	asked := c.peer.OfferedAt(begins)
	return asked > 0 && asked <= by && bytes.Count(said[begins:], []byte{' '}) < 2
}

// askedSlack is how much later than the proxy asks it writes its question.
const askedSlack = 25 * time.Millisecond

// mayHaveBeenAsked reports whether the server has stood still for so long that it left
// a question unanswered on a connection that it has not accepted yet.
func (s *Server) mayHaveBeenAsked() bool {
	w := s.world
	for _, x := range s.stops {
		if most := w.Rules.AskTimeout; most > 0 && min(x.to, w.Kernel.Now())-x.from >= int64(most-askedSlack) {
			return true
		}
	}
	return false
}

// hearQuestion takes a request without Data: a check, or the proxy asks whether the
// connection lives, which it does while nothing is owed there.
func (c *Conn) hearQuestion(line []byte, seq uint64) {
	w := c.world
	c.probed = c.requests == 1
	if c.requests > 1 && w.Rules.AskTimeout == 0 {
		c.invented(line)
		return
	}
	if n := len(c.questions) - 1; !c.faulty && !c.torn && (len(c.waiting) > 0 || c.held || c.peer.Unsent() > 0 || n >= 0 && c.questions[n].seq != seq && c.questions[n].reply < 0) {
		w.Fail("asked", "server %d, connection %d got %.100q while it owes replies", c.server.id, c.id, line)
		return
	}
	q := c.question(seq, c.bytes-len(line))
	switch {
	case c.torn:
	case w.Rules.AskTimeout > 0 && w.does(MuteServer):
		c.say("it does not answer")
		c.isSlow, c.mute = true, w.Choices.Next(2) == 1
	default:
		q.reply = len(c.asked)
		c.put(asked{line: -1, seq: seq, text: append(append([]byte("ACK "), decimal(seq)...), '\n')})
	}
}

// isToldOf reports whether what had arrived by then was read before the connection was
// left: the loop was told, and had a turn for it.
func (c *Conn) isToldOf(arrived, until int64) bool {
	w := c.world
	return !w.Narrow && !w.Chaos.Within(arrived, until, fake.LateWait, fake.SmallBatch) && !w.stoodStill(arrived, until)
}
