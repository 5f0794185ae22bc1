// shortage.go owns the patience of sessions that want something the process has
// not got at the moment, memory or a descriptor for the server: they ask again
// by a timer, and nobody is closed for it.

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

// Expire implements poller.Expirer: everybody asks again.
func (t *shortageTimer) Expire(int64) {
	p := (*Proxy)(t)
	p.resumeStarved()
	waiting := p.undialled
	p.undialled = nil
	for _, s := range waiting {
		s.dial()
	}
}

// awaitDescriptor has a session dial again later. Its client is not read until
// then.
func (p *Proxy) awaitDescriptor(s *session, e poller.Errno) {
	p.undialled = append(p.undialled, s)
	p.armShortage()
	p.complainOfShortage(e, "they wait")
}

// complainOfShortage says what becomes of clients for want of something of our
// own, which is not the server's fault.
func (p *Proxy) complainOfShortage(e poller.Errno, fate string) {
	if now := p.loop.Now(); now >= p.complain {
		p.complain = now + int64(complaintInterval)
		p.log.Warn("cannot connect clients to the server for want of resources, "+fate, zap.String("why", e.Error()), zap.Int("connections", len(p.sessions)))
	}
}

func (p *Proxy) forgetUndialled(s *session) {
	if s.link == nil {
		p.undialled = slices.DeleteFunc(p.undialled, func(x *session) bool { return x == s })
	}
}
