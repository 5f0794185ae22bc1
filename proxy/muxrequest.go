// muxrequest.go owns the way of a client's lines to the shared links: what is
// answered here, what goes out, and what waits.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/stats"
)

// offerShared takes lines of the client from the front of run, at most maxLines, as
// far as its turn, its share and the links' room allow.
func (s *session) offerShared(run []byte, maxLines int) (taken, lines int) {
	p, m := s.proxy, s.proxy.mux
	m.visit(s)
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := lineLength(run[taken:])
		line := run[taken : taken+n]
		if !m.isHisTurn(s, n) {
			m.want(s, n)
			break
		}
		msg, err := parseRequest(line[:n-1])
		switch {
		case err != nil:
			p.stats.Add(stats.LinesInvalid, 1)
			s.refuse(0, nakOf(err))
		case p.isEndWord(msg.Data):
			s.bidFarewell(msg, n)
			return taken + n, lines + 1
		case !m.hasCredit(s):
			m.want(s, n)
			s.answerHere()
			return taken, lines
		default:
			l := m.find(s, n)
			if l == nil {
				more, moreLines := s.offerToNobody(run[taken:], maxLines-lines)
				return taken + more, lines + moreLines
			}
			if s.meet(msg, n) {
				l.send(s.enrol(msg, n, recordSent), line)
			}
		}
		m.charge(s, n)
		taken += n
		lines++
	}
	m.sharing.guests[s.place].grant = 0 // it was for the lines that he had, in this turn
	s.answerHere()
	return taken, lines
}

// offerToNobody is for lines that no link takes now: they wait for room, for a dial or
// for a server, or are answered at once.
func (s *session) offerToNobody(run []byte, maxLines int) (taken, lines int) {
	p := s.proxy
	switch outlook := p.mux.outlook(); {
	case outlook == outlookRoom:
		p.mux.wantRoom(s, lineLength(run))
		s.answerHere()
		return 0, 0
	case outlook == outlookDial, p.config.NoServerWait > 0:
		p.await(s)
		return s.queueLines(run, maxLines)
	}
	return s.refuseLines(run, maxLines)
}

// bidFarewell answers an end word: a server that closed behind it would close the
// link of many. Its place is behind all that is outstanding.
func (s *session) bidFarewell(m foo.Message, n int) {
	if s.meet(m, n) {
		s.noteLength(s.refuse(m.Seq, ackEndWord), n)
	}
	s.client.Mute()
	s.answerHere()
}

// connectShared is connect where links are shared: what is queued goes out, as far as
// there is room.
func (s *session) connectShared() bool {
	p := s.proxy
	if s.sendQueuedShared() {
		s.client.Resume()
		return true
	}
	switch p.mux.outlook() {
	case outlookRoom:
		p.mux.wantRoom(s, lineLength(s.extra.lines))
	case outlookDial:
		p.await(s)
	default:
		s.lack(0)
	}
	return false
}

// sendQueuedShared offers what is queued to the links. It reports whether all of it
// went.
func (s *session) sendQueuedShared() bool {
	if s.queuedBytes() == 0 {
		return true
	}
	p := s.proxy
	for id := s.requests.head; id != 0; id = p.records.at(id).nextClient {
		r := p.records.at(id)
		if r.state != recordQueued {
			continue
		}
		n := lineLength(s.extra.lines)
		l := p.mux.find(s, n)
		if l == nil {
			return false
		}
		r.state = recordSent
		r.nak = nakTimeout // its time runs already, by no fault of this server
		l.send(id, s.extra.lines[:n])
		p.mux.release(s)
		s.dropFirstQueued()
	}
	return true
}
