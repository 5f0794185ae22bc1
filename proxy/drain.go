// drain.go owns the end: no new clients, replies for what was received, FIN for
// everybody, and a bound on all of it.
//
//	Drain ─► the queue of waiting clients is accepted once, listeners close
//	      ─► each client is read once more; what was received is answered, FIN
//	      ─► at 90 % of the time everybody is closed; at 100 % the loop stops

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
)

// drain is where the end stands. The zero value: not begun.
type drain struct {
	begun  bool
	forced bool
	stopAt int64
	timer  poller.Timer
}

// Drain asks the proxy to end; Run returns when it has. Any goroutine may call
// it, also twice.
func (p *Proxy) Drain() { p.askDrain() }

func (p *Proxy) beginDrain() {
	if p.drain.begun {
		return
	}
	p.drain.begun = true
	now, most := p.loop.Now(), int64(p.config.Drain)
	p.drain.stopAt = now + most
	p.loop.Arm(&p.drain.timer, (*drainTimer)(p), now+int64(float64(most)*drainForce))
	p.log.Info("draining", zap.Int("connections", len(p.sessions)), zap.Int("outstanding", p.records.live), zap.Duration("most", p.config.Drain))
	for _, l := range p.listeners {
		l.Drain()
	}
	p.door.newcomers.Drain()
	for _, s := range p.sessions {
		s.drain()
	}
}

// postponeDrain gives a drain the time that the loop stood still.
func (p *Proxy) postponeDrain(ns int64) {
	if !p.drain.begun {
		return
	}
	now := p.loop.Now()
	p.drain.stopAt += ns
	due := p.drain.stopAt
	if !p.drain.forced {
		due = p.drain.stopAt - int64(float64(p.config.Drain)*(1-drainForce))
	}
	p.loop.Arm(&p.drain.timer, (*drainTimer)(p), max(due, now+1))
}

// endDrain stops the loop when nobody is left, or when the time is over. Checks go
// on until then, for those who wait for a server, and nobody waits for a check.
func (p *Proxy) endDrain() {
	if p.drain.begun && p.mux != nil {
		p.mux.endWithLast()
	}
	if p.drain.begun && p.listenersClosed() && p.loop.Conns() == p.checksUnderWay() {
		p.loop.Stop()
	}
}

func (p *Proxy) listenersClosed() bool {
	for _, l := range p.listeners {
		if !l.Closed() {
			return false
		}
	}
	return true
}

// drainTimer is the proxy as the owner of the timer that bounds the drain.
type drainTimer Proxy

// Expire implements poller.Expirer: first it closes everybody, then it stops.
func (t *drainTimer) Expire(now int64) {
	p := (*Proxy)(t)
	if p.drain.forced {
		p.log.Warn("the drain's time is over", zap.Int("connections", len(p.sessions)))
		p.loop.Stop()
		return
	}
	p.drain.forced = true
	for _, s := range p.sessions {
		s.because(reqlog.DrainOver, 0)
		s.end()
	}
	p.loop.Arm(&p.drain.timer, t, max(p.drain.stopAt, now+1))
}

// drain has a session finish: its client is read once more, and when nothing is
// outstanding it is closed.
func (s *session) drain() {
	s.draining = true
	s.client.StopReading()
	s.answered()
}

// finishDrain closes a session with nothing outstanding. Where lines were
// forwarded whose replies nobody waits for here, only the server knows when it
// has said everything, so it is told that no more comes.
func (s *session) finishDrain() {
	if s.link.recordless {
		s.link.conn.FinishWrite()
		return
	}
	s.because(reqlog.Drained, 0)
	s.end()
}
