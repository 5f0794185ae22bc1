// patience.go owns how long requests wait: for their replies, and for a server
// that takes them. A session has one timer, for the first request whose time is
// over; when that fires too early it is set again, which is far cheaper than to
// move it with each request.

package proxy

import (
	"time"

	"fooproxy/poller"
)

// impatience is a session as the owner of its timer.
type impatience session

// awaitPatiently sets the timer, where there is a bound and it is not set.
func (s *session) awaitPatiently() {
	c := &s.proxy.config
	if c.RequestTimeout == 0 && !s.waits || s.requests.count == 0 && (s.extra == nil || s.extra.blocked == 0) {
		return
	}
	after := shorter(c.RequestTimeout, c.NoServerWait)
	if after == 0 {
		return
	}
	began := s.proxy.loop.Now()
	if s.requests.head != 0 {
		began = s.proxy.records.at(s.requests.head).arrived // it may have waited elsewhere
	}
	s.rouse(began + int64(after))
}

// rouse sets the timer, unless it is set for an earlier moment.
func (s *session) rouse(when int64) {
	x := s.more()
	if !x.timer.Armed() || when < x.due {
		x.due = when
		s.proxy.loop.Arm(&x.timer, (*impatience)(s), when)
	}
}

// shorter is the shorter of two times, of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Expire implements poller.Expirer: it answers the requests whose time is over.
func (x *impatience) Expire(now int64) {
	s := (*session)(x)
	if s.state > sessionFinishing {
		return
	}
	u, queued := s.link.upstream, s.queuedBytes()
	next, expired := s.expire(now)
	if b := s.extra.blocked; b != 0 && s.waits && s.proxy.config.NoServerWait > 0 {
		if due := b + int64(s.proxy.config.NoServerWait); due > now {
			next = min(next, due)
		} else {
			s.endUnserved()
			return
		}
	}
	switch {
	case next != poller.Forever:
		s.rouse(max(next, now+int64(expireInterval)))
	case s.extra.expired == 0 && len(s.extra.lines) == 0 && s.extra.held.lives == 0 && s.extra.blocked == 0:
		s.less()
	}
	s.answerHere()
	if expired > 0 && u != nil {
		u.timedOut(expired)
	}
	if s.extra != nil && s.extra.expired > expiredMax && s.state <= sessionFinishing && s.link.conn != nil {
		s.serverEnded(failureUnanswered, nil)
		return
	}
	if s.queuedBytes() < queued {
		s.client.Resume()
	}
	s.answered()
}

// expire marks the requests whose time is over, and gives when the next one is
// due. Where the server may have replied already, but was not read, nobody is
// late yet. Those count as expired that the server has had all the time.
func (s *session) expire(now int64) (next int64, expired int) {
	p := s.proxy
	next = poller.Forever
	conn := s.link.conn
	unread := conn != nil && conn.HasUnread()
	for id := s.requests.head; id != 0; {
		r := p.records.at(id)
		id = r.nextClient
		due, why := s.due(r)
		switch {
		case due > now:
			next = min(next, due)
		case r.state == recordQueued:
			r.state, r.nak = recordAnswered, why
			s.begun = true
			s.dropFirstQueued()
		case p.mux != nil && p.mux.linkOf(r).mayHaveReplied(due):
			next = min(next, now+int64(expireInterval))
		case p.mux != nil:
			p.mux.linkOf(r).expire(r.nak == 0 && r.arrived >= p.stoodUntil)
			r.state, r.nak = recordExpired, why
		case unread && conn.Paused():
			next = min(next, now+int64(expireRetry))
		case unread:
			next = min(next, now+int64(expireInterval))
		default:
			if r.nak == 0 && r.arrived >= p.stoodUntil {
				expired++
			}
			r.state, r.nak = recordExpired, why
			s.extra.expired++
		}
	}
	return next, expired
}

// forgetExpired takes a request off the link that was answered here: its server's
// reply has come, or will not. Its NAK may still wait for its turn.
func (s *session) forgetExpired(id recordID) {
	s.extra.expired--
	if r := s.proxy.records.at(id); r.state == recordExpired {
		r.state = recordAnswered
		return
	}
	s.proxy.records.put(id)
}

// due is when the time of a request is over, and why.
func (s *session) due(r *record) (when int64, why nak) {
	c := &s.proxy.config
	when, why = poller.Forever, nakTimeout
	if !r.isSent() && r.state != recordQueued {
		return when, why
	}
	began := s.proxy.forgiven(r.arrived)
	if c.RequestTimeout > 0 {
		when = began + int64(c.RequestTimeout)
	}
	if r.state == recordQueued && s.waits && c.NoServerWait > 0 {
		if at := began + int64(c.NoServerWait); at < when {
			return at, nakNoServer
		}
	}
	return when, why
}

// forgiven is when something began that counts from the given moment, without the
// time that the loop stood still: what was read in the turn in which it did has the
// time of the turn's begin.
func (p *Proxy) forgiven(began int64) int64 {
	if began >= p.stoodUntil {
		return began
	}
	return min(began+p.stoodFor, p.stoodUntil)
}

// dropFirstQueued forgets the line of the first queued request, whose time is
// over: they are queued in the order in which they came.
func (s *session) dropFirstQueued() {
	n := lineLength(s.extra.lines)
	s.extra.lines = s.extra.lines[n:]
	s.proxy.queued -= n
}
