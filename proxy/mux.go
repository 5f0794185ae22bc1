// mux.go owns the mode in which clients share the connections to the servers: which
// links there are, and which of them a request goes to. Whose turn it is there is
// muxshare.go's business, what goes over one link muxlink.go's.
//
//	client ─► session ─┐  turns, 4 KiB each         ┌─► link ─┐
//	client ─► session ─┼───────────────────────────►┤         ├─► upstream
//	client ─► session ─┘  credits of the links      └─► link ─┘
//	              ▲                                       │
//	              └── record: which session, its Seq ◄────┘

package proxy

import (
	"slices"

	"fooproxy/poller"
)

// mux belongs to the loop; nil where each client has a link of its own.
type mux struct {
	proxy     *Proxy
	links     []*muxLink        // by their numbers, which records hold; nil: the number is free
	open      int               // links that take requests
	credits   int32             // of each link
	conn      poller.ConnConfig // of each link
	attend    bool              // links are to be looked after at the end of the turn
	isShut    bool              // the proxy has ended its links
	sharing   sharing
	successor *muxLink // is dialled to take the place of another one; nil: none is

	candidates []*muxLink // of the choice under way: one for each server
	loads      []*load    // the same as the balancing sees them
	told       []*session // whose requests were answered here, and who do not know yet
	gathered   gathered
}

func newMux(p *Proxy) *mux {
	m := &mux{proxy: p, credits: muxCredits, conn: p.config.Server}
	m.conn.GatherTime = muxGatherTime // a check has nothing to wait for
	m.sharing.active = 1
	m.divide()
	return m
}

// enlist gives a link its number.
func (m *mux) enlist(l *muxLink) {
	n := slices.Index(m.links, nil)
	if n < 0 {
		n = len(m.links)
		m.links = append(m.links, nil)
	}
	m.links[n], l.number = l, uint32(n)
}

// linkOf is the link that a request was offered to.
func (m *mux) linkOf(r *record) *muxLink { return m.links[r.nextLink] }

// sessionOf is whose request it is.
func (m *mux) sessionOf(r *record) *session { return m.proxy.sessions[r.session] }

// mark is what the records of a session call it: its place, where that must be found
// for each reply, and otherwise its number, which stays.
func (s *session) mark() uint32 {
	if s.proxy.mux != nil {
		return uint32(s.place)
	}
	return s.id
}

// outlook is what a request may hope for that no link takes now.
type outlook uint8

const (
	outlookNone outlook = iota // no server takes requests
	outlookDial                // a server is being dialled, or will be when we have what that takes
	outlookRoom                // a link stands, and will have room
)

func (m *mux) outlook() outlook {
	if m.open > 0 {
		return outlookRoom
	}
	for _, l := range m.links {
		if l != nil && (l.state == linkDialling || l.state == linkNone && l.bundle.short) {
			return outlookDial
		}
	}
	return outlookNone
}

// find gives the link for a request of s whose line has n bytes; nil where none takes
// it now. A server that is out has no open links. Backups are for the time when nobody
// else has, room or not.
func (m *mux) find(s *session, n int) *muxLink {
	p := m.proxy
	if len(p.upstreams) == 1 {
		return p.upstreams[0].bundle.freest(n)
	}
	if !m.collect(n, false) {
		m.collect(n, true)
	}
	switch len(m.candidates) {
	case 0:
		return nil
	case 1:
		return m.candidates[0]
	}
	rule, client := p.config.Balance, uint64(0)
	switch rule {
	case Hash:
		client = s.peerHash()
	case LeastConn:
		rule = LeastOutstanding // connections say nothing here
	}
	return m.candidates[rule.pick(m.loads, client, p.random.Uint64())]
}

// collect has the freest link of each server, of the backups or of the others. It
// reports whether any of them has a link that stands, room or not.
func (m *mux) collect(n int, backups bool) (stands bool) {
	m.candidates, m.loads = m.candidates[:0], m.loads[:0]
	for _, u := range m.proxy.upstreams {
		if u.backup != backups {
			continue
		}
		if l := u.bundle.freest(n); l != nil {
			m.candidates, m.loads = append(m.candidates, l), append(m.loads, &u.load)
		} else if !stands {
			stands = u.bundle.stands()
		}
	}
	return stands || len(m.candidates) > 0
}

// lookAfterLinks is called after every turn: links end that nobody waits for any more,
// and servers are judged.
func (m *mux) lookAfterLinks() {
	if !m.attend {
		return
	}
	m.attend = false
	for _, l := range m.links {
		if l != nil {
			l.lookAfter()
		}
	}
}

// tell has those answered whose requests were answered here meanwhile.
func (m *mux) tell() {
	told := m.told
	m.told = m.told[:0]
	for i, s := range told {
		told[i] = nil
		s.answerHere()
		s.answered()
	}
}

// endWithLast closes the links when the last client has left.
func (m *mux) endWithLast() {
	p := m.proxy
	if m.isShut || p.places() > 0 || !p.listenersClosed() {
		return
	}
	m.isShut = true
	for _, u := range p.upstreams {
		u.bundle.end()
	}
}
