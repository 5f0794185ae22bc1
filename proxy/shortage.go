// shortage.go owns the patience of sessions that want what is not there at the
// moment: memory, a descriptor for a server, or a server. They ask again by a
// timer, and nobody is closed for it.

package proxy

import (
	"slices"
	"syscall"

	"go.uber.org/zap"

	"fooproxy/poller"
)

// isShortage reports whether a dial failed for want of something of our own,
// which says nothing about the server.
func isShortage(e poller.Errno) bool {
	switch e {
	case syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM:
		return true
	}
	return false
}

// shortageTimer is the proxy as the owner of the timer that ends the patience.
type shortageTimer Proxy

func (p *Proxy) armShortage() {
	if !p.shortage.Armed() {
		p.loop.Arm(&p.shortage, (*shortageTimer)(p), p.loop.Now()+int64(shortageRetry))
	}
}

// retrySoon has those who wait ask again at the end of the turn: they may have waited
// for what has just been found out about a server.
func (p *Proxy) retrySoon() { p.retries = true }

// Expire implements poller.Expirer: everybody asks again.
func (t *shortageTimer) Expire(int64) {
	p := (*Proxy)(t)
	p.resumeStarved()
	p.retryWaiting()
}

// await has a session connect later. Its requests are queued, or its client is not
// read, until then.
func (p *Proxy) await(s *session) {
	if !s.waits {
		s.waits = true
		p.waiting = append(p.waiting, s)
	}
	p.armShortage()
}

// retryWaiting has them try again, those first who have waited longest. A dial is a
// few system calls, so a crowd of them takes several turns. Where one must wait on,
// so must all behind it: they ask when the timer comes again.
func (p *Proxy) retryWaiting() {
	waiting := p.waiting
	p.waiting = nil
	tried, all := 0, true
	for ; tried < len(waiting) && tried < retriesPerTurn && all; tried++ {
		s := waiting[tried]
		waiting[tried] = nil
		if !s.waits {
			continue // it has ended
		}
		s.waits = false
		if s.connect() {
			continue
		}
		if all = !s.waits; all {
			s.goOnWithoutLink()
		}
	}
	rest := slices.DeleteFunc(waiting[tried:], func(s *session) bool { return !s.waits })
	p.waiting = append(rest, p.waiting...)
	if len(rest) > 0 && all {
		p.loop.Arm(&p.shortage, (*shortageTimer)(p), p.loop.Now()+int64(shortageNextTurn))
	}
}

// forgetPatience is for a session that ends. It stays on the lists of those that wait
// until they are looked at the next time, and is passed over then: to search for it
// would cost a crowd that ends at once the square of its number.
func (p *Proxy) forgetPatience(s *session) {
	s.starved, s.waits = false, false
	if p.favoured == s {
		p.favoured = nil
	}
}

// complainOfShortage says that clients wait for want of something of our own,
// which is not the server's fault.
func (p *Proxy) complainOfShortage(e poller.Errno) {
	if now := p.loop.Now(); now >= p.complain {
		p.complain = now + int64(complaintInterval)
		p.log.Warn("cannot connect clients to a server for want of resources, they wait", zap.String("why", e.Error()), zap.Int("connections", len(p.sessions)))
	}
}
