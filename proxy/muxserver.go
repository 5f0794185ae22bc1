// muxserver.go owns the shared links to one server together: when they are dialled,
// and what becomes of all of them when their server is out or comes back.

package proxy

import "fooproxy/poller"

// bundle is the links to one server. They are dialled at once where the server is
// known to accept, and otherwise one goes ahead.
type bundle struct {
	mux       *mux
	upstream  *upstream
	links     []*muxLink
	timer     poller.Timer // when what is missing is dialled
	pause     int64        // between two dials of a server that takes links and never replies, ns
	notBefore int64        // none is dialled before
	short     bool         // the last dial failed for want of something of our own
}

// bundle gives a server its links.
func (m *mux) bundle(u *upstream) *bundle {
	b := &bundle{mux: m, upstream: u}
	n := m.proxy.config.Mux
	if u.max > 0 {
		n = min(n, int(u.max))
	}
	for range n {
		l := &muxLink{bundle: b}
		m.enlist(l)
		b.links = append(b.links, l)
	}
	return b
}

// forget takes the links of a server off the list that is gone.
func (b *bundle) forget() {
	b.mux.proxy.loop.Disarm(&b.timer)
	for _, l := range b.links {
		b.mux.links[l.number] = nil
	}
}

// stands reports whether a link takes requests, as far as its room goes.
func (b *bundle) stands() bool {
	for _, l := range b.links {
		if l.state == linkOpen {
			return true
		}
	}
	return false
}

// freest is the link with the fewest requests that has room for n bytes more.
func (b *bundle) freest(n int) (best *muxLink) {
	for _, l := range b.links {
		if l.hasRoom(n) && (best == nil || l.owed < best.owed) {
			best = l
		}
	}
	return best
}

// Expire implements poller.Expirer.
func (b *bundle) Expire(int64) { b.dialMissing() }

// dialMissing dials the links that are not there, or sees to it that it is called
// when that is due. A server that its checks hold down is dialled when they are good.
func (b *bundle) dialMissing() {
	p, u := b.mux.proxy, b.upstream
	for _, l := range b.links {
		if l.state != linkNone {
			continue
		}
		now := p.loop.Now()
		due := max(u.health.retryAt, b.notBefore)
		switch {
		case b.mux.isShut || u.gone || u.drained || u.health.down && p.checks():
			return
		case due > now:
			p.loop.Arm(&b.timer, b, due)
			return
		case b.dials() && !b.stands():
			return // the first one tells
		}
		l.dial()
	}
}

func (b *bundle) dials() bool {
	for _, l := range b.links {
		if l.state == linkDialling {
			return true
		}
	}
	return false
}

// rest has the next dial wait after a link was lost that never brought a reply, each
// time longer. One that did is dialled at once.
func (b *bundle) rest(hasReplied bool) {
	p := b.mux.proxy
	if hasReplied {
		b.pause = 0
		return
	}
	b.pause = min(max(int64(dialPauseMin), 2*b.pause), int64(dialPauseMax))
	spread := b.pause / pauseSpread
	b.notBefore = p.loop.Now() + b.pause + int64(p.random.Uint64()%uint64(spread))
}

// leave is for a server that is out: its links take nothing more, what has not left
// goes elsewhere, and each ends when nobody waits for its replies.
func (b *bundle) leave() {
	for _, l := range b.links {
		switch l.state {
		case linkDialling:
			l.detach().Abort()
			if l.aging.replaces != nil {
				b.drop(l)
			}
		case linkOpen:
			l.requeue()
			l.enter(linkLeaving)
		}
	}
	b.short = false
	b.mux.attend = true
	b.dialMissing()
}

// rejoin is for one that is back: what still stands takes requests again.
func (b *bundle) rejoin() {
	if u := b.upstream; u.gone || u.drained || u.health.down {
		return
	}
	for _, l := range b.links {
		if l.state == linkLeaving && !l.aging.retires {
			l.enter(linkOpen)
			l.lookAgain()
		}
	}
	b.dialMissing()
}

// giveUp is for one whose drain is over.
func (b *bundle) giveUp() {
	for _, l := range b.links {
		if l.state == linkLeaving {
			l.lose(failureUnanswered)
		}
	}
}

// end closes all links, whatever is owed there: no client is left.
func (b *bundle) end() {
	b.mux.proxy.loop.Disarm(&b.timer)
	for _, l := range b.links {
		if l.state != linkNone {
			l.close()
		}
	}
}
