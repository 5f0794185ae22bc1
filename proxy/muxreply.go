// muxreply.go owns what comes back on a shared link: replies to their clients, and
// what its connection tells.
//
//	a line from a server          becomes
//	ACK, NAK of a request         its client's, with the Seq that it has there
//	ACK, NAK that is late         swallowed, counted
//	anything else                 the end of the link: nobody could say whose it is

package proxy

import (
	"fooproxy/foo"
	"fooproxy/poller"
	"fooproxy/stats"
)

// gathered are replies to one client that came in a row. They are given to it
// together.
type gathered struct {
	session *session
	lines   []byte
}

// OnOpen implements poller.Handler, as all below: the server has accepted.
func (l *muxLink) OnOpen(*poller.Conn) {
	l.enter(linkOpen)
	l.tried = 0
	l.beginAging()
	l.bundle.upstream.reached()
	l.bundle.dialMissing()
}

// ReadRoom lets everything be read: a client that takes no replies is not read
// itself, and holds nobody up.
func (l *muxLink) ReadRoom(*poller.Conn) int { return l.bundle.mux.conn.TurnBytes }

// OnLines gives replies to their clients.
func (l *muxLink) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	m := l.bundle.mux
	for lines < maxLines && taken < len(run) {
		n := lineLength(run[taken:])
		cost, why := l.reply(run[taken : taken+n])
		if why != numFailures {
			m.deliver()
			l.lose(why)
			return len(run), lines + 1
		}
		taken += n
		lines += cost
	}
	m.deliver()
	if l.state == linkLeaving {
		m.attend = true
	}
	return taken, lines
}

// reply gives one line to whom it belongs, and says what that costs of the turn's
// budget. The failure is numFailures where it belongs to somebody.
func (l *muxLink) reply(line []byte) (cost int, why failure) {
	m := l.bundle.mux
	p := m.proxy
	msg, err := foo.Parse(line[:len(line)-1])
	switch {
	case err == foo.ErrNakZero:
		return 1, failureNakZero
	case err != nil || msg.Type == foo.REQ:
		return 1, failureInvalid
	}
	id := l.take(msg.Seq)
	if id == 0 && l.isProbe(msg.Seq) {
		return 1, numFailures
	}
	if id == 0 {
		return 1, failureStray
	}
	l.replied = true
	l.bundle.upstream.replied()
	r := p.records.at(id)
	if !r.isSent() {
		p.stats.Add(stats.Late, 1)
		l.unwanted--
		if r.state == recordExpired {
			r.state = recordAnswered
		} else {
			p.records.put(id)
		}
		return 1, numFailures
	}
	s := m.sessionOf(r)
	if p.config.Ordered && s.requests.head != id {
		s.hold(id, line)
		return 1, numFailures
	}
	if s != m.gathered.session {
		m.deliver()
		m.gathered.session = s
	}
	before := len(m.gathered.lines)
	m.gathered.lines = appendRenumbered(m.gathered.lines, line, r.seq)
	s.logShared(l)
	passed := s.takeShared(id, msg.Type, len(m.gathered.lines)-before)
	if s.owesNak() {
		m.deliver() // its turn has come
	}
	return 1 + passed/recordsPerLine, numFailures
}

// takeShared counts the reply to a request, and forgets it. It gives the number of
// older ones that were passed.
func (s *session) takeShared(id recordID, t foo.Type, bytes int) (passed int) {
	p := s.proxy
	p.stats.Add(replyCounter(t), 1)
	p.stats.Add(stats.Answered, 1)
	p.stats.Latency(p.loop.Now() - p.records.at(id).arrived)
	s.logAnswered(id, t, bytes)
	if passed = p.records.remove(&s.requests, clientOrder, id); passed > 0 {
		p.stats.Add(stats.OutOfOrder, 1)
	}
	p.records.put(id)
	return passed
}

// deliver gives a client what was gathered for it.
func (m *mux) deliver() {
	g := &m.gathered
	s := g.session
	if s == nil {
		return
	}
	g.session = nil
	s.toClient(g.lines)
	g.lines = g.lines[:0]
	s.answerHere()
	s.answered()
}

// OnLongLine: no reply is that long.
func (l *muxLink) OnLongLine(*poller.Conn, []byte) { l.lose(failureLineTooLong) }

// OnEnd: the server says no more.
func (l *muxLink) OnEnd(c *poller.Conn, _ []byte) {
	why := failureEnded
	if c.WasReset() {
		why = failureReset
	}
	l.lose(why)
}

// OnRoom is not asked for: clients that wait for room ask after each turn.
func (l *muxLink) OnRoom(*poller.Conn) {}

// OnClose: the connection is gone, or was never made.
func (l *muxLink) OnClose(_ *poller.Conn, why poller.Cause) {
	switch {
	case why.Kind == poller.CauseShutdown:
		l.clear(nakUpstreamLost) // nobody is told any more; the clients' end frees it
		l.bundle.mux.told, l.bundle.mux.successor = nil, nil
		l.detach()
	case l.state == linkDialling:
		l.enter(linkNone)
		l.conn = nil
		if isShortage(why.Errno) || l.tried >= len(l.bundle.upstream.addrs) {
			l.fail(why)
		} else {
			l.dial()
		}
	case why.Kind == poller.CauseWriteTimeout:
		l.lose(failureWriteTimeout)
	default:
		l.lose(failureReset)
	}
}
