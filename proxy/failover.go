// failover.go owns what becomes of a session whose link is lost or must be left:
// which requests are answered here, which go to another server, and which wait.
//
//	                          lost                          left, since its server is
//	                                                        ejected or drained
//	a byte has left           NAK upstream lost             its reply is waited for
//	no byte has left          queued ─► another link        queued ─► another link
//	half a reply              dropped                       waited for
//	new requests              another link                  queued, then another link
//
// Where the close is relayed instead, the client gets what came and is closed.

package proxy

import (
	"bytes"
	"syscall"

	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// relays reports whether the end of the link ends the session: in that mode, after
// an end word, or since lines have gone whose replies nobody here knows of.
func (s *session) relays() bool {
	return !s.proxy.failsOver() || s.link.recordless || s.link.farewell
}

// serverEnded: the server says no more. rest is what came behind the last LF.
func (s *session) serverEnded(why failure, rest []byte) {
	if s.relays() {
		s.relayRest(why, rest)
		return
	}
	s.lose(why)
}

// relayRest delivers bytes that are not whole lines, and ends the session. Half a
// reply with a number of the link's would mean another request to the client, and
// half a reply that is late a second answer.
func (s *session) relayRest(why failure, rest []byte) {
	if len(rest) > 0 {
		s.proxy.stats.Add(stats.LinesInvalid, 1)
		if s.link.seq == 0 && (s.extra == nil || s.extra.expired == 0) {
			s.toClient(rest)
		}
	}
	s.blame(s.link.upstream, why, s.owed())
	s.becauseServerEnded()
	s.end()
	s.link.conn.Abort() // what its server did not read before it ended is of no use to it
}

// serverLost: the link that stood is gone, and its server has not said that it
// would end.
func (s *session) serverLost(why poller.Cause) {
	reason := failureReset
	switch {
	case why.Kind == poller.CauseWriteTimeout:
		reason = failureWriteTimeout
	case why.Errno == syscall.EPIPE:
		reason = failureEnded // before our output reached it
	}
	if !s.relays() {
		s.lose(reason)
		return
	}
	s.blame(s.link.upstream, reason, s.owed())
	s.because(reqlog.ServerLost, why.Errno)
	s.end()
	s.closed()
}

// lose lets the link go, and everything on it.
func (s *session) lose(why failure) {
	u := s.link.upstream
	s.takeBack()
	lost := s.clearLink(nakUpstreamLost)
	s.noteBegun()
	s.drop().Abort()
	s.blame(u, why, lost)
	s.goOn()
}

// blame tells a server of the link that it has ended. Behind its client's end and
// with nothing owed that is what it is for, however it does it. Nor is a server
// ejected that resets a client whose lines are no requests: it may have its reasons.
func (s *session) blame(u *upstream, why failure, owed int) {
	if s.client.Ended() && owed == 0 && s.requests.count == 0 {
		return
	}
	u.lost(why, owed)
	if why == failureReset && !s.link.recordless {
		s.proxy.eject(u, "resets connections")
	}
}

// leave has the session go to another server as soon as its own owes it nothing.
// Where the server alone knows what it owes, the session stays.
func (s *session) leave() {
	if s.state > sessionFinishing || !s.proxy.failsOver() || s.link.recordless {
		return
	}
	switch s.link.state {
	case linkDialling:
		s.takeBack()
		s.clearLink(nakUpstreamLost) // nothing is left on it
		s.drop().Abort()
		s.goOn()
	case linkOpen:
		s.takeBack()
		s.link.state = linkLeaving
		s.answerHere()
		s.answered()
	}
}

// mayMove reports whether a session that leaves its server may go now. Behind an
// end word the server has its time to close, until the client wants something else.
func (s *session) mayMove() bool {
	if s.link.state != linkLeaving || s.owed() > 0 {
		return false
	}
	return !s.link.farewell || s.extra != nil && (len(s.extra.lines) > 0 || s.extra.blocked != 0)
}

// move leaves a link whose server owes nothing that the client waits for.
func (s *session) move() {
	s.clearLink(nakUpstreamLost)
	s.noteBegun()
	s.drop().Close()
	s.goOn()
}

// noteBegun has the next link count from 1, where a request has left on this one.
func (s *session) noteBegun() {
	if s.link.conn.Written() > uint64(s.link.preamble) {
		s.begun = true
	}
}

// goOn follows the loss of a link: what is queued looks for another server. A
// session without requests does so with its next one, unless it left so that
// another server gets its share.
func (s *session) goOn() {
	s.answerHere()
	if s.state <= sessionFinishing && (s.queuedBytes() > 0 || s.evens) {
		s.connect()
	}
	s.goOnWithoutLink()
}

// dialFailed: no connection was made. What waits goes to the next server as it
// is, since none of it has left.
func (s *session) dialFailed(why poller.Cause) {
	short := isShortage(why.Errno)
	if u := s.link.upstream; short || int(s.tried) >= len(u.addrs) {
		s.leaveUpstream()
		if !short {
			u.unreachable(why)
			s.noteRefusal()
		}
	}
	conn, lacks := s.dial()
	if conn != nil {
		s.moveTo(conn)
		return
	}
	if short && lacks == 0 {
		lacks = why.Errno
	}
	if s.link.recordless {
		s.endWithoutLink(why, lacks)
		return
	}
	s.takeBack()
	s.clearLink(nakNoServer)
	s.link = link{}
	if s.proxy.failsOver() || lacks != 0 {
		s.lack(lacks)
		s.goOnWithoutLink()
		return
	}
	s.endWithoutLink(why, lacks)
}

// goOnWithoutLink has NAKs delivered that were made, and the client read again.
func (s *session) goOnWithoutLink() {
	s.answerHere()
	s.answered()
	s.client.Resume()
}

// endWithoutLink ends a session whose last dial has failed.
func (s *session) endWithoutLink(why poller.Cause, short poller.Errno) {
	if short != 0 {
		s.proxy.complainOfShortage(short)
		s.because(reqlog.OutOfResources, short)
	} else {
		s.because(reqlog.ServerUnreachable, why.Errno)
	}
	s.end()
	s.link = link{}
}

// moveTo gives the link another connection. What waits for the old one goes on:
// none of it has left, so its places in the stream are the same.
func (s *session) moveTo(conn *poller.Conn) {
	old := s.link.conn
	s.link.conn = conn
	conn.Append(old.TakeBack(0))
	if s.client.Ended() {
		conn.FinishWrite()
	}
	s.client.Resume() // the old one will not tell of room any more
	s.answered()
}

// takeBack queues the requests of the link of which no byte has left. The rest of
// one that is under way stays in the output.
func (s *session) takeBack() {
	p, lk := s.proxy, &s.link
	written := lk.conn.Written()
	back := lk.conn.Unsent()
	stays := len(back)
	var lines []byte
	all := lk.requests
	lk.requests = queue{}
	for id := all.head; id != 0; {
		r := p.records.at(id)
		next := r.nextLink
		r.nextLink = 0
		begin, whole := r.unsent(written, back, uint64(lk.preamble))
		if !whole {
			p.records.push(&lk.requests, linkOrder, id)
			id = next
			continue
		}
		stays = min(stays, int(begin-written))
		if r.isSent() {
			r.state = recordQueued
			lines = append(lines, back[begin-written:r.end-written]...)
		} else {
			s.forgetExpired(id)
			s.begun = true
		}
		if lk.upstream != nil {
			lk.upstream.load.outstanding--
		}
		id = next
	}
	lk.conn.TakeBack(written + uint64(stays))
	s.queueBefore(lines)
}

// unsent is where the line of a request begins, and whether all of it is among
// the bytes that were not sent, which back begins with at written. Up to the end of
// the preamble nothing was sent in any case; it may hold line ends that are none.
func (r *record) unsent(written uint64, back []byte, preamble uint64) (begin uint64, whole bool) {
	if r.end <= written {
		return 0, false
	}
	if r.length < longLength {
		begin = r.end - uint64(r.length)
		return begin, begin >= written
	}
	if before := bytes.LastIndexByte(back[:r.end-written-1], '\n'); before >= 0 {
		return max(written+uint64(before)+1, preamble), true
	}
	return preamble, written <= preamble
}

// clearLink takes off the link what is still on it: requests that wait for its
// replies are answered with the given reason, and counted.
func (s *session) clearLink(why nak) (lost int) {
	p, lk := s.proxy, &s.link
	all := lk.requests
	if lk.upstream != nil {
		lk.upstream.load.outstanding -= all.count
	}
	lk.requests = queue{}
	for id := all.head; id != 0; {
		r := p.records.at(id)
		next := r.nextLink
		r.nextLink = 0
		if r.isSent() {
			r.state, r.nak = recordAnswered, why
			lost++
		} else {
			s.forgetExpired(id)
		}
		id = next
	}
	return lost
}
