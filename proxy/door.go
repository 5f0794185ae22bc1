// door.go owns who gets a session: not yet, where a PROXY header has to come first,
// and not at all, where the client's address has as many connections as one may
// have. It must not know what sessions do.
//
//	accepted ─┬─ too many of its address ───► turned away
//	          ├─ trusted to bring a header ─► newcomer ─┬─ too many ─► closed
//	          └────────────────► session ◄──────────────┘

package proxy

import (
	"fooproxy/foo/newcomer"
	"fooproxy/poller"
	"fooproxy/stats"
)

// door belongs to the loop.
type door struct {
	newcomers *newcomer.Room
	perIP     perIP
	turnAway  poller.ConnConfig // of those who are turned away
}

func (p *Proxy) openDoor() {
	c := &p.config
	d := &p.door
	d.newcomers = newcomer.NewRoom(p.loop, p.log, c.AcceptProxy, (*doorkeeper)(p))
	d.perIP = perIP{most: c.MaxConnsPerIP}
	d.turnAway = c.Client
	d.turnAway.LingerTimeout = turnAwayLinger
}

// meet gives the handler of an accepted client that gets no session now, and nil
// for everybody else.
func (p *Proxy) meet(peer poller.Peer) (poller.Handler, *poller.ConnConfig) {
	if h := p.door.newcomers.Expect(peer); h != nil {
		return h, &p.config.Client
	}
	if p.isOneTooMany(peer) {
		return turnedAway{}, &p.door.turnAway
	}
	return nil, nil
}

// keepOut does with a connection what its handler, one of meet's, says. False means
// that it is another's.
func (p *Proxy) keepOut(c *poller.Conn, h poller.Handler) bool {
	if _, ok := h.(turnedAway); ok {
		c.Close() // FIN leaves with this turn's output
		return true
	}
	if !p.door.newcomers.Enter(c, h) {
		return false
	}
	p.pauseWhenFull()
	return true
}

// isOneTooMany counts and tells a client whose address has all the connections that
// one may have.
func (p *Proxy) isOneTooMany(client poller.Peer) bool {
	if !p.door.perIP.isFull(client) {
		return false
	}
	p.stats.Add(stats.RefusedPerIP, 1)
	p.door.perIP.tellRefused(client, p.loop.Now(), p.log)
	return true
}

// places is how many clients there are, those included whose header has not come.
func (p *Proxy) places() int { return len(p.sessions) + p.door.newcomers.Len() }

func (p *Proxy) pauseWhenFull() {
	if p.places() >= p.maxConns {
		p.pauseListeners()
	}
}

// resumeWhenFree has clients accepted again once a place is free.
func (p *Proxy) resumeWhenFree() {
	if p.places() < p.maxConns {
		for _, l := range p.listeners {
			l.Resume()
		}
	}
}

// doorkeeper is the proxy as the owner of newcomers.
type doorkeeper Proxy

// Welcome implements newcomer.Owner: whom the header names gets a session.
func (d *doorkeeper) Welcome(c *poller.Conn, client poller.Peer) poller.Handler {
	p := (*Proxy)(d)
	if p.isOneTooMany(client) {
		c.Close()
		return nil
	}
	s := p.newSession(client)
	p.begin(s, c)
	return s
}

// Refused implements newcomer.Owner.
func (d *doorkeeper) Refused() { (*Proxy)(d).stats.Add(stats.RefusedHeader, 1) }

// Left implements newcomer.Owner.
func (d *doorkeeper) Left() { (*Proxy)(d).resumeWhenFree() }

// turnedAway is the handler of a client that is closed at once. What it has sent is
// discarded, so that it gets a FIN and no reset.
type turnedAway struct{ parting }
