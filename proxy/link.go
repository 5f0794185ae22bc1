// link.go owns the server side of a session: the dial, through all addresses of
// the server, and the end. What happens between client and server is
// exchange.go's business.

package proxy

import (
	"net/netip"

	"fooproxy/poller"
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
	proxy    *Proxy
	session  *session
	out      transport
	requests queue // in the order they were offered
	untried  []netip.AddrPort
	open     bool
}

// dial gives the session its link. It reports false where no address of the
// server could even be tried.
func (s *session) dial() bool {
	lk := &link{proxy: s.proxy, session: s, untried: s.proxy.upstream.addrs}
	if !lk.dialNext(poller.Cause{Kind: poller.CauseRefused}) {
		return false
	}
	s.link = lk
	return true
}

// dialNext tries the next address, after the one before was lost for the given
// reason. It reports false where there is none left.
func (lk *link) dialNext(why poller.Cause) bool {
	p := lk.proxy
	for len(lk.untried) > 0 {
		addr := lk.untried[0]
		lk.untried = lk.untried[1:]
		conn, e := p.loop.Dial(addr, &p.config.Socket, lk, &p.config.Server)
		if e == 0 {
			lk.moveTo(conn)
			return true
		}
		why = poller.Cause{Kind: poller.CauseRefused, Errno: e}
	}
	p.upstream.failed(p.log, why)
	return false
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
	lk.proxy.upstream.reached(lk.proxy.log)
}

// ReadRoom lets the server be read as far as the client has room.
func (lk *link) ReadRoom(c *poller.Conn) int {
	if lk.session.owesNak() {
		lk.session.client.WantRoom(nakBytesMax)
		return 0
	}
	return lk.proxy.replyRoom(lk.session, readRoom(lk.session.client, c.Kept(), lk.proxy.config.Client.HighMark))
}

// OnLines passes replies on.
func (lk *link) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	return lk.reply(run, maxLines)
}

// OnLongLine: what came is delivered, and the client is closed behind it.
func (lk *link) OnLongLine(_ *poller.Conn, head []byte) { lk.relayRest(head) }

// relayRest delivers bytes that are not whole lines, and ends the session.
func (lk *link) relayRest(rest []byte) {
	if len(rest) > 0 {
		lk.proxy.stats.Add(stats.LinesInvalid, 1)
		lk.session.toClient(rest)
	}
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
	if !lk.open && s.state <= sessionFinishing && lk.dialNext(why) {
		return
	}
	s.end()
	s.link = nil
	if s.state == sessionOver {
		lk.proxy.freeSession(s)
	}
}
