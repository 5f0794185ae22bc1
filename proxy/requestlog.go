// requestlog.go owns what the proxy tells its request log: who the peers of a
// session are, why it ended, and what became of each request. Without a log
// nothing of it is kept, and every function here returns at once.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// logged is what the log knows of a session.
type logged struct {
	peers reqlog.Peers
	why   reqlog.Why // it ends, once that is known
	errno poller.Errno
}

// beginLogged makes the memory of a session, whose place is known by now.
func (s *session) beginLogged() {
	p := s.proxy
	if p.config.RequestLog == nil {
		return
	}
	client := reqlog.UnixClient
	if s.peer != (poller.Peer{}) {
		client = reqlog.IPEndpoint(s.peer.AddrPort())
	}
	p.logged = append(p.logged, logged{peers: reqlog.Peers{Conn: s.id, Client: client}})
}

// forgetLogged gives the place of a session to the last one, as the list of
// sessions does.
func (p *Proxy) forgetLogged(s *session) {
	if last := len(p.logged) - 1; last >= 0 {
		p.logged[s.place] = p.logged[last]
		p.logged = p.logged[:last]
	}
}

// logged is what the log knows of the session, until the next session begins or
// ends; nil without a log. It is apart from the session, which is to be no larger
// where there is none.
func (s *session) logged() *logged {
	if s.proxy.config.RequestLog == nil {
		return nil
	}
	return &s.proxy.logged[s.place]
}

// logServer notes which address is tried now.
func (s *session) logServer(addr poller.Addr) {
	g := s.logged()
	if g != nil {
		g.peers.Server = s.link.upstream.endpoint(addr)
	}
}

// endpoint is one of the server's addresses as the log knows it.
func (u *upstream) endpoint(addr poller.Addr) reqlog.Endpoint {
	if addr.IsUnix() {
		return reqlog.UnixServer(u.server)
	}
	return reqlog.IPEndpoint(addr.TCP())
}

// logShared notes that a request was with a server of a shared link.
func (s *session) logShared(l *muxLink) {
	if g := s.logged(); g != nil {
		g.peers.Server = l.endpoint
	}
}

func (s *session) logConnect() {
	if g := s.logged(); g != nil {
		s.proxy.config.RequestLog.Connect(s.proxy.loop.Now(), &g.peers)
	}
}

// because notes why the session ends. What was noted first is the reason, what
// follows from it is not.
func (s *session) because(why reqlog.Why, e poller.Errno) {
	if g := s.logged(); g != nil && g.why == 0 {
		g.why, g.errno = why, e
	}
}

// becauseServerEnded tells a server that only followed its client from one that
// ended by itself.
func (s *session) becauseServerEnded() {
	switch {
	case s.client.Ended():
		s.because(reqlog.ClientEnded, 0)
	case s.draining:
		s.because(reqlog.Drained, 0)
	default:
		s.because(reqlog.ServerEnded, 0)
	}
}

// becauseOf notes what the client's connection says of its end.
func (s *session) becauseOf(c poller.Cause) {
	why := reqlog.ClientEnded
	switch c.Kind {
	case poller.CauseReset:
		why = reqlog.ClientReset
	case poller.CauseIdleTimeout:
		why = reqlog.IdleTimeout
	case poller.CauseLineTimeout:
		why = reqlog.LineTimeout
	case poller.CauseWriteTimeout:
		why = reqlog.WriteTimeout
	case poller.CauseShutdown:
		why = reqlog.Shutdown
	}
	s.because(why, c.Errno)
}

func (s *session) logClose() {
	if g := s.logged(); g != nil {
		s.proxy.config.RequestLog.Close(s.proxy.loop.Now(), &g.peers, g.why, g.errno)
	}
}

// noteLength keeps the length of a request's line, LF included, until it is
// logged.
func (s *session) noteLength(id recordID, bytes int) {
	if s.proxy.config.RequestLog != nil {
		s.proxy.records.setLength(id, bytes)
	}
}

// logAnswered logs a request that got a reply of so many bytes from its server.
func (s *session) logAnswered(id recordID, reply foo.Type, bytes int) {
	if s.proxy.config.RequestLog != nil {
		s.logRequest(id, reqlog.Request{Type: reply, BytesOut: uint32(bytes), End: reqlog.Answered})
	}
}

// logRefused logs a request that got a NAK of so many bytes from us.
func (s *session) logRefused(id recordID, bytes int) {
	if s.proxy.config.RequestLog != nil {
		why := whyOf(s.proxy.records.at(id).nak)
		s.logRequest(id, reqlog.Request{Type: foo.NAK, BytesOut: uint32(bytes), End: reqlog.Refused, Why: why})
	}
}

// logAbandoned logs a request that will get no reply.
func (s *session) logAbandoned(id recordID) {
	if g := s.logged(); g != nil {
		s.logRequest(id, reqlog.Request{End: reqlog.Abandoned, Why: g.why})
	}
}

func (s *session) logRequest(id recordID, q reqlog.Request) {
	p := s.proxy
	r := p.records.at(id)
	q.Seq, q.Arrived, q.BytesIn = r.seq, r.arrived, p.records.length(id)
	p.config.RequestLog.Request(p.loop.Now(), &s.logged().peers, &q)
}

// whyOf is the log's word for a NAK that answers a request.
func whyOf(n nak) reqlog.Why {
	switch reasons[n-1] {
	case foo.ErrDataNotUTF8:
		return reqlog.DataNotUTF8
	case foo.ErrDataNUL:
		return reqlog.DataNUL
	case errUpstreamLost:
		return reqlog.UpstreamLost
	case errNoServer:
		return reqlog.NoServer
	case errTimeout:
		return reqlog.RequestTimeout
	}
	panic("requestlog: no request is refused for: " + reasons[n-1].Error())
}

// endLogTurn hands over what was logged in this turn, and counts what the log
// has dropped.
func (p *Proxy) endLogTurn() {
	g := p.config.RequestLog
	if g == nil {
		return
	}
	g.EndTurn()
	if n := g.Dropped(); n != p.logDropped {
		p.stats.Add(stats.LogDropped, int64(n-p.logDropped))
		p.logDropped = n
	}
}
