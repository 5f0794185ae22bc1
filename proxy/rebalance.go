// rebalance.go owns how sessions that are under way come back to a server that was
// away: a few of them at a time leave the fullest one.

package proxy

// beginRebalance has sessions move to servers that have too few, a few at a time.
func (p *Proxy) beginRebalance() {
	if p.config.Rebalance && p.failsOver() && p.mux == nil && !p.rebalancer.Armed() {
		p.loop.Arm(&p.rebalancer, (*rebalancer)(p), p.loop.Now()+int64(rebalanceInterval))
	}
}

// rebalancer is the proxy as the owner of the timer that evens shares out.
type rebalancer Proxy

// Expire implements poller.Expirer: it has some sessions of the fullest server
// leave, and comes again as long as that makes shares more even.
func (r *rebalancer) Expire(now int64) {
	p := (*Proxy)(r)
	p.moveOwed = min(p.moveOwed+float64(len(p.sessions))*rebalancePerSecond*rebalanceInterval.Seconds(), rebalanceAtOnce)
	p.countLeaving()
	uneven := true
	for ; p.moveOwed >= 1 && uneven; p.moveOwed-- {
		uneven = p.moveOne()
	}
	if uneven {
		p.loop.Arm(&p.rebalancer, r, now+int64(rebalanceInterval))
	} else {
		p.moveOwed = 0
	}
}

// countLeaving looks who goes already, and is on his old server for as long as that
// owes him replies.
func (p *Proxy) countLeaving() {
	p.moving = 0
	for _, u := range p.upstreams {
		u.leaving = 0
	}
	for _, s := range p.sessions {
		if s.link.state == linkLeaving {
			s.link.upstream.leaving++
			if s.evens {
				p.moving++
			}
		}
	}
}

// staying is what a server has without those who leave it.
func (u *upstream) staying() load {
	l := u.load
	l.sessions -= u.leaving
	return l
}

// moveOne has one session go from the server with the most sessions for its weight
// to the one with the fewest. It reports whether that makes them more even.
func (p *Proxy) moveOne() bool {
	var most *upstream
	var top, bottom load
	now := p.loop.Now()
	for _, u := range p.upstreams {
		if u.backup || !u.wouldTake(now) {
			continue
		}
		l := u.staying()
		if most == nil || l.compareSessions(&top) > 0 {
			most, top = u, l
		}
		if bottom.weight == 0 || l.compareSessions(&bottom) < 0 {
			bottom = l
		}
	}
	bottom.sessions += p.moving // that is where they go
	if most == nil || !wouldEven(&top, &bottom) {
		return false
	}
	for range p.sessions {
		p.moveNext = (p.moveNext + 1) % len(p.sessions)
		s := p.sessions[p.moveNext]
		if s.link.upstream == most && s.link.state == linkOpen && s.state == sessionRelaying && !s.relays() {
			s.evens = true
			if s.leave(); s.link.state == linkLeaving {
				most.leaving++
				p.moving++
			}
			return true
		}
	}
	return false
}

// wouldEven reports whether shares are more even when one session has moved.
func wouldEven(most, least *load) bool {
	return int64(most.sessions-1)*int64(least.weight) >= int64(least.sessions+1)*int64(most.weight)
}
