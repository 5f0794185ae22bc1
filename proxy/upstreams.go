// upstreams.go owns the set of servers: which there are, which one a session gets,
// and what follows from one's health. What is known of each is upstream.go's
// business.

package proxy

import (
	"slices"

	"go.uber.org/zap"

	"fooproxy/poller"
)

// ServerClose is what the end of a server's connection means for its client.
type ServerClose uint8

// The meanings.
const (
	// Relay delivers what the server sent and closes the client.
	Relay ServerClose = iota
	// Failover keeps the client: what is outstanding is answered NAK, the rest
	// goes to another server.
	Failover
)

func (p *Proxy) failsOver() bool { return p.config.OnServerClose == Failover }

// fate is what becomes of the clients of a server that fails, for the log.
func (p *Proxy) fate() string {
	if p.failsOver() {
		return "clients stay"
	}
	return "clients are closed"
}

// addServers makes what the configuration names.
func (p *Proxy) addServers() {
	for i := range p.servers {
		if s := &p.servers[i]; s.Resolve == nil {
			p.addUpstream(i, s.Name, s.Addrs)
		} else {
			p.setAddrs(i, s.Addrs)
		}
	}
}

// setAddrs is told what a server's name means now. New addresses are new servers;
// those that are not meant any more get no sessions, and lose theirs as if they
// were drained. The new ones come first, for the sessions that lose theirs.
func (p *Proxy) setAddrs(server int, addrs []poller.Addr) {
	s := &p.servers[server]
	mine := func(u *upstream) bool { return u.server == server && !u.gone }
	for _, addr := range addrs {
		known := func(u *upstream) bool { return u.server == server && len(u.addrs) > 0 && u.addrs[0] == addr }
		if i := slices.IndexFunc(p.upstreams, known); i >= 0 {
			p.restoreUpstream(p.upstreams[i])
		} else if len(p.upstreams) < upstreamsMax {
			p.addUpstream(server, addr.String(), []poller.Addr{addr})
		}
	}
	for _, u := range slices.Clone(p.upstreams) {
		if mine(u) && (len(u.addrs) == 0 || !slices.Contains(addrs, u.addrs[0])) {
			p.removeUpstream(u)
		}
	}
	if !slices.ContainsFunc(p.upstreams, mine) {
		p.addUpstream(server, s.Name, nil) // a server that cannot be reached
	}
}

func (p *Proxy) addUpstream(server int, name string, addrs []poller.Addr) {
	s := &p.servers[server]
	u := &upstream{proxy: p, name: name, addrs: addrs, server: server, max: int32(s.MaxSessions), backup: s.Backup}
	u.load = load{weight: int32(max(s.Weight, 1)), key: hashOf(name)}
	p.upstreams = append(p.upstreams, u)
	if p.mux != nil {
		u.bundle = p.mux.bundle(u)
		u.bundle.dialMissing()
	}
	u.startChecks()
}

func (p *Proxy) removeUpstream(u *upstream) {
	u.gone = true
	u.stopChecks()
	if p.failsOver() {
		p.loop.Arm(&u.deadline, (*serverDeadline)(u), p.loop.Now()+int64(p.config.Drain))
	}
	p.leaveAll(u)
	p.sweep = true
}

func (p *Proxy) restoreUpstream(u *upstream) {
	if u.gone {
		u.gone = false
		u.startChecks()
		p.rejoin(u)
		if !u.drained {
			p.loop.Disarm(&u.deadline)
		}
	}
}

// sweepUpstreams forgets servers that are gone and that nobody is on any more.
func (p *Proxy) sweepUpstreams() {
	p.sweep = false
	p.upstreams = slices.DeleteFunc(p.upstreams, func(u *upstream) bool {
		if !u.gone || u.load.sessions > 0 {
			return false
		}
		p.loop.Disarm(&u.report)
		p.loop.Disarm(&u.deadline)
		if u.bundle != nil {
			u.bundle.forget()
		}
		return true
	})
}

// choose gives the server that is a session's turn, nil where none takes it. Those
// that seem to die are for the time when no other does, backups for when not even
// they do. Without failover a session must try at least one, whatever is known of
// it: its client would be refused by it, too.
func (p *Proxy) choose(s *session) *upstream {
	now := p.loop.Now()
	u := p.pick(s, func(u *upstream) bool { return !u.backup && u.takes(now) && !u.health.isDoubtful(now) })
	if u == nil {
		u = p.pick(s, func(u *upstream) bool { return !u.backup && u.takes(now) })
	}
	if u == nil && s.link.recordless { // it cannot wait: only a connection keeps its lines
		u = p.pick(s, func(u *upstream) bool { return u.wouldTake(now) })
	}
	if u == nil && !p.awaitsTrial(now, false) {
		u = p.pick(s, func(u *upstream) bool { return u.backup && u.takes(now) })
	}
	if u == nil && !p.failsOver() && s.refusals == 0 {
		u = p.pick(s, func(u *upstream) bool { return !u.drained && !u.gone && (u.max == 0 || u.load.sessions < u.max) })
	}
	return u
}

// awaitsTrial reports whether a server may soon turn out to be there.
func (p *Proxy) awaitsTrial(now int64, backups bool) bool {
	return slices.ContainsFunc(p.upstreams, func(u *upstream) bool { return (backups || !u.backup) && u.wouldTake(now) && u.isTried(now) })
}

func (p *Proxy) pick(s *session, may func(*upstream) bool) *upstream {
	p.candidates, p.loads = p.candidates[:0], p.loads[:0]
	for _, u := range p.upstreams {
		if may(u) {
			p.candidates, p.loads = append(p.candidates, u), append(p.loads, &u.load)
		}
	}
	switch len(p.candidates) {
	case 0:
		return nil
	case 1:
		return p.candidates[0]
	}
	rule, client := p.config.Balance, uint64(0)
	if rule == Hash {
		client = s.peerHash()
	}
	if s.evens {
		rule = LeastConn
	}
	return p.candidates[rule.pick(p.loads, client, p.random.Uint64())]
}

// healthy reports whether any server takes sessions, as far as its health goes.
func (p *Proxy) healthy() bool {
	return slices.ContainsFunc(p.upstreams, func(u *upstream) bool { return !u.gone && !u.drained && !u.health.down })
}

// checked is told what was wrong in a check, if anything was.
func (u *upstream) checked(wrong string) {
	p := u.proxy
	if wrong != "" {
		u.failures[failureCheck]++
	}
	if !u.health.checked(wrong == "", !p.healthy()) {
		return
	}
	if u.health.down {
		p.serverDown(u, "fails its checks: "+wrong)
	} else {
		p.serverUp(u)
	}
}

// eject takes a server out for what its sessions have met, unless half of the
// servers are out for that already: what looks like many dead servers is a dead
// network, or our own fault.
func (p *Proxy) eject(u *upstream, why string) {
	all, out := 0, 1
	for _, x := range p.upstreams {
		if x.gone {
			continue
		}
		all++
		if x.health.down && x.health.passive && x != u {
			out++
		}
	}
	before := u.health.down
	if !before && out > all/ejectShare || before && p.checks() {
		return // one that is out stays so, however few are left
	}
	u.health.eject(p.loop.Now(), p.random.Uint64(), p.checks())
	if !before {
		p.serverDown(u, why)
	}
}

// serverDown has everybody leave a server that was ejected.
func (p *Proxy) serverDown(u *upstream, why string) {
	p.log.Warn("server ejected", zap.String("server", u.name), zap.String("why", why), zap.Int32("sessions", u.load.sessions))
	p.leaveAll(u)
}

// serverUp has those go on who wait for a server.
func (p *Proxy) serverUp(u *upstream) {
	p.log.Info("server healthy again", zap.String("server", u.name))
	p.rejoin(u)
	p.retryWaiting()
	p.beginRebalance()
}

// rejoin has shared links of a server taken into use again.
func (p *Proxy) rejoin(u *upstream) {
	if u.bundle != nil {
		u.bundle.rejoin()
	}
}

// leaveAll has all sessions of a server leave it, or the links that they share.
func (p *Proxy) leaveAll(u *upstream) {
	switch {
	case u.bundle != nil:
		u.bundle.leave()
		return
	case !p.failsOver():
		return
	}
	for _, s := range slices.Clone(p.sessions) {
		if s.link.upstream == u {
			s.leave()
		}
	}
}

// stood is told by the loop how long it stood still: nobody is judged for that.
func (p *Proxy) stood(ns int64) {
	p.stoodUntil, p.stoodFor = p.loop.Now(), ns
	for _, u := range p.upstreams {
		u.checker.forgive(ns)
		if u.bundle != nil {
			u.bundle.forgive(ns)
		}
	}
	p.postponeDrain(ns)
}

// peerHash is what the client's address means to the balancing. All clients of unix
// sockets are one.
func (s *session) peerHash() uint64 {
	if s.peer == (poller.Peer{}) {
		return hashOf("")
	}
	addr := s.peer.AddrPort().Addr().As16()
	return hashOf(addr[:])
}
