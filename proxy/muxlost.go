// muxlost.go owns what becomes of the requests of a shared link that is lost or must
// be left. The rules are failover.go's: one of which a byte has left is answered NAK,
// or its reply is waited for; the others go elsewhere.

package proxy

import "slices"

// lose lets the link go, and everything on it.
func (l *muxLink) lose(why failure) {
	b := l.bundle
	p, u := b.mux.proxy, b.upstream
	wasLeaving, hasReplied := l.state == linkLeaving, l.replied
	l.requeue()
	lost := l.clear(nakUpstreamLost)
	l.detach().Abort()
	u.lost(why, lost)
	if why == failureReset && !wasLeaving {
		p.eject(u, "resets connections")
	}
	u.left()
	b.rest(hasReplied)
	l.stay()
	b.mux.tell()
	p.retrySoon()
}

// clear takes off the link what is still on it: requests that wait for its replies
// are answered with the given reason, and counted. Whoever calls it tells the clients.
func (l *muxLink) clear(why nak) (lost int) {
	m := l.bundle.mux
	p := m.proxy
	for n := l.first; n < l.next; n++ {
		id := *l.place(n)
		if id == 0 {
			continue
		}
		*l.place(n) = 0
		r := p.records.at(id)
		switch {
		case r.state == recordAbandoned:
			p.records.put(id)
			continue
		case r.isSent():
			r.nak = why
			lost++
			s := m.sessionOf(r)
			if last := len(m.told) - 1; last < 0 || m.told[last] != s {
				m.told = append(m.told, s)
			}
		}
		r.state = recordAnswered
		m.sessionOf(r).logShared(l)
	}
	l.bundle.upstream.load.outstanding -= l.owed
	l.first, l.owed, l.unwanted, l.late = l.next, 0, 0, 0
	return lost
}

// unsentRequest is one that was taken back, with its line.
type unsentRequest struct {
	id   recordID
	line []byte
}

// requeue queues the requests of the link of which no byte has left, each with its
// client, whose turn comes at the end of the loop's turn. Those that nobody waits for
// are forgotten, and the rest of one that is under way stays in the output.
func (l *muxLink) requeue() {
	m := l.bundle.mux
	back := l.takeBack()
	for i := range back {
		if back[i].id == 0 {
			continue
		}
		s := m.sessionOf(m.proxy.records.at(back[i].id))
		var mine []unsentRequest
		for j := i; j < len(back); j++ {
			if id := back[j].id; id != 0 && m.sessionOf(m.proxy.records.at(id)) == s {
				mine = append(mine, back[j])
				back[j].id = 0
			}
		}
		m.want(s, len(mine[0].line))
		s.queueAgain(mine)
	}
}

// takeBack takes those requests off the link, in their order. Their numbers are given
// again: the link may be taken into use again, and its server counts on.
func (l *muxLink) takeBack() (all []unsentRequest) {
	p := l.bundle.mux.proxy
	written := l.conn.Written()
	unsent := l.conn.Unsent()
	stays, next := len(unsent), l.next
	for n := l.first; n < l.next; n++ {
		id := *l.place(n)
		if id == 0 {
			continue
		}
		r := p.records.at(id)
		begin, whole := r.unsent(written, unsent, 0)
		if !whole {
			continue
		}
		stays, next = min(stays, int(begin-written)), min(next, n)
		l.take(n)
		l.bundle.upstream.load.outstanding--
		switch {
		case r.isSent():
			all = append(all, unsentRequest{id, append([]byte(nil), unsent[begin-written:r.end-written]...)})
		case r.state == recordAbandoned:
			l.unwanted--
			p.records.put(id)
		default:
			l.unwanted--
			r.state = recordAnswered
		}
	}
	l.conn.TakeBack(written + uint64(stays))
	l.first, l.next = min(l.first, next), next
	return all
}

// queueAgain puts requests that were taken back among those that are queued, in their
// client's order: the link may have had them in another one, where one of them had been
// taken back before.
func (s *session) queueAgain(mine []unsentRequest) {
	p, x := s.proxy, s.more()
	queued := x.lines
	var lines []byte
	for id := s.requests.head; id != 0; {
		r := p.records.at(id)
		switch {
		case r.state == recordQueued:
			n := lineLength(queued)
			lines = append(lines, queued[:n]...)
			queued = queued[n:]
		default:
			if i := slices.IndexFunc(mine, func(u unsentRequest) bool { return u.id == id }); i >= 0 {
				r.state = recordQueued
				lines = append(lines, mine[i].line...)
				mine = slices.Delete(mine, i, i+1)
			}
		}
		id = r.nextClient
	}
	p.queued += len(lines) - len(x.lines)
	x.lines = lines
	s.awaitPatiently()
}
