// session.go owns the client side: one client, from its accept to the end of
// both its connections. What happens between client and server is exchange.go's
// business, the server side link.go's.

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/stats"
)

// A session's life:
//
//	from \ event   client's FIN, drain   end (server gone, all said)   client gone   both closed
//	relaying       finishing             ending                        over          -
//	finishing      -                     ending                        over          -
//	ending         -                     -                             over          -
//	over           -                     -                             -             (freed)
type sessionState uint8

const (
	sessionRelaying  sessionState = iota
	sessionFinishing              // no more requests come; replies still do
	sessionEnding                 // the client gets what it is owed, then FIN
	sessionOver                   // the client is gone
)

// session is one client. It has a link, or none before its link was dialled
// and after that is gone. It takes 128 bytes, and a test holds it there, since
// most clients are idle and the allocator's next size is 144.
type session struct {
	proxy      *Proxy
	client     *poller.Conn
	link       *link
	seqs       seqWatch
	requests   queue // in the order the client sent them
	id         uint32
	place      int32 // in the proxy's list
	peer       poller.Peer
	first      link // the link that starts with it, so that the two are one object
	state      sessionState
	draining   bool // finishes as soon as nothing is outstanding
	recordless bool // lines were forwarded whose replies nobody waits for here
	starved    bool // not read, since memory is short
	full       bool // not read, since too many requests are outstanding
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

// ReadRoom lets the client be read as far as its link, its outstanding requests
// and the memory of the process allow.
func (s *session) ReadRoom(c *poller.Conn) int {
	if s.link == nil {
		return 0
	}
	if int(s.requests.count) >= s.proxy.config.MaxOutstanding {
		s.full = true
		return 0
	}
	if s.proxy.awaitMemory(s) {
		return 0
	}
	return min(readRoom(s.link.out, c.Kept(), s.proxy.config.Server.HighMark), clientReadBytes)
}

// OnLines offers the client's lines to its link.
func (s *session) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	if s.link == nil {
		return 0, 0
	}
	taken, lines = s.offer(run, maxLines)
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
		if !s.proxy.config.Strict {
			s.proxy.stats.Add(stats.BytesIn, int64(len(fragment)))
			s.link.out.Append(fragment)
			s.recordless = true
		}
	}
	if c.Ended() {
		s.link.out.FinishWrite()
		return
	}
	s.answered()
}

// OnRoom: the client has taken output.
func (s *session) OnRoom(*poller.Conn) {
	s.answerHere()
	s.answered()
	if s.link != nil && s.state <= sessionFinishing {
		s.link.out.Resume()
	}
}

// OnClose: the client is gone.
func (s *session) OnClose(_ *poller.Conn, why poller.Cause) {
	p := s.proxy
	p.stats.Add(stats.Closes, 1)
	if ce := p.log.Check(zap.DebugLevel, "client closed"); ce != nil {
		ce.Write(zap.Stringer("client", s.peer), zap.Uint32("session", s.id), zap.Stringer("why", why))
	}
	s.enter(sessionOver)
	p.forgetStarved(s)
	p.forgetUndialled(s)
	s.becauseOf(why)
	s.detach()
	s.logClose()
	if s.link == nil {
		p.freeSession(s)
		return
	}
	s.link.out.Close()
}

// answered is called after replies were taken: the client may be read again,
// and a session that only waited for them ends.
func (s *session) answered() {
	if s.full && int(s.requests.count) < s.proxy.config.MaxOutstanding {
		s.full = false
		s.client.Resume()
	}
	if s.draining && s.state == sessionFinishing && s.requests.count == 0 {
		s.finishDrain()
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
	s.proxy.forgetStarved(s)
	s.proxy.forgetUndialled(s)
	s.client.Close()
	s.detach()
	if s.link != nil {
		s.link.out.Close()
	}
}

// held is the memory the session costs, in bytes.
func (s *session) held() int {
	n := s.client.Held() + int(s.requests.count)*recordBytes
	if s.link != nil {
		n += s.link.out.Held()
	}
	return n
}
