// muxage.go owns what happens to a shared link by time alone: one that is idle is asked
// whether its server is still there, before a request is lost on it; one that is old is
// replaced, and leaves when another one stands.

package proxy

import "fooproxy/foo"

// aging is what is known of a link's time. It begins when the link stands.
type aging struct {
	probe    uint64   // number of the probe that is out; 0: none is
	limit    int64    // when that has failed
	asked    uint64   // what the next request was numbered at the last look
	oldAt    int64    // when it is old; 0: never
	replaces *muxLink // leaves when this one stands
	retires  bool     // its place is another one's: it is not dialled again
}

// beginAging is called when the link stands.
func (l *muxLink) beginAging() {
	p := l.bundle.mux.proxy
	now, age := p.loop.Now(), int64(p.config.LinkMaxAge)
	l.aging.probe, l.aging.asked, l.aging.oldAt = 0, 0, 0
	if age > 0 {
		l.aging.oldAt = now + age - int64(p.random.Uint64()%uint64(max(1, age/ageSpread)))
	}
	if old := l.aging.replaces; old != nil {
		l.aging.replaces, l.bundle.mux.successor = nil, nil
		old.retire()
	}
	l.look(now + l.lookInterval())
}

// look has the link looked at again.
func (l *muxLink) look(when int64) { l.bundle.mux.proxy.loop.Arm(&l.timer, l, when) }

// lookAgain is for a link that is taken into use again. The time of a probe that is out
// has not stood still: requests are lost on a link whose server does not answer.
func (l *muxLink) lookAgain() {
	now := l.bundle.mux.proxy.loop.Now()
	due := now + l.lookInterval()
	if l.aging.probe != 0 {
		due = max(l.aging.limit, now+1)
	}
	l.look(due)
}

func (l *muxLink) lookInterval() int64 {
	c := &l.bundle.mux.proxy.config
	if c.Check != CheckFoo {
		return int64(DefaultCheckInterval)
	}
	return int64(c.CheckInterval)
}

// Expire implements poller.Expirer: the link is looked at.
func (l *muxLink) Expire(now int64) {
	a := &l.aging
	switch {
	case l.state != linkOpen:
		return // its end is being waited for
	case a.probe != 0 && now < a.limit:
		l.look(a.limit)
		return
	case a.probe != 0 && l.conn.HasUnread():
		l.look(now + int64(expireInterval))
		return
	case a.probe != 0:
		l.lose(failureCheck)
		return
	}
	if a.oldAt > 0 && now >= a.oldAt || l.next-l.first >= muxWindowMax/2 || l.unwanted > muxUnwantedMax {
		l.replace()
	}
	due := now + l.lookInterval()
	if a.oldAt > now {
		due = min(due, a.oldAt)
	}
	if p := l.bundle.mux.proxy; p.config.Check == CheckFoo && l.isIdle() && a.asked == l.next {
		l.ask(now)
		due = a.limit
	}
	a.asked = l.next
	l.look(max(due, now+1))
}

func (l *muxLink) isIdle() bool { return l.owed == 0 && l.conn.Appended() == l.conn.Written() }

// ask sends a probe. It is no request of anybody: it has no record, and it is in no
// count. Nothing is owed, so the window begins behind it.
func (l *muxLink) ask(now int64) {
	p := l.bundle.mux.proxy
	p.scratch = foo.AppendMessage(p.scratch[:0], foo.REQ, l.next, nil)
	l.conn.Append(p.scratch)
	l.aging.probe, l.aging.limit = l.next, now+int64(p.config.CheckTimeout)
	l.next++
	l.first = l.next
}

// isProbe reports whether a reply without a record is the one to the probe, which has
// come then.
func (l *muxLink) isProbe(seq uint64) bool {
	if seq != l.aging.probe {
		return false
	}
	l.aging.probe, l.replied = 0, true
	return true
}

// forgive gives the probes that are out the time that the loop stood still.
func (b *bundle) forgive(stood int64) {
	for _, l := range b.links {
		l.aging.limit += stood
	}
}

// replace has another link dialled that takes the place of this one. It is one at a
// time, since each costs a descriptor more, and only while not too many have not left
// yet.
func (l *muxLink) replace() {
	b := l.bundle
	retired := 0
	for _, x := range b.links {
		if x.aging.retires {
			retired++
		}
	}
	if b.mux.successor != nil || retired >= b.mux.proxy.config.Mux || b.upstream.health.retryAt > b.mux.proxy.loop.Now() {
		return
	}
	next := &muxLink{bundle: b}
	next.aging.replaces = l
	b.mux.successor = next
	b.mux.enlist(next)
	b.links = append(b.links, next)
	next.dial()
}

// retire has a link leave whose place is taken.
func (l *muxLink) retire() {
	l.aging.retires = true
	switch l.state {
	case linkNone:
		l.bundle.drop(l)
	case linkDialling:
		l.detach().Abort()
		l.bundle.drop(l)
	case linkOpen:
		l.requeue()
		l.enter(linkLeaving)
		l.bundle.mux.attend = true
	}
}

// drop takes a link off the list that has no place any more.
func (b *bundle) drop(l *muxLink) {
	b.mux.links[l.number] = nil
	if b.mux.successor == l {
		b.mux.successor = nil
	}
	kept := b.links[:0:0]
	for _, x := range b.links {
		if x != l {
			kept = append(kept, x)
		}
	}
	b.links = kept
}
