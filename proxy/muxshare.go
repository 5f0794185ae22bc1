// muxshare.go owns what each client gets of the shared links: a turn of so many bytes,
// and so many requests outstanding, so that whoever pipelines without end does not
// fill the servers' queues in front of the rest. It is deficit round robin: the loop
// serves everybody once a turn, and what a line costs above a turn's bytes is saved
// up for over several.

package proxy

import (
	"math"
	"slices"
)

// guest is what is known of a session here, at its place in the proxy's list.
type guest struct {
	bytes  int32  // it may send now
	at     int32  // its place on the list of those that wait
	turn   uint32 // in which it got them
	period uint32 // in which it was seen last
	needs  int32  // bytes of the line that waits
	grant  int32  // requests that he was called for and has not sent
	wants  bool   // on the list of those that wait
	saves  bool   // its bytes of the last turn were too few
	called bool   // it was read on since it waits, and has sent nothing yet
}

// sharing is how the links' credits are shared. active counts the clients that have
// asked for something lately.
type sharing struct {
	guests  []guest
	wanting []*session // have lines that no link took, or have had their turn; nil: one who has left
	spare   []*session // the list of the turn before, to be filled again
	// reserved is for whom all room is kept that comes.
	reserved reservation
	turn     uint32
	period   uint32
	scarce   bool  // somebody waits for credits: all that come are for those who are called
	began    int64 // the period, loop time, ns
	seen     int32 // clients in this period
	active   int32 // in the last one, or in this one where those are more
	most     int32 // requests that one of them may have outstanding
}

// enter gives a new session its place, which is the last one.
func (m *mux) enter() { m.sharing.guests = append(m.sharing.guests, guest{}) }

// forget gives the place of a session to the last one, as the list of sessions has
// just done, and tells the records of that one.
func (m *mux) forget(place int32) {
	h := &m.sharing
	last := len(h.guests) - 1
	h.guests[place] = h.guests[last]
	h.guests = h.guests[:last]
	if int(place) == last {
		return
	}
	p := m.proxy
	for id := p.sessions[place].requests.head; id != 0; {
		r := p.records.at(id)
		r.session = uint32(place)
		id = r.nextClient
	}
}

// leave takes a session off the list whose client sends no more.
func (m *mux) leave(s *session) {
	h := &m.sharing
	if g := &h.guests[s.place]; g.wants {
		g.wants = false
		h.wanting[g.at] = nil // feed has nobody leave but whom it has taken off before
	}
	m.release(s)
}

// visit is called when a session has lines: it gets its bytes, once a turn. Who is
// alone gets as many as he likes.
func (m *mux) visit(s *session) {
	h := &m.sharing
	g := &h.guests[s.place]
	if g.period != h.period {
		g.period = h.period
		h.seen++
		if h.seen > h.active {
			h.active = h.seen
			m.divide()
		}
	}
	if g.turn == h.turn {
		return
	}
	g.turn = h.turn
	if !g.saves {
		g.bytes = 0
	}
	g.saves = false
	g.bytes += muxQuantumBytes
	if h.active == 1 {
		g.bytes = muxAloneBytes
	}
}

// isHisTurn reports whether a line of n bytes may go out now. Where no link stands
// there is nothing to be shared.
func (m *mux) isHisTurn(s *session, n int) bool {
	h := &m.sharing
	g := &h.guests[s.place]
	g.saves = n > int(g.bytes)
	return !g.saves && s.requests.count < h.most && !m.holdsBack(s) || m.open == 0
}

// hasCredit reports whether a request of s may take a credit: where somebody waits for
// one, only who was called for it.
func (m *mux) hasCredit(s *session) bool {
	h := &m.sharing
	return !h.scarce || h.guests[s.place].grant > 0 || m.open == 0
}

// charge notes that a line of n bytes has gone out.
func (m *mux) charge(s *session, n int) {
	g := &m.sharing.guests[s.place]
	g.bytes -= int32(n)
	g.grant = max(0, g.grant-1)
	m.release(s)
}

// divide shares the credits of all links, and keeps a share for who comes next.
func (m *mux) divide() {
	h := &m.sharing
	h.most = max(muxShareMin, int32(max(1, m.open))*m.credits/(h.active+1))
}

// want has a client's lines, the first of which has n bytes, looked at again when
// others have had their turn and a link has room for it.
func (m *mux) want(s *session, n int) {
	h := &m.sharing
	g := &h.guests[s.place]
	g.needs = int32(n)
	if !g.wants {
		h.await(s)
	}
}

// wantRoom is want for one whose line no link has room for. Whoever was called for it,
// and found that others had been quicker, has room kept for him.
func (m *mux) wantRoom(s *session, n int) {
	if m.sharing.guests[s.place].called {
		m.reserve(s)
	}
	m.want(s, n)
}

// await puts a session at the end of the list of those that wait.
func (h *sharing) await(s *session) {
	g := &h.guests[s.place]
	g.wants, g.at, g.grant = true, int32(len(h.wanting)), 0
	h.wanting = append(h.wanting, s)
}

// feed is called after every turn: those are read on whose turn it is, in the order
// in which they came, as far as links have room. Where that is not enough for all,
// nobody else may send: replies come before the lines of the next turn, and whoever
// came then would take what they make free from those who wait.
func (m *mux) feed(now int64) {
	h := &m.sharing
	h.turn++
	if now-h.began >= int64(muxPeriod) {
		h.active, h.seen, h.began = max(1, h.seen), 0, now
		h.period++
		m.divide()
	}
	m.lookAtReservation(now)
	h.scarce = false
	if len(h.wanting) == 0 {
		return
	}
	free, room := m.freeCredits()
	wanting := h.wanting
	h.wanting = h.spare[:0]
	var again []*session // few have requests queued
	for i, s := range wanting {
		wanting[i] = nil
		switch {
		case s == nil:
		case m.open == 0 || free > 0 && (!s.hasWaiting() || m.admits(s, room)):
			free -= m.readOn(s, free)
			if h.guests[s.place].wants { // again: his place is behind those who have had nothing
				h.wanting = h.wanting[:len(h.wanting)-1]
				again = append(again, s)
			}
		default:
			h.scarce = h.scarce || free <= 0 && s.hasWaiting() && m.maySend(s)
			h.await(s)
		}
	}
	for _, s := range again {
		h.await(s)
	}
	h.spare = wanting[:0]
}

// hasWaiting reports whether a session still has a line that waits: it may have gone
// another way. Whoever has none costs nothing, and need not be served, so no turn
// might follow in which others get what was kept for him.
func (s *session) hasWaiting() bool { return s.queuedBytes() > 0 || s.client.HasLines() }

// admits says whether one who waits may go on where there is so much room on a link.
// The first whose line does not fit has room kept for it.
func (m *mux) admits(s *session, room int) bool {
	h := &m.sharing
	needs := int(h.guests[s.place].needs)
	switch {
	case !m.maySend(s):
		m.release(s) // he waits for replies
		return false
	case m.holdsBack(s):
		return false
	case needs > room:
		m.reserve(s)
		return false
	}
	return true
}

// maySend reports whether one who waits has less outstanding than his share. What is
// queued is outstanding already.
func (m *mux) maySend(s *session) bool {
	return s.queuedBytes() > 0 || s.requests.count < m.sharing.most
}

// readOn has one go on who has waited for his turn, and gives how many of the free
// credits are his: as many as he has lines, by the length of the first one, or as were
// queued and have gone.
func (m *mux) readOn(s *session, free int32) int32 {
	h := &m.sharing
	g := &h.guests[s.place]
	g.wants = false
	queued := s.queuedLines()
	switch g.called = s.hasWaiting(); {
	case !g.called:
		m.release(s)
		s.client.Resume()
		return 0
	case queued == 0:
		g.grant = max(1, min(h.most-s.requests.count, int32(s.client.Kept())/max(1, g.needs), free))
		s.client.Resume()
		return g.grant
	}
	s.connectShared()
	s.goOnWithoutLink()
	return int32(queued - s.queuedLines())
}

// freeCredits is how many more requests the links take, and of how many bytes one of
// them may be.
func (m *mux) freeCredits() (free int32, room int) {
	backups := !m.regularStands()
	for _, l := range m.links {
		if l == nil || !l.hasRoom(1) || l.bundle.upstream.backup && !backups {
			continue
		}
		free += m.credits - l.owed
		if l.conn.Appended() == l.conn.Written() {
			room = math.MaxInt // a line of any length
		}
		room = max(room, l.conn.Room())
	}
	return free, room
}

// regularStands reports whether a server that is no backup has a link.
func (m *mux) regularStands() bool {
	return slices.ContainsFunc(m.links, func(l *muxLink) bool {
		return l != nil && l.state == linkOpen && !l.bundle.upstream.backup
	})
}
