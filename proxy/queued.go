// queued.go owns the requests of a session that wait for a server: their lines, in
// the order of their records, until there is a link that takes them.

package proxy

import (
	"bytes"

	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// extra is what few sessions need, or need for a while.
type extra struct {
	timer   poller.Timer // when a request's time is over
	due     int64        // what it is set for
	lines   []byte       // of queued requests
	blocked int64        // since when a line waits that cannot be queued; 0: none does
	expired int32        // requests on the link that were answered here
	held    heldBack     // replies that wait for older ones
}

// more gives the session what few need.
func (s *session) more() *extra {
	if s.extra == nil {
		p := s.proxy
		if last := len(p.spareExtras) - 1; last >= 0 {
			s.extra, p.spareExtras = p.spareExtras[last], p.spareExtras[:last]
		} else {
			s.extra = new(extra)
		}
	}
	return s.extra
}

// less takes it back.
func (s *session) less() {
	x := s.extra
	if x == nil {
		return
	}
	p := s.proxy
	p.loop.Disarm(&x.timer)
	p.queued -= len(x.lines)
	p.heldBack -= len(x.held.text)
	s.extra = nil
	if len(p.spareExtras) < spareExtrasMax {
		*x = extra{}
		p.spareExtras = append(p.spareExtras, x)
	}
}

func (s *session) queuedBytes() int {
	if s.extra == nil {
		return 0
	}
	return len(s.extra.lines)
}

// queuedLines is how many requests are queued.
func (s *session) queuedLines() int {
	if s.extra == nil {
		return 0
	}
	return bytes.Count(s.extra.lines, []byte{'\n'})
}

// queueRoom is how much may be read to be queued, on top of what is kept. The rest
// waits with the client.
func (s *session) queueRoom(kept int) int {
	if !s.proxy.failsOver() {
		return 0
	}
	return max(0, s.proxy.config.Server.HighMark-s.queuedBytes()-kept)
}

// queueLines takes lines of the client that no link takes now. A line without a
// record is not taken: nobody here knows of its reply, so it must go to the link
// that its session stays with.
func (s *session) queueLines(run []byte, maxLines int) (taken, lines int) {
	p := s.proxy
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := lineLength(run[taken:])
		if queued := s.queuedBytes(); queued > 0 && queued+n > p.config.Server.HighMark {
			break
		}
		line := run[taken : taken+n]
		m, err := parseRequest(line[:n-1])
		if err != nil && !p.config.Strict {
			s.block()
			break
		}
		if err == nil && p.mux != nil && p.isEndWord(m.Data) {
			s.bidFarewell(m, n)
			return taken + n, lines + 1
		}
		if err != nil {
			p.stats.Add(stats.LinesInvalid, 1)
			s.refuse(0, nakOf(err))
		} else if s.meet(m, n) {
			s.enrol(m, n, recordQueued)
			x := s.more()
			x.lines = append(x.lines, line...)
			p.queued += n
		}
		taken += n
		lines++
	}
	s.awaitPatiently()
	s.answerHere()
	return taken, lines
}

// block notes that a line waits that cannot be queued.
func (s *session) block() {
	if x := s.more(); x.blocked == 0 {
		x.blocked = s.proxy.loop.Now()
	}
}

// queueBefore puts lines in front of those that are queued.
func (s *session) queueBefore(lines []byte) {
	if len(lines) == 0 {
		return
	}
	x := s.more()
	s.proxy.queued += len(lines)
	x.lines = append(lines, x.lines...)
	s.awaitPatiently()
}

// sendQueued offers what is queued to the link, which is new.
func (s *session) sendQueued() {
	if s.extra == nil {
		return
	}
	p, x := s.proxy, s.extra
	x.blocked = 0
	p.queued -= len(x.lines)
	lines := x.lines
	x.lines = nil
	for id := s.requests.head; len(lines) > 0; {
		r := p.records.at(id)
		if r.state == recordQueued {
			n := lineLength(lines)
			s.sendAgain(id, lines[:n])
			lines = lines[n:]
		}
		id = r.nextClient
	}
}

// sendAgain offers one request's line to the link.
func (s *session) sendAgain(id recordID, line []byte) {
	p, conn := s.proxy, s.link.conn
	p.scratch = s.appendRequest(p.scratch[:0], line, id, conn.Appended())
	conn.Append(p.scratch)
	m, err := parseRequest(line[:len(line)-1])
	if err != nil {
		panic("queued: what is queued is no request: " + err.Error())
	}
	s.putOnLink(id, m.Data)
	p.records.at(id).nak = nakTimeout // its time runs already, by no fault of this server
}

// refuseQueued answers everything that is queued.
func (s *session) refuseQueued(why nak) {
	if s.queuedBytes() == 0 {
		return
	}
	p := s.proxy
	p.queued -= len(s.extra.lines)
	s.extra.lines = nil
	for id := s.requests.head; id != 0; {
		r := p.records.at(id)
		if r.state == recordQueued {
			r.state, r.nak = recordAnswered, why
		}
		id = r.nextClient
	}
	s.begun = true
	s.answerHere()
}

// refuseLines answers lines of the client for which there is no server. One without
// a record cannot be answered, and closes its client.
func (s *session) refuseLines(run []byte, maxLines int) (taken, lines int) {
	p := s.proxy
	for lines < maxLines && taken < len(run) && s.mayAsk() {
		n := lineLength(run[taken:])
		m, err := parseRequest(run[taken : taken+n-1])
		taken += n
		lines++
		switch {
		case err == nil && p.mux != nil && p.isEndWord(m.Data):
			s.bidFarewell(m, n)
			return taken, lines
		case err != nil && !p.config.Strict:
			p.stats.Add(stats.LinesInvalid, 1)
			s.answerHere()
			s.endUnserved()
			return taken, lines
		case err != nil:
			p.stats.Add(stats.LinesInvalid, 1)
			s.refuse(0, nakOf(err))
		case s.meet(m, n):
			s.noteLength(s.refuse(m.Seq, nakNoServer), n)
			s.begun = true
		}
	}
	s.answerHere()
	return taken, lines
}

// endUnserved ends a session that has a line for which there is no server, and
// which cannot be answered.
func (s *session) endUnserved() {
	s.because(reqlog.NoServer, 0)
	s.end()
}
