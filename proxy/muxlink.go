// muxlink.go owns one connection to a server that many clients share: its life, the
// numbers of its requests, and which records they are. It does not know whose turn it
// is, nor what a reply does to its client.

package proxy

import (
	"syscall"

	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
)

// muxLink is one shared connection, or the place of one. Its requests are numbered
// 1, 2, 3…, so the one that a reply answers is found by its place in the window. Its
// states are those of a link, but that one which leaves may be open again:
//
//	from \ event   dial      accepted   server out   server back   nobody waits   lost, refused
//	none           dialling  -          -            -             -              -
//	dialling       -         open       none         -             -              none
//	open           -         -          leaving      -             -              none
//	leaving        -         -          -            open          none           none
type muxLink struct {
	bundle   *bundle
	conn     *poller.Conn // nil: there is none
	number   uint32       // in the list of all links
	state    linkState
	replied  bool         // a reply has come since it stands
	tried    int          // addresses of its server
	timer    poller.Timer // when it is looked at
	aging    aging
	endpoint reqlog.Endpoint

	next     uint64     // what its next request is numbered
	first    uint64     // the oldest one that is owed, or next
	window   []recordID // by number modulo its length, a power of two; 0: answered
	owed     int32      // replies
	unwanted int32      // of them, nobody waits for any more
	late     int        // requests whose time was over in this turn, that its server is judged by
}

// enter changes the state, and keeps the counts that follow from it.
func (l *muxLink) enter(next linkState) {
	m, u := l.bundle.mux, l.bundle.upstream
	stood := l.state == linkOpen || l.state == linkLeaving
	stands := next == linkOpen || next == linkLeaving
	switch {
	case l.state == linkNone && next != linkDialling, l.state == linkDialling && next == linkLeaving:
		panic("link: it cannot come to stand like that")
	case stands && !stood:
		u.load.sessions++
	case stood && !stands:
		u.load.sessions--
	}
	if l.state == linkOpen {
		m.open--
	}
	if next == linkOpen {
		m.open++
	}
	l.state = next
}

// dial starts a connection to the next address of the server.
func (l *muxLink) dial() {
	p, u := l.bundle.mux.proxy, l.bundle.upstream
	why := poller.Cause{Kind: poller.CauseRefused}
	for l.tried < len(u.addrs) && !isShortage(why.Errno) {
		addr := u.addrs[l.tried]
		l.tried++
		conn, e := p.loop.Dial(addr, &p.config.Socket, l, &l.bundle.mux.conn)
		if e == 0 {
			l.bundle.short = false
			l.conn, l.next, l.first, l.replied = conn, 1, 1, false
			l.endpoint = u.endpoint(addr)
			l.enter(linkDialling)
			return
		}
		why.Errno = e
	}
	l.fail(why)
}

// fail is for a dial that has failed at all addresses, or for want of something of
// our own.
func (l *muxLink) fail(why poller.Cause) {
	b := l.bundle
	p := b.mux.proxy
	l.tried = 0
	// No port for one link more: the server has shown that it can be reached.
	noPort := why.Errno == syscall.EADDRNOTAVAIL && b.stands()
	if isShortage(why.Errno) || noPort {
		b.short = !noPort && l.aging.replaces == nil // otherwise another one stands
		p.complainOfShortage(why.Errno)
		b.notBefore = p.loop.Now() + int64(shortageRetry)
	} else {
		b.upstream.unreachable(why)
	}
	l.stay()
	p.retrySoon()
}

// detach makes the link one without a connection, and gives that.
func (l *muxLink) detach() *poller.Conn {
	conn := l.conn
	l.enter(linkNone)
	l.conn, l.tried = nil, 0
	l.bundle.mux.proxy.loop.Disarm(&l.timer)
	conn.SetHandler(parting{})
	return conn
}

// stay is what becomes of a link without a connection: it is dialled again, unless its
// place is another one's, or it was to take another one's.
func (l *muxLink) stay() {
	if l.aging.retires || l.aging.replaces != nil {
		l.bundle.drop(l)
	}
	l.bundle.dialMissing()
}

// close ends a link that nobody waits for. What has not left need not leave.
func (l *muxLink) close() {
	l.takeBack()
	l.clear(nakUpstreamLost)
	l.detach().Close()
	l.bundle.upstream.left()
	l.stay()
}

// lookAfter is called at the end of a turn in which something may have to be done.
func (l *muxLink) lookAfter() {
	b := l.bundle
	if late := l.late; late > 0 {
		l.late = 0
		b.upstream.timedOut(late)
		if l.unwanted > muxUnwantedMax && l.conn != nil {
			l.lose(failureUnanswered)
		}
	}
	if l.state == linkLeaving && l.owed == l.unwanted {
		l.close()
	}
}

// disappoint notes that a client does not wait for one of its replies any more.
func (l *muxLink) disappoint() {
	l.unwanted++
	if l.state == linkLeaving {
		l.bundle.mux.attend = true
	}
}

// expire notes that a request was answered here since its time was over, and whether
// its server is judged by that.
func (l *muxLink) expire(judges bool) {
	l.unwanted++
	if judges {
		l.late++
	}
	l.bundle.mux.attend = true
}

// mayHaveReplied reports whether a reply that was due may have come in time without
// having been read. A link that is never read to its end cannot say so for ever.
func (l *muxLink) mayHaveReplied(due int64) bool {
	return l.conn.HasUnread() && l.bundle.mux.proxy.loop.Now() < due+int64(muxUnreadMax)
}

// hasRoom reports whether a line of n bytes may go out on the link.
func (l *muxLink) hasRoom(n int) bool {
	return l.state == linkOpen && l.owed < l.bundle.mux.credits && l.next-l.first < muxWindowMax && l.conn.Fits(n)
}

// send offers a request to the link.
func (l *muxLink) send(id recordID, line []byte) {
	p := l.bundle.mux.proxy
	r := p.records.at(id)
	r.linkSeq, r.nextLink = l.next, recordID(l.number)
	p.scratch = appendRenumbered(p.scratch[:0], line, l.next)
	l.conn.Append(p.scratch)
	r.end, r.length = l.conn.Appended(), uint16(min(len(p.scratch), longLength))
	l.put(id)
	l.bundle.upstream.offered()
}

// put keeps the record of the next number.
func (l *muxLink) put(id recordID) {
	if int(l.next-l.first) >= len(l.window) {
		l.widen()
	}
	l.window[l.next&uint64(len(l.window)-1)] = id
	l.next++
	l.owed++
}

// widen gives the window twice as many places.
func (l *muxLink) widen() {
	wider := make([]recordID, max(muxWindowMin, 2*len(l.window)))
	for n := l.first; n < l.next; n++ {
		wider[n&uint64(len(wider)-1)] = *l.place(n)
	}
	l.window = wider
}

// place is where the record of a number stands.
func (l *muxLink) place(seq uint64) *recordID { return &l.window[seq&uint64(len(l.window)-1)] }

// take gives the record of a number, once; 0 where there is none.
func (l *muxLink) take(seq uint64) recordID {
	if seq-l.first >= l.next-l.first {
		return 0
	}
	at := l.place(seq)
	id := *at
	if id == 0 {
		return 0
	}
	*at = 0
	l.owed--
	if seq == l.first {
		for l.first++; l.first < l.next && *l.place(l.first) == 0; l.first++ {
		}
	}
	return id
}
