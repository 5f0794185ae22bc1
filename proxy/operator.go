// operator.go owns what is asked for from outside while the proxy runs: a server
// is drained or enabled again. What follows from that for sessions is failover.go's
// business.

package proxy

import (
	"context"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"fooproxy/proxy/reqlog"
)

// DrainServer has sessions go to other servers than the one of that name: new ones
// at once, the others as soon as they have their replies. Those that must stay,
// since lines have gone there whose replies nobody here knows of, have Config.Drain
// and are closed then. Any goroutine may call it. The error says that there is no
// such server, or is the mailbox's or the context's.
func (p *Proxy) DrainServer(ctx context.Context, name string) error {
	return p.onServer(ctx, name, p.drainUpstream)
}

// EnableServer ends DrainServer.
func (p *Proxy) EnableServer(ctx context.Context, name string) error {
	return p.onServer(ctx, name, p.enableUpstream)
}

func (p *Proxy) onServer(ctx context.Context, name string, act func(*upstream)) error {
	found := false
	err := p.loop.Mailbox().Call(ctx, func() {
		for _, u := range slices.Clone(p.upstreams) {
			if u.name == name || p.servers[u.server].Name == name {
				found = true
				act(u)
			}
		}
	})
	if err == nil && !found {
		err = fmt.Errorf("there is no server %.300q", name)
	}
	return err
}

func (p *Proxy) drainUpstream(u *upstream) {
	if u.drained {
		return
	}
	u.drained = true
	p.log.Info("server drained", zap.String("server", u.name), zap.Int32("sessions", u.load.sessions), zap.Duration("most", p.config.Drain))
	p.loop.Arm(&u.deadline, (*serverDeadline)(u), p.loop.Now()+int64(p.config.Drain))
	p.leaveAll(u)
}

func (p *Proxy) enableUpstream(u *upstream) {
	if !u.drained {
		return
	}
	u.drained = false
	if !u.gone {
		p.loop.Disarm(&u.deadline)
	}
	p.log.Info("server enabled", zap.String("server", u.name))
	p.rejoin(u)
	p.retryWaiting()
	p.beginRebalance()
}

// serverDeadline is a server as the owner of the timer that ends its drain.
type serverDeadline upstream

// Expire implements poller.Expirer: who could not leave is closed, or loses what
// the server still owes.
func (d *serverDeadline) Expire(int64) {
	u := (*upstream)(d)
	p := u.proxy
	if u.bundle != nil {
		u.bundle.giveUp()
		return
	}
	for _, s := range slices.Clone(p.sessions) {
		if s.link.upstream != u || s.state > sessionFinishing {
			continue
		}
		switch {
		case s.link.state != linkLeaving:
			s.because(reqlog.DrainOver, 0)
			s.end()
		case s.owed() == 0:
			s.move()
		default:
			s.lose(failureUnanswered)
		}
	}
}
