// mux_export_test.go owns what must hold of shared links after every turn, and what
// must hold besides when the loop is at rest.

package proxy

import (
	"fmt"
	"slices"
)

// checkInvariants looks at the shared links and at whose turn it is. It gives the
// number of records that are on links alone.
func (m *mux) checkInvariants() (alone int, err error) {
	open := 0
	for i, l := range m.links {
		if l == nil {
			continue
		}
		if int(l.number) != i {
			return 0, fmt.Errorf("link %d believes to be %d", i, l.number)
		}
		if l.state == linkOpen {
			open++
		}
		n, err := l.checkInvariants()
		if err != nil {
			return 0, fmt.Errorf("link %d: %w", i, err)
		}
		alone += n
	}
	h := &m.sharing
	switch {
	case m.successor != nil && (m.successor.state != linkDialling || m.successor.aging.replaces == nil):
		return 0, fmt.Errorf("link %d is to take a place in state %d", m.successor.number, m.successor.state)
	case open != m.open:
		return 0, fmt.Errorf("%d links are open, %d are counted", open, m.open)
	case len(h.guests) != len(m.proxy.sessions):
		return 0, fmt.Errorf("%d guests and %d sessions", len(h.guests), len(m.proxy.sessions))
	case m.gathered.session != nil || len(m.gathered.lines) > 0 || len(m.told) > 0:
		return 0, fmt.Errorf("something is kept back over a turn's end")
	}
	for _, s := range m.proxy.sessions {
		if h.guests[s.place].wants != slices.Contains(h.wanting, s) {
			return 0, fmt.Errorf("session %d wants its turn: %v, the list says otherwise", s.id, h.guests[s.place].wants)
		}
	}
	return alone, m.checkMarks()
}

// checkMarks looks whether each request that waits for a reply is on its link.
func (m *mux) checkMarks() error {
	p := m.proxy
	for _, s := range p.sessions {
		for id := s.requests.head; id != 0; id = p.records.at(id).nextClient {
			r := p.records.at(id)
			if !r.isSent() && r.state != recordExpired {
				continue
			}
			if l := m.linkOf(r); l == nil || r.linkSeq < l.first || r.linkSeq >= l.next || *l.place(r.linkSeq) != id {
				return fmt.Errorf("session %d waits for reply %d of a link that does not owe it", s.id, r.linkSeq)
			}
		}
	}
	return nil
}

func (l *muxLink) checkInvariants() (alone int, err error) {
	p := l.bundle.mux.proxy
	owed, unwanted, before := int32(0), int32(0), uint64(0)
	for n := l.first; n < l.next; n++ {
		id := *l.place(n)
		if id == 0 {
			continue
		}
		owed++
		r := p.records.at(id)
		switch {
		case r.state == recordAbandoned:
			alone++
			unwanted++
		case r.state == recordExpired:
			unwanted++
		case !r.isSent():
			return 0, fmt.Errorf("holds a record in state %d", r.state)
		}
		if r.state != recordAbandoned && int(r.session) >= len(p.sessions) {
			return 0, fmt.Errorf("holds a request of session %d, which is gone", r.session)
		}
		if r.linkSeq != n || r.nextLink != recordID(l.number) || r.end <= before || r.end > l.conn.Appended() {
			return 0, fmt.Errorf("request %d has number %d of link %d and ends at %d behind %d", n, r.linkSeq, r.nextLink, r.end, before)
		}
		before = r.end
	}
	switch {
	case owed != l.owed || unwanted != l.unwanted:
		return 0, fmt.Errorf("%d replies are owed, %d of them not wanted; it says %d and %d", owed, unwanted, l.owed, l.unwanted)
	case (l.conn == nil) != (l.state == linkNone), owed > 0 && l.conn == nil:
		return 0, fmt.Errorf("state %d with connection %v and %d replies owed", l.state, l.conn, owed)
	case l.late > 0:
		return 0, fmt.Errorf("its server was not judged by %d late requests", l.late)
	case l.state == linkLeaving && owed == unwanted && !l.bundle.mux.attend:
		return 0, fmt.Errorf("nobody waits for it, and it stays")
	case l.state == linkOpen && (l.bundle.upstream.gone || l.bundle.upstream.drained || l.bundle.upstream.health.down):
		return 0, fmt.Errorf("it is open to a server that is out")
	}
	return alone, nil
}

// countLoads adds the links and their requests to those of their servers.
func (m *mux) countLoads(sessions, outstanding map[*upstream]int32) {
	for _, l := range m.links {
		if l == nil {
			continue
		}
		outstanding[l.bundle.upstream] += l.owed
		if l.state == linkOpen || l.state == linkLeaving {
			sessions[l.bundle.upstream]++
		}
	}
}

// checkRest is for a loop that has nothing to do: who is not read then must have a
// reason that will pass.
func (m *mux) checkRest() error {
	p := m.proxy
	for _, s := range p.sessions {
		if s.state > sessionFinishing {
			continue
		}
		waits := s.full && (int(s.requests.count) >= p.config.MaxOutstanding || s.heldBytes() >= p.config.Client.HighMark) || s.starved || s.waits
		if s.client.Paused() && !waits && !m.sharing.guests[s.place].wants && s.client.Room() == p.config.Client.HighMark {
			return fmt.Errorf("session %d: the client is not read, and nothing will change that", s.id)
		}
		if m.sharing.reserved.session == s && !m.sharing.guests[s.place].wants {
			return fmt.Errorf("session %d has room kept for it, and needs none", s.id)
		}
		if s.owesNak() && s.client.Room() == p.config.Client.HighMark {
			return fmt.Errorf("session %d: a NAK waits for nothing", s.id)
		}
	}
	return m.checkShares()
}

// checkShares is what of this is about whose turn it is.
func (m *mux) checkShares() error {
	free, room := m.freeCredits()
	for _, s := range m.proxy.sessions {
		g := &m.sharing.guests[s.place]
		if s.state > sessionFinishing || !g.wants || s.requests.count >= m.sharing.most {
			continue
		}
		if m.open == 0 || free > 0 && int(g.needs) <= room && !m.holdsBack(s) {
			return fmt.Errorf("session %d wants its turn, and could have it: %d credits are free, and %d bytes of %d", s.id, free, room, g.needs)
		}
	}
	return nil
}
