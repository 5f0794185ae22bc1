// answer.go owns the NAKs that the proxy itself gives: each takes its request's
// place among the replies, and becomes bytes when its turn has come.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// refuse makes a record of a NAK whose place is behind everything outstanding.
func (s *session) refuse(seq uint64, n nak) recordID {
	p := s.proxy
	id := p.records.take()
	*p.records.at(id) = record{seq: seq, arrived: p.loop.Now(), session: s.mark(), state: recordAnswered, nak: n}
	p.records.push(&s.requests, clientOrder, id)
	return id
}

// owesNak reports whether a NAK made here is next. Nothing may pass it.
func (s *session) owesNak() bool {
	return s.requests.head != 0 && s.proxy.records.at(s.requests.head).isAnswered()
}

// answerHere turns the NAKs made here into bytes whose turn it is, as far as the
// client's output has room.
func (s *session) answerHere() {
	for s.state <= sessionFinishing && s.owesNak() {
		if !s.client.Fits(nakBytesMax) {
			s.client.WantRoom(nakBytesMax)
			return
		}
		if id := s.requests.head; s.proxy.records.at(id).state != recordHeld {
			s.answerFirst()
		} else if !s.release(id) {
			return
		}
	}
}

// answerFirst gives the NAK that is next.
func (s *session) answerFirst() {
	p, id := s.proxy, s.requests.head
	r := p.records.at(id)
	if r.nak == ackEndWord {
		s.sayFarewell(id)
		return
	}
	var space [nakBytesMax]byte
	line := appendNak(space[:0], r.seq, r.nak)
	s.toClient(line)
	p.stats.Add(stats.MsgNak, 1)
	p.stats.Add(stats.NaksLocal, 1)
	p.naks[r.nak-1]++
	if r.seq != 0 {
		p.stats.Add(stats.Answered, 1)
		p.stats.Latency(p.loop.Now() - r.arrived)
		s.logRefused(id, len(line))
	} else {
		p.stats.Add(stats.NakZero, 1)
	}
	closes := r.nak == nakLineTooLong
	p.records.remove(&s.requests, clientOrder, id)
	if r.state == recordExpired {
		r.state = recordAbandoned // its server may still reply
	} else {
		p.records.put(id)
	}
	if closes {
		s.because(reqlog.LineTooLong, 0)
		s.end()
	}
}

// sayFarewell answers an end word in a server's place, and closes its client.
func (s *session) sayFarewell(id recordID) {
	p := s.proxy
	r := p.records.at(id)
	var space [nakBytesMax]byte
	line := foo.AppendMessage(space[:0], foo.ACK, r.seq, nil)
	s.toClient(line)
	p.stats.Add(stats.MsgAck, 1)
	p.stats.Add(stats.Answered, 1)
	p.stats.Latency(p.loop.Now() - r.arrived)
	s.logAnswered(id, foo.ACK, len(line))
	p.records.remove(&s.requests, clientOrder, id)
	p.records.put(id)
	s.because(reqlog.ClientEnded, 0)
	s.end()
}
