// session.go owns the client side: one client, from its accept to the end of
// all its connections. What happens between client and server is exchange.go's
// business, the server side link.go's.

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// A session's life:
//
//	from \ event   client's FIN, drain   end (all said)   client gone   all closed
//	relaying       finishing             ending           over          -
//	finishing      -                     ending           over          -
//	ending         -                     -                over          -
//	over           -                     -                -             (freed)
type sessionState uint8

const (
	sessionRelaying  sessionState = iota
	sessionFinishing              // no more requests come; replies still do
	sessionEnding                 // the client gets what it is owed, then FIN
	sessionOver                   // the client is gone
)

// session is one client. It takes 128 bytes with its link, and a test holds it
// there, since most clients are idle and the allocator's next size is 144.
type session struct {
	proxy    *Proxy
	client   *poller.Conn
	extra    *extra // what few need, or need for a while
	link     link
	seqs     seqWatch
	requests queue // in the order the client sent them
	id       uint32
	place    int32 // in the proxy's list
	peer     poller.Peer
	state    sessionState
	draining bool  // finishes as soon as nothing is outstanding
	starved  bool  // not read, since memory is short
	full     bool  // not read, since too many requests are outstanding
	begun    bool  // a request has left on an earlier link, or was answered for want of one
	waits    bool  // on the list of those that wait for a server or a descriptor
	evens    bool  // it leaves its server so that others get their share
	refusals uint8 // of servers, since it began to look for one
	tried    uint8 // addresses of the server that is dialled
}

// enter changes the state, and panics on a way back: the table above has none.
func (s *session) enter(next sessionState) {
	if next <= s.state {
		panic("session: there is no way back")
	}
	s.state = next
}

// OnOpen is not called: clients are accepted.
func (s *session) OnOpen(*poller.Conn) {}

// way is where a client's next line goes.
type way uint8

const (
	wayForward way = iota // to the link
	wayChoose             // there is no link: the line looks for a server first
	wayQueue              // kept until there is a link that takes it
	wayShared             // to any of the links that all share
	wayRefuse             // answered NAK: no server takes it
	wayNowhere            // the session ends
)

func (s *session) way() way {
	switch {
	case s.state > sessionFinishing:
		return wayNowhere
	case s.waits, s.link.state == linkLeaving:
		return wayQueue
	case s.proxy.mux != nil && s.queuedBytes() > 0:
		return wayQueue
	case s.proxy.mux != nil:
		return wayShared
	case s.link.state == linkNone:
		return wayChoose
	}
	return wayForward
}

// chooseWay has a session without a link look for a server, for its next line.
func (s *session) chooseWay() way {
	s.connect()
	if way := s.way(); way != wayChoose {
		return way
	}
	return wayRefuse
}

// ReadRoom lets the client be read as far as its link, its outstanding requests
// and the memory of the process allow.
func (s *session) ReadRoom(c *poller.Conn) int {
	if int(s.requests.count) >= s.proxy.config.MaxOutstanding {
		s.full = true
		return 0
	}
	if s.proxy.awaitMemory(s) {
		return 0
	}
	switch s.way() {
	case wayForward:
		return min(readRoom(s.link.conn, c.Kept(), s.proxy.config.Server.HighMark), clientReadBytes)
	case wayQueue:
		return min(s.queueRoom(c.Kept()), clientReadBytes)
	case wayShared:
		return s.sharedRoom(c.Kept())
	case wayChoose:
		return clientReadBytes
	}
	return 0
}

// OnLines takes the client's lines, wherever they go.
func (s *session) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	if s.link.state == linkLeaving && s.owed() == 0 {
		s.move() // its server has not closed behind an end word
	}
	way := s.way()
	if way == wayChoose {
		way = s.chooseWay()
	}
	switch way {
	case wayForward:
		taken, lines = s.offer(run, maxLines)
	case wayShared:
		taken, lines = s.offerShared(run, maxLines)
	case wayQueue:
		taken, lines = s.queueLines(run, maxLines)
	case wayRefuse:
		taken, lines = s.refuseLines(run, maxLines)
	}
	s.proxy.stats.Add(stats.BytesIn, int64(taken))
	if int(s.requests.count) >= s.proxy.config.MaxOutstanding {
		s.full = true
	}
	return taken, lines
}

// OnLongLine refuses the client, behind the replies it still gets.
func (s *session) OnLongLine(*poller.Conn, []byte) { s.refuseLongLine() }

func (s *session) refuseLongLine() {
	s.proxy.stats.Add(stats.LinesInvalid, 1)
	s.refuse(0, nakLineTooLong)
	s.client.Mute()
	s.answerHere()
}

// OnEnd: the client sends no more. Its unfinished line goes on as it is, unless
// only whole requests may, or the proxy itself stopped listening.
func (s *session) OnEnd(c *poller.Conn, fragment []byte) {
	if s.state != sessionRelaying {
		return
	}
	s.enter(sessionFinishing)
	if len(fragment) > 0 && c.Ended() {
		s.proxy.stats.Add(stats.LinesInvalid, 1)
		if !s.proxy.config.Strict && s.way() == wayForward {
			s.proxy.stats.Add(stats.BytesIn, int64(len(fragment)))
			s.link.conn.Append(fragment)
			s.link.recordless = true
		}
	}
	if c.Ended() && s.way() == wayForward {
		s.link.conn.FinishWrite()
		return
	}
	s.answered()
}

// OnRoom: the client has taken output.
func (s *session) OnRoom(*poller.Conn) {
	s.answerHere()
	s.answered()
	switch {
	case s.state > sessionFinishing:
	case s.link.conn != nil:
		s.link.conn.Resume()
	case s.proxy.mux != nil:
		s.client.Resume()
	}
}

// OnClose: the client is gone.
func (s *session) OnClose(_ *poller.Conn, why poller.Cause) {
	p := s.proxy
	p.stats.Add(stats.Closes, 1)
	p.door.perIP.leave(s.peer)
	if ce := p.log.Check(zap.DebugLevel, "client closed"); ce != nil {
		ce.Write(zap.Stringer("client", s.peer), zap.Uint32("session", s.id), zap.Stringer("why", why))
	}
	s.enter(sessionOver)
	p.forgetPatience(s)
	s.becauseOf(why)
	s.detach()
	s.logClose()
	if s.link.conn == nil {
		p.freeSession(s)
		return
	}
	s.link.conn.Close()
}

// answered is called after replies were taken, or NAKs given: the client may be
// read again, a session that leaves its server may go, and one that only waited
// for its replies ends.
func (s *session) answered() {
	if s.full && int(s.requests.count) < s.proxy.config.MaxOutstanding {
		s.full = false
		s.client.Resume()
	}
	if s.state <= sessionFinishing && s.mayMove() {
		s.move()
	}
	if s.state != sessionFinishing || s.requests.count != 0 {
		return
	}
	if s.draining {
		s.finishDrain()
	} else if s.link.conn == nil && s.client.Ended() {
		s.because(reqlog.ClientEnded, 0)
		s.end()
	}
}

// toClient appends output for the client.
func (s *session) toClient(p []byte) {
	s.proxy.stats.Add(stats.BytesOut, int64(len(p)))
	s.client.Append(p)
}

// clientOutput is a session as the outlet of replies, which are counted.
type clientOutput struct{ *session }

func (o clientOutput) Append(p []byte) { o.toClient(p) }
func (o clientOutput) Fits(n int) bool { return o.client.Fits(n) }
func (o clientOutput) Room() int       { return o.client.Room() }
func (o clientOutput) WantRoom(n int)  { o.client.WantRoom(n) }

// end says goodbye to the client: what was appended is delivered, then FIN.
func (s *session) end() {
	if s.state >= sessionEnding {
		return
	}
	s.enter(sessionEnding)
	s.proxy.forgetPatience(s)
	s.client.Close()
	s.detach()
	if s.link.conn != nil {
		s.link.conn.Close()
	}
}

// held is the memory the session costs, in bytes.
func (s *session) held() int {
	n := s.client.Held() + int(s.requests.count)*recordBytes + s.queuedBytes() + s.heldBytes()
	if s.link.conn != nil {
		n += s.link.conn.Held()
	}
	return n
}
