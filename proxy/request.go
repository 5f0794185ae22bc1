// request.go owns the way of a client's lines to its link: which are requests, and
// what each becomes. The table is in exchange.go.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/stats"
)

// parseRequest reads a client's line, without its LF. The error is the one with
// which a line that is no request is refused.
func parseRequest(line []byte) (foo.Message, error) {
	m, err := foo.Parse(line)
	if err == nil && m.Type != foo.REQ || err == foo.ErrNakZero {
		err = errNotRequest
	}
	return m, err
}

// offer takes lines of the client from the front of run, at most maxLines, as
// far as the link has room and the client may have requests outstanding.
func (s *session) offer(run []byte, maxLines int) (taken, lines int) {
	if s.link.seq != 0 {
		return s.offerRenumbered(run, maxLines)
	}
	conn := s.link.conn
	g := newSegment(run, conn)
	base := conn.Appended()
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := g.line(taken)
		if !g.fits(taken, taken+n) {
			conn.WantRoom(n)
			break
		}
		if !s.takeLine(run[taken:taken+n-1], base+uint64(taken+n)) {
			g.flush(taken, taken+n)
			base -= uint64(n) // the link's stream has no such line
		}
		taken += n
		lines++
	}
	g.flush(taken, taken)
	s.answerHere()
	return taken, lines
}

// offerRenumbered is offer for a link with numbers of its own.
func (s *session) offerRenumbered(run []byte, maxLines int) (taken, lines int) {
	p, conn := s.proxy, s.link.conn
	base, room := conn.Appended(), conn.Room()
	dst := p.scratch[:0]
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := lineLength(run[taken:])
		if most := n + seqDigitsMax; len(dst)+most > room && (len(dst) > 0 || !conn.Fits(most)) {
			conn.WantRoom(most)
			break
		}
		line, last := run[taken:taken+n], s.link.requests.tail
		forward := s.takeLine(line[:n-1], 0)
		switch id := s.link.requests.tail; {
		case id != last:
			dst = s.appendRequest(dst, line, id, base)
		case forward:
			dst = append(dst, line...)
		}
		taken += n
		lines++
	}
	conn.Append(dst)
	p.scratch = dst
	s.answerHere()
	return taken, lines
}

// appendRequest appends the line of a request to dst, which will begin at base of the
// link's stream: with the link's number, or the client's where it has none.
func (s *session) appendRequest(dst, line []byte, id recordID, base uint64) []byte {
	r, before := s.proxy.records.at(id), len(dst)
	r.linkSeq = r.seq
	if s.link.seq != 0 {
		r.linkSeq = s.link.seq
		s.link.seq++
	}
	dst = appendRenumbered(dst, line, r.linkSeq)
	r.end, r.length = base+uint64(len(dst)), uint16(min(len(dst)-before, longLength))
	return dst
}

// mayAsk reports whether the client may have one more request outstanding. NAKs
// whose turn has come make room first: no reply would come and do it later.
func (s *session) mayAsk() bool {
	if int(s.requests.count) >= s.proxy.config.MaxOutstanding {
		s.answerHere()
	}
	return int(s.requests.count) < s.proxy.config.MaxOutstanding
}

// takeLine judges a client's line, without its LF, that would end at end of the
// link's stream. It reports whether the line is to be forwarded.
func (s *session) takeLine(line []byte, end uint64) (forward bool) {
	p := s.proxy
	m, err := parseRequest(line)
	if err != nil {
		p.stats.Add(stats.LinesInvalid, 1)
		if p.config.Strict {
			s.refuse(0, nakOf(err))
			return false
		}
		s.link.recordless = true
		return true
	}
	n := len(line) + 1
	if !s.meet(m, n) {
		return false
	}
	id := s.enrol(m, n, recordSent)
	r := p.records.at(id)
	r.linkSeq, r.end = m.Seq, end
	s.putOnLink(id, m.Data)
	return true
}

// putOnLink has the link's server owe the reply to a request that was offered to it.
func (s *session) putOnLink(id recordID, data []byte) {
	p := s.proxy
	r := p.records.at(id)
	r.state = recordSent
	if p.isEndWord(data) {
		r.state = recordSentLast
	}
	p.records.push(&s.link.requests, linkOrder, id)
	s.link.upstream.offered()
}

// meet counts a client's request, whose line has so many bytes, and reports
// whether it may go to a server; otherwise it is refused.
func (s *session) meet(m foo.Message, n int) (ok bool) {
	p := s.proxy
	p.stats.Add(stats.MsgReq, 1)
	s.noteSeq(m.Seq)
	if err := foo.CheckData(m.Data); err != nil {
		p.stats.Add(stats.DataInvalid, 1)
		if p.config.Strict {
			s.noteLength(s.refuse(m.Seq, nakOf(err)), n)
			return false
		}
	}
	return true
}

// enrol makes a record of a client's request.
func (s *session) enrol(m foo.Message, n int, state recordState) recordID {
	p := s.proxy
	id := p.records.take()
	*p.records.at(id) = record{seq: m.Seq, arrived: p.loop.Now(), session: s.mark(), state: state, length: uint16(min(n, longLength))}
	p.records.push(&s.requests, clientOrder, id)
	s.noteLength(id, n)
	if p.config.RequestTimeout > 0 && (s.extra == nil || !s.extra.timer.Armed()) {
		s.awaitPatiently()
	}
	return id
}

func (s *session) noteSeq(seq uint64) {
	switch s.seqs.see(seq) {
	case seqDuplicate:
		s.proxy.stats.Add(stats.Duplicates, 1)
	case seqOutOfOrder:
		s.proxy.stats.Add(stats.OutOfOrder, 1)
	}
}
