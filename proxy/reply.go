// reply.go owns the way of a server's lines to the client: which request each
// answers, and which do not go on. The table is in exchange.go.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/stats"
)

// reply takes lines of the server from the front of run, at most maxLines, as
// far as the client has room.
func (s *session) reply(run []byte, maxLines int) (taken, lines int) {
	if s.link.seq != 0 {
		return s.replyRenumbered(run, maxLines)
	}
	g := newSegment(run, clientOutput{s})
	for lines < maxLines && taken < len(run) && s.state <= sessionFinishing && !s.owesNak() {
		n := g.line(taken)
		if !g.fits(taken, taken+n) {
			s.client.WantRoom(n)
			break
		}
		a := s.takeReply(run[taken : taken+n-1])
		if a.swallow {
			g.flush(taken, taken+n)
		}
		lines += a.cost
		taken += n
		if s.owesNak() {
			g.flush(taken, taken)
			s.answerHere()
			g.room = s.client.Room()
		}
	}
	g.flush(taken, taken)
	s.answered()
	return taken, lines
}

// replyRenumbered is reply for a link with numbers of its own.
func (s *session) replyRenumbered(run []byte, maxLines int) (taken, lines int) {
	p := s.proxy
	dst, room := p.scratch[:0], s.client.Room()
	for lines < maxLines && taken < len(run) && s.state <= sessionFinishing && !s.owesNak() {
		n := lineLength(run[taken:])
		if most := n + seqDigitsMax; len(dst)+most > room && (len(dst) > 0 || !s.client.Fits(most)) {
			s.client.WantRoom(most)
			break
		}
		line := run[taken : taken+n]
		a := s.takeReply(line[:n-1])
		switch {
		case a.seq != 0:
			dst = appendRenumbered(dst, line, a.seq)
		case !a.swallow:
			dst = append(dst, line...)
		}
		lines += a.cost
		taken += n
		if s.owesNak() {
			s.toClient(dst)
			dst = dst[:0]
			s.answerHere()
			room = s.client.Room()
		}
	}
	if len(dst) > 0 {
		s.toClient(dst)
	}
	p.scratch = dst
	s.answered()
	return taken, lines
}

// verdict is what becomes of a server's line.
type verdict struct {
	seq     uint64 // what its client calls the request; 0: it answers none
	swallow bool   // it does not go on
	cost    int    // of the turn's budget, in lines
}

// takeReply counts a server's line, without its LF, and answers its request. A
// server that answers out of order, or nobody, has its replies looked for among
// all that wait, which costs more.
func (s *session) takeReply(line []byte) verdict {
	p := s.proxy
	m, err := foo.Parse(line)
	switch {
	case err == foo.ErrNakZero:
		p.stats.Add(stats.MsgNak, 1)
		p.stats.Add(stats.NakZero, 1)
		return verdict{cost: 1}
	case err != nil || m.Type == foo.REQ:
		p.stats.Add(stats.LinesInvalid, 1)
		return verdict{cost: 1}
	}
	id, passed := p.records.find(&s.link.requests, m.Seq)
	v := verdict{cost: 1 + passed/recordsPerLine}
	if id == 0 {
		s.takeStray(m.Type, &v)
		return v
	}
	r := p.records.at(id)
	older := p.records.remove(&s.link.requests, linkOrder, id)
	s.link.upstream.replied()
	if !r.isSent() {
		s.takeLate(id)
		v.swallow = true
		return v
	}
	p.stats.Add(replyCounter(m.Type), 1)
	p.stats.Add(stats.Answered, 1)
	p.stats.Latency(p.loop.Now() - r.arrived)
	s.logAnswered(id, m.Type, len(line)+1)
	if older > 0 {
		p.stats.Add(stats.OutOfOrder, 1)
	}
	v.seq, s.link.farewell = r.seq, r.state == recordSentLast
	p.records.remove(&s.requests, clientOrder, id)
	p.records.put(id)
	return v
}

func replyCounter(t foo.Type) stats.Counter {
	if t == foo.ACK {
		return stats.MsgAck
	}
	return stats.MsgNak
}

// takeStray counts a reply to nothing. Where the link has numbers of its own its
// Seq means nothing to the client.
func (s *session) takeStray(t foo.Type, v *verdict) {
	if s.link.seq != 0 {
		s.proxy.stats.Add(stats.Late, 1)
		v.swallow = true
		return
	}
	s.proxy.stats.Add(replyCounter(t), 1)
	s.proxy.stats.Add(stats.Strays, 1)
}

// takeLate counts the reply to a request that was answered here.
func (s *session) takeLate(id recordID) {
	s.proxy.stats.Add(stats.Late, 1)
	s.forgetExpired(id)
}
