// exchange.go is where session, link and record meet: a request is offered to a
// link, a reply finds its request, and what is outstanding is let go when one of
// the two sides is gone. It makes no system calls: bytes come in as runs of
// whole lines, and leave by being appended.
//
//	client ─► offer ─► record on both queues ─► link's output ─► server
//	client ◄─ reply ◄─ record off both queues ◄─ its Seq ◄───── server
//	             ▲
//	             └── a NAK made here is a record of the client's queue only: it
//	                 becomes bytes when all before it are answered
//
// A line from a client:
//
//	                              transparent               strict
//	REQ                           forwarded, a record       the same
//	REQ, Data not UTF-8 or NUL    the same, counted         NAK <seq>, not forwarded
//	anything else                 forwarded, counted        NAK 0, not forwarded
//
// A line from a server is always forwarded:
//
//	ACK, NAK with a record        the oldest of that Seq is answered
//	ACK, NAK without one          counted as a stray
//	NAK 0                         counted as such
//	anything else                 counted as invalid

package proxy

import (
	"bytes"

	"fooproxy/foo"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// segment is a stretch of a run that goes on verbatim, from its start to where
// the reading of the run stands, and the room there is for it.
type segment struct {
	run  []byte
	from int
	out  outlet
	room int
}

// outlet is what a segment goes to: a client's connection or a link's.
type outlet interface {
	Append(p []byte)
	Fits(n int) bool
	Room() int
	WantRoom(n int)
}

func newSegment(run []byte, out outlet) segment {
	return segment{run: run, out: out, room: out.Room()}
}

// line is the length of the line that begins at at, LF included.
func (g *segment) line(at int) int { return bytes.IndexByte(g.run[at:], '\n') + 1 }

// fits reports whether the stretch may grow to at. One line fits into empty
// output whatever its length.
func (g *segment) fits(from, to int) bool {
	return to-g.from <= g.room || from == g.from && g.out.Fits(to-from)
}

// flush appends the stretch before at; the next one begins at after.
func (g *segment) flush(at, after int) {
	if at > g.from {
		g.out.Append(g.run[g.from:at])
		g.room = g.out.Room()
	}
	g.from = after
}

// offer takes lines of the client from the front of run, at most maxLines, as
// far as the link has room and the client may have requests outstanding.
func (s *session) offer(run []byte, maxLines int) (taken, lines int) {
	lk := s.link
	g := newSegment(run, lk.out)
	base := lk.out.Appended()
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := g.line(taken)
		if !g.fits(taken, taken+n) {
			lk.out.WantRoom(n)
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
	m, err := foo.Parse(line)
	if err == nil && m.Type != foo.REQ || err == foo.ErrNakZero {
		err = errNotRequest
	}
	if err != nil {
		p.stats.Add(stats.LinesInvalid, 1)
		if p.config.Strict {
			s.refuse(0, nakOf(err))
			return false
		}
		s.recordless = true
		return true
	}
	p.stats.Add(stats.MsgReq, 1)
	s.noteSeq(m.Seq)
	if err := foo.CheckData(m.Data); err != nil {
		p.stats.Add(stats.DataInvalid, 1)
		if p.config.Strict {
			s.refuse(m.Seq, nakOf(err))
			s.noteLength(s.requests.tail, len(line)+1)
			return false
		}
	}
	id := p.records.take()
	*p.records.at(id) = record{seq: m.Seq, linkSeq: m.Seq, arrived: p.loop.Now(), end: end, session: s.id, state: recordSent}
	p.records.push(&s.requests, clientOrder, id)
	p.records.push(&s.link.requests, linkOrder, id)
	s.noteLength(id, len(line)+1)
	return true
}

func (s *session) noteSeq(seq uint64) {
	switch s.seqs.see(seq) {
	case seqDuplicate:
		s.proxy.stats.Add(stats.Duplicates, 1)
	case seqOutOfOrder:
		s.proxy.stats.Add(stats.OutOfOrder, 1)
	}
}

// refuse makes a record of a NAK whose place is behind everything outstanding.
func (s *session) refuse(seq uint64, n nak) {
	p := s.proxy
	id := p.records.take()
	*p.records.at(id) = record{seq: seq, arrived: p.loop.Now(), session: s.id, state: recordAnswered, nak: n}
	p.records.push(&s.requests, clientOrder, id)
}

// answerHere turns the NAKs made here into bytes whose turn it is, as far as the
// client's output has room.
func (s *session) answerHere() {
	p := s.proxy
	for s.requests.head != 0 && s.state <= sessionFinishing {
		id := s.requests.head
		r := p.records.at(id)
		if r.state != recordAnswered {
			return
		}
		if !s.client.Fits(nakBytesMax) {
			s.client.WantRoom(nakBytesMax)
			return
		}
		var space [nakBytesMax]byte
		line := appendNak(space[:0], r.seq, r.nak)
		s.toClient(line)
		p.stats.Add(stats.MsgNak, 1)
		p.stats.Add(stats.NaksLocal, 1)
		if r.seq != 0 {
			p.stats.Add(stats.Answered, 1)
			p.stats.Latency(p.loop.Now() - r.arrived)
			s.logRefused(id, len(line))
		} else {
			p.stats.Add(stats.NakZero, 1)
		}
		closes := r.nak == nakLineTooLong
		p.records.remove(&s.requests, clientOrder, id)
		p.records.put(id)
		if closes {
			s.because(reqlog.LineTooLong, 0)
			s.end()
		}
	}
}

// reply takes lines of the server from the front of run, at most maxLines, as
// far as the client has room.
func (lk *link) reply(run []byte, maxLines int) (taken, lines int) {
	s := lk.session
	g := newSegment(run, clientOutput{s})
	for lines < maxLines && taken < len(run) && s.state <= sessionFinishing && !s.owesNak() {
		n := g.line(taken)
		if !g.fits(taken, taken+n) {
			s.client.WantRoom(n)
			break
		}
		lines += lk.takeReply(run[taken : taken+n-1])
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

// owesNak reports whether a NAK made here is next. Nothing may pass it.
func (s *session) owesNak() bool {
	return s.requests.head != 0 && s.proxy.records.at(s.requests.head).state == recordAnswered
}

// takeReply counts a server's line, without its LF, and answers its request. It
// gives what that costs of the turn's budget, in lines: a server that answers
// out of order, or nobody, has its replies looked for among all that wait.
func (lk *link) takeReply(line []byte) (cost int) {
	p := lk.session.proxy
	m, err := foo.Parse(line)
	switch {
	case err == foo.ErrNakZero:
		p.stats.Add(stats.MsgNak, 1)
		p.stats.Add(stats.NakZero, 1)
		return 1
	case err != nil || m.Type == foo.REQ:
		p.stats.Add(stats.LinesInvalid, 1)
		return 1
	case m.Type == foo.ACK:
		p.stats.Add(stats.MsgAck, 1)
	default:
		p.stats.Add(stats.MsgNak, 1)
	}
	id, passed := p.records.find(&lk.requests, m.Seq)
	cost = 1 + passed/recordsPerLine
	if id == 0 {
		p.stats.Add(stats.Strays, 1)
		return cost
	}
	r := p.records.at(id)
	p.stats.Add(stats.Answered, 1)
	p.stats.Latency(p.loop.Now() - r.arrived)
	lk.session.logAnswered(id, m.Type, len(line)+1)
	if !p.records.remove(&lk.requests, linkOrder, id) {
		p.stats.Add(stats.OutOfOrder, 1)
	}
	p.records.remove(&lk.session.requests, clientOrder, id)
	p.records.put(id)
	return cost
}

// detach lets go what is outstanding: the server is gone, or the client is.
func (s *session) detach() {
	p := s.proxy
	for s.requests.head != 0 {
		id := s.requests.head
		r := p.records.at(id)
		if r.seq != 0 {
			p.stats.Add(stats.Abandoned, 1)
			s.logAbandoned(id)
		}
		if r.state == recordSent {
			p.records.remove(&s.link.requests, linkOrder, id)
		}
		p.records.remove(&s.requests, clientOrder, id)
		p.records.put(id)
	}
}
