// exchange.go is where session, link and record meet: a request is offered to a
// link, a reply finds its request, and what is outstanding is let go when one of
// the two sides is gone. It makes no system calls: bytes come in as runs of
// whole lines, and leave by being appended.
//
//	client ─► offer ─► record on both queues ─► link's output ─► server
//	client ◄─ reply ◄─ record off both queues ◄─ its Seq ◄───── server
//	             ▲
//	             └── a NAK made here takes the place of its request: it becomes
//	                 bytes when all before it are answered (answer.go)
//
// A link that began with its session carries bytes as they are; a later one
// carries requests with numbers of its own, and replies get their client's back.
//
// A line from a client:
//
//	                              transparent               strict
//	REQ                           forwarded, a record       the same
//	REQ, Data not UTF-8 or NUL    the same, counted         NAK <seq>, not forwarded
//	anything else                 forwarded, counted        NAK 0, not forwarded
//
// A line from a server is forwarded, but for late replies:
//
//	ACK, NAK with a record        the oldest of that Seq is answered
//	ACK, NAK whose request was    swallowed, counted as late
//	answered here
//	ACK, NAK without a record     counted as a stray; with numbers of the link:
//	                              swallowed, counted as late
//	NAK 0                         counted as such
//	anything else                 counted as invalid

package proxy

import (
	"bytes"

	"fooproxy/stats"
)

// lineLength is the length of the line that whole lines begin with, LF included.
func lineLength(run []byte) int { return bytes.IndexByte(run, '\n') + 1 }

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
func (g *segment) line(at int) int { return lineLength(g.run[at:]) }

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
		p.records.remove(&s.requests, clientOrder, id)
		switch {
		case r.isSent() || r.state == recordExpired:
			if p.mux != nil && r.isSent() {
				p.mux.linkOf(r).disappoint()
			}
			r.state = recordAbandoned // its link has it
		default:
			p.records.put(id)
		}
	}
	if p.mux != nil {
		p.mux.leave(s)
	}
	s.forgetLink()
	s.less()
}

// forgetLink frees what the link's queue holds of a session that has ended.
func (s *session) forgetLink() {
	p, lk := s.proxy, &s.link
	if lk.upstream != nil {
		lk.upstream.load.outstanding -= lk.requests.count
	}
	for id := lk.requests.head; id != 0; {
		next := p.records.at(id).nextLink
		p.records.put(id)
		id = next
	}
	lk.requests = queue{}
}
