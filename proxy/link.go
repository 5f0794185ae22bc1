// link.go owns the server side of a session: the dial, through all addresses of
// the server, and the end. What happens between client and server is
// exchange.go's business.

package proxy

import (
	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
	"fooproxy/stats"
)

// transport is what carries a link's lines to a server. A poller.Conn is one; a
// peer that is no socket would be another.
type transport interface {
	// Append adds whole lines to the output; Fits tells whether n more bytes
	// may be, Room how many; WantRoom has OnRoom called when n would fit.
	outlet
	// RoomOrWake is the room for a read on top of what is kept already; where
	// it is 0 OnRoom will be called.
	RoomOrWake(kept int) int
	// Written and Appended are places in the output stream: of a line that
	// begins at or behind Written no byte has left. TakeBack removes lines that
	// have not.
	Written() uint64
	Appended() uint64
	TakeBack(from uint64) []byte
	// Held is the memory of its buffers, in bytes.
	Held() int
	// Resume has replies handed over again after they found no room.
	Resume()
	// FinishWrite ends the requests; Close delivers them and ends both ways;
	// Abort throws them away.
	FinishWrite()
	Close()
	Abort()
}

// link is one connection to a server.
type link struct {
	session  *session
	out      transport
	requests queue // in the order they were offered
	tried    uint8 // how many addresses of the server, until the link stands
	lookup   uint8 // which answer of the name service they are of
	anew     uint8 // how often the dial began anew with another one
	open     bool
}

// dial gives the session its link. Where no address of the server could even be
// tried the session ends; where we are short of descriptors it waits for one.
func (s *session) dial() {
	lk := &s.first
	*lk = link{session: s, lookup: s.proxy.upstream.lookup}
	why, ok := lk.dialNext(poller.Cause{Kind: poller.CauseRefused})
	switch {
	case ok:
		s.link = lk
		s.client.Resume()
	case isShortage(why.Errno):
		s.proxy.awaitDescriptor(s, why.Errno)
	default:
		s.proxy.upstream.failed(why)
		s.because(reqlog.ServerUnreachable, why.Errno)
		s.end()
	}
}

// dialNext tries the next address, after the one before was lost for the given
// reason. Where the name has other addresses since, it tries all of them, but not
// for ever: the answers of some names rotate. Where
// there is none left, the last reason is given. Where we are short of something
// ourselves the first dial stops there, since its session can wait for it; one
// whose requests are under way cannot, and tries the rest.
func (lk *link) dialNext(before poller.Cause) (why poller.Cause, ok bool) {
	p, why := lk.session.proxy, before
	if lk.lookup != p.upstream.lookup && lk.anew < dialsAnewMax {
		lk.lookup, lk.tried = p.upstream.lookup, 0
		lk.anew++
	}
	for int(lk.tried) < min(len(p.upstream.addrs), dialAddrsMax) {
		addr := p.upstream.addrs[lk.tried]
		lk.tried++
		lk.session.logServer(addr)
		conn, e := p.loop.Dial(addr, &p.config.Socket, lk, &p.config.Server)
		if e == 0 {
			lk.moveTo(conn)
			return why, true
		}
		why = poller.Cause{Kind: poller.CauseRefused, Errno: e}
		if isShortage(e) && lk.out == nil {
			break
		}
	}
	return why, false
}

// moveTo gives the link another connection. What waits for the old one goes on:
// none of it has left, so its places in the stream are the same.
func (lk *link) moveTo(conn *poller.Conn) {
	old := lk.out
	lk.out = conn
	if old == nil {
		return
	}
	conn.Append(old.TakeBack(0))
	if lk.session.client.Ended() {
		conn.FinishWrite()
	}
	lk.session.client.Resume() // the old one will not tell of room any more
	lk.session.answered()
}

// OnOpen: the server has accepted.
func (lk *link) OnOpen(*poller.Conn) {
	lk.open = true
	lk.session.proxy.upstream.reached()
}

// ReadRoom lets the server be read as far as the client has room.
func (lk *link) ReadRoom(c *poller.Conn) int {
	if lk.session.owesNak() {
		lk.session.client.WantRoom(nakBytesMax)
		return 0
	}
	return lk.session.proxy.replyRoom(lk.session, c.Kept())
}

// OnLines passes replies on.
func (lk *link) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	return lk.reply(run, maxLines)
}

// OnLongLine: what came is delivered, and the client is closed behind it.
func (lk *link) OnLongLine(_ *poller.Conn, head []byte) {
	lk.session.because(reqlog.ServerLineTooLong, 0)
	lk.relayRest(head)
}

// relayRest delivers bytes that are not whole lines, and ends the session.
func (lk *link) relayRest(rest []byte) {
	if len(rest) > 0 {
		lk.session.proxy.stats.Add(stats.LinesInvalid, 1)
		lk.session.toClient(rest)
	}
	lk.session.proxy.upstream.ended(int(lk.requests.count))
	lk.session.becauseServerEnded()
	lk.session.end()
	lk.out.Abort() // what its server did not read before it ended is of no use to it
}

// OnEnd: the server sends no more. What it sent is delivered, an unfinished
// line too, then the client is closed.
func (lk *link) OnEnd(_ *poller.Conn, fragment []byte) { lk.relayRest(fragment) }

// OnRoom: the server has taken output.
func (lk *link) OnRoom(*poller.Conn) { lk.session.client.Resume() }

// OnClose: the connection to the server is gone, or was never made.
func (lk *link) OnClose(_ *poller.Conn, why poller.Cause) {
	s := lk.session
	if s.state <= sessionFinishing && why.Kind != poller.CauseShutdown {
		if lk.open {
			s.proxy.upstream.ended(int(lk.requests.count))
			s.because(reqlog.ServerLost, why.Errno)
		} else if why, ok := lk.dialNext(why); ok {
			return
		} else if isShortage(why.Errno) {
			s.proxy.complainOfShortage(why.Errno, "they wait or are closed")
			s.because(reqlog.OutOfResources, why.Errno)
		} else {
			s.proxy.upstream.failed(why)
			s.because(reqlog.ServerUnreachable, why.Errno)
		}
	}
	s.because(reqlog.Shutdown, 0) // where nothing else was
	s.end()
	s.link = nil
	if s.state == sessionOver {
		s.proxy.freeSession(s)
	}
}
