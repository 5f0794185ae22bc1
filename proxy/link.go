// link.go owns the server side of a session: the dial, through the servers that
// the balancing chooses and their addresses, and what the server's connection
// tells. What happens between client and server is exchange.go's business, what
// becomes of requests whose link is lost failover.go's.

package proxy

import (
	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
)

// A link's life:
//
//	from \ event   dial      accepted   server ejected, drained   nothing owed   lost, refused
//	none           dialling  -          -                         -              -
//	dialling       -         open       none                      -              none
//	open           -         -          leaving                   -              none
//	leaving        -         -          -                         none           none
type linkState uint8

const (
	linkNone linkState = iota
	linkDialling
	linkOpen
	linkLeaving // forwards nothing more; what its server owes is waited for
)

// link is a session's connection to a server. conn is nil where there is none,
// and upstream is then nil as well.
type link struct {
	conn       *poller.Conn
	upstream   *upstream
	seq        uint64 // what its next request is numbered; 0: as the client numbers it
	requests   queue  // that its server owes a reply, in the order they were offered
	state      linkState
	recordless bool  // lines were forwarded whose replies nobody waits for here
	farewell   bool  // its last reply answered an end word
	preamble   uint8 // bytes of its output before the first line
}

// owed is how many replies the clients waits for.
func (s *session) owed() int {
	n := int(s.link.requests.count)
	if s.extra != nil {
		n -= int(s.extra.expired)
	}
	return n
}

// dial starts a connection to the server that is the session's turn: the next
// address of the one that was tried last, or another one. There is none where no
// server takes sessions now, where as many have refused this one as there are, or
// where we are short of something ourselves, which short tells.
func (s *session) dial() (conn *poller.Conn, short poller.Errno) {
	p := s.proxy
	for {
		u := s.link.upstream
		if u == nil {
			if s.hasTriedAll() {
				return nil, short
			}
			if u = p.choose(s); u == nil {
				return nil, short
			}
			s.join(u)
		}
		why := poller.Cause{Kind: poller.CauseRefused}
		for int(s.tried) < len(u.addrs) {
			addr := u.addrs[s.tried]
			s.tried++
			s.logServer(addr)
			conn, e := p.loop.Dial(addr, &p.config.Socket, (*serverSide)(s), &p.config.Server)
			if e == 0 {
				return conn, 0
			}
			why.Errno = e
			if isShortage(e) {
				short = e
				break
			}
		}
		s.leaveUpstream()
		if short != 0 {
			return nil, short
		}
		u.unreachable(why)
		s.noteRefusal()
	}
}

// noteRefusal notes a server none of whose addresses could be reached.
func (s *session) noteRefusal() { s.refusals = min(s.refusals+1, refusalsMax) }

// hasTriedAll reports whether no more servers are to be tried at once. While one that
// does not answer is waited for, another that did not may be due again: their client
// must not wait for ever.
func (s *session) hasTriedAll() bool {
	return int(s.refusals) >= min(len(s.proxy.upstreams), refusalsMax)
}

// join counts the session among those of a server.
func (s *session) join(u *upstream) {
	s.link.upstream, s.tried = u, 0
	u.load.sessions++
	if u.opening++; u.opening == 1 {
		u.triedAt = s.proxy.loop.Now()
	}
	u.load.outstanding += s.link.requests.count
}

func (s *session) leaveUpstream() {
	u := s.link.upstream
	u.load.sessions--
	if s.link.state < linkOpen {
		u.opening--
	}
	u.load.outstanding -= s.link.requests.count
	s.link.upstream = nil
	u.left()
}

// connect gives the session a link, and what is queued goes there. Where it
// cannot have one now it reports false: it waits, its requests were answered
// here, or it has ended.
func (s *session) connect() bool {
	if s.proxy.mux != nil {
		return s.connectShared()
	}
	s.refusals = 0
	conn, short := s.dial()
	if conn == nil {
		s.lack(short)
		return false
	}
	s.link.conn, s.link.state, s.evens = conn, linkDialling, false
	if s.begun {
		s.link.seq = 1
	}
	s.link.preamble = uint8(s.announce(conn))
	s.sendQueued()
	if s.client.Ended() {
		conn.FinishWrite()
	}
	s.client.Resume()
	return true
}

// lack is what becomes of a session that got no link.
func (s *session) lack(short poller.Errno) {
	switch {
	case short != 0:
		s.proxy.await(s)
		s.proxy.complainOfShortage(short)
	case s.proxy.failsOver() && s.proxy.awaitsTrial(s.proxy.loop.Now(), true):
		s.proxy.await(s)
		s.awaitPatiently()
	case !s.proxy.failsOver():
		s.because(reqlog.ServerUnreachable, 0)
		s.end()
	case s.proxy.config.NoServerWait > 0:
		s.proxy.await(s)
		s.awaitPatiently()
	default:
		s.refuseQueued(nakNoServer)
	}
}

// drop forgets the link. Its connection is not the session's business any more.
// Nothing may be on its queue.
func (s *session) drop() *poller.Conn {
	conn := s.link.conn
	if s.link.upstream != nil {
		s.leaveUpstream()
	}
	s.link = link{}
	conn.SetHandler(parting{})
	return conn
}

// serverSide is a session as the handler of its link's connection.
type serverSide session

// OnOpen: the server has accepted.
func (x *serverSide) OnOpen(*poller.Conn) {
	s := (*session)(x)
	s.link.state = linkOpen
	s.link.upstream.opening--
	s.link.upstream.reached()
}

// ReadRoom lets the server be read as far as the client has room.
func (x *serverSide) ReadRoom(c *poller.Conn) int {
	s := (*session)(x)
	if s.owesNak() {
		s.client.WantRoom(nakBytesMax)
		return 0
	}
	return s.proxy.replyRoom(s, c.Kept())
}

// OnLines passes replies on.
func (x *serverSide) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	return (*session)(x).reply(run, maxLines)
}

// OnLongLine: what came is delivered and the client closed behind it, or the link
// is given up.
func (x *serverSide) OnLongLine(_ *poller.Conn, head []byte) {
	s := (*session)(x)
	if s.relays() {
		s.because(reqlog.ServerLineTooLong, 0)
	}
	s.serverEnded(failureLineTooLong, head)
}

// OnEnd: the server sends no more.
func (x *serverSide) OnEnd(c *poller.Conn, fragment []byte) {
	why := failureEnded
	if c.WasReset() {
		why = failureReset
	}
	(*session)(x).serverEnded(why, fragment)
}

// OnRoom: the server has taken output.
func (x *serverSide) OnRoom(*poller.Conn) { (*session)(x).client.Resume() }

// OnClose: the connection to the server is gone, or was never made.
func (x *serverSide) OnClose(c *poller.Conn, why poller.Cause) {
	s := (*session)(x)
	switch {
	case s.state > sessionFinishing || why.Kind == poller.CauseShutdown:
		s.because(reqlog.Shutdown, 0) // where nothing else was
		s.end()
		s.closed()
	case s.link.state == linkDialling:
		s.dialFailed(why)
	default:
		s.serverLost(why)
	}
}

// closed is called when the connection of a link is gone with its session.
func (s *session) closed() {
	s.leaveUpstream()
	s.link = link{}
	if s.state == sessionOver {
		s.proxy.freeSession(s)
	}
}

// parting is the handler of connections that no session has, or none any more. They
// say what was appended, and end.
type parting struct{}

func (parting) OnOpen(*poller.Conn)                                  {}
func (parting) ReadRoom(*poller.Conn) int                            { return 0 }
func (parting) OnLines(*poller.Conn, []byte, int) (taken, lines int) { return 0, 0 }
func (parting) OnLongLine(*poller.Conn, []byte)                      {}
func (parting) OnEnd(*poller.Conn, []byte)                           {}
func (parting) OnRoom(*poller.Conn)                                  {}
func (parting) OnClose(*poller.Conn, poller.Cause)                   {}
