// sim_servers_test.go owns what simulated runs with several servers are about:
// what is drawn of them, what the operator does to them, and what must hold of
// what the proxy knows of each.

package proxy

import (
	"fmt"
	"time"

	"fooproxy/foo/sim"
	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	// simSeveral is in how many runs of a thousand there are several servers, or
	// one whose clients outlive it.
	simSeveral = 420
	// simRecovers is how long it may take, in the calm, until every server is known
	// to be well: two checks, a pause, and a stall or two.
	simRecovers = 5 * time.Second
)

// drawServers draws the servers and how they are treated.
func (o *simOptions) drawServers(w *sim.World) {
	c, config := w.Choices, &o.config
	n := 1 + c.Next(4)
	pick := func(values ...time.Duration) time.Duration { return values[c.Next(len(values))] }
	config.OnServerClose = Failover
	if !o.shared {
		config.OnServerClose = [...]ServerClose{Failover, Failover, Failover, Failover, Relay}[c.Next(5)]
	}
	config.Check = [...]Check{CheckFoo, CheckFoo, CheckTCP, CheckOff}[c.Next(4)]
	config.CheckInterval = pick(500*time.Millisecond, 100*time.Millisecond)
	config.Balance = [...]Balance{RoundRobin, LeastConn, LeastOutstanding, Hash}[c.Next(4)]
	config.Seed = uint64(c.Next(1 << 16))
	config.Rebalance = c.Chance(250)
	for i := range n {
		server := Server{Name: fmt.Sprintf("server %d", i), Weight: [...]int{0, 0, 1, 3, 256}[c.Next(5)]}
		if i > 0 {
			server.Backup, server.MaxSessions = c.Chance(150), [...]int{0, 0, 0, 1, 2}[c.Next(5)]
		}
		o.servers = append(o.servers, server)
	}
	r := &w.Rules
	r.Memory = 4*config.CheckInterval + 2*config.CheckTimeout + 2*time.Second
	if config.Check == CheckOff {
		r.Memory = 2 * ejectPauseMax
	}
	r.CheckTimeout = config.CheckTimeout
	if config.OnServerClose == Relay {
		return
	}
	r.Failover = true
	config.RequestTimeout = pick(5*time.Second, time.Second, 200*time.Millisecond, 50*time.Millisecond, 0)
	if w.Plan.Rates[sim.DeafReader] > 0 && c.Chance(600) {
		// Replies that have come wait for their client's room, and time passes.
		w.Plan.Rates[sim.DeafReader], config.Socket.NotSentLowat = 800, 64
		config.RequestTimeout, config.Client.HighMark, config.Client.LowMark = 200*time.Millisecond, config.Client.MaxLine, config.Client.MaxLine
	}
	config.NoServerWait = pick(0, 0, 300*time.Millisecond, 2*time.Second)
	config.Server.WriteTimeout = pick(0, 0, 0, 100*time.Millisecond)
	r.RequestTimeout, r.NoServerWait, r.LinkWrite = config.RequestTimeout, config.NoServerWait, config.Server.WriteTimeout
	if r.EndWords = c.Chance(300); r.EndWords {
		config.EndWords = sim.EndWords(o.clients + 1)
		w.Plan.Rates[sim.QuitWord] = 50
	}
	if config.RequestTimeout == 0 {
		// A request that is never answered keeps its session at its server for ever.
		w.Plan.Rates[sim.NAKZero], w.Plan.Rates[sim.WrongSeq] = 0, 0
	}
	if rates := &w.Plan.Rates; rates[sim.NAKZero]+rates[sim.WrongSeq]+rates[sim.Reorder] > 0 {
		// Of two requests with one Seq the older has the reply, whosever it is.
		rates[sim.OddSeq] = 0
	}
	w.Also(sim.CloseIdle, 150)
	for _, m := range []sim.Mischief{sim.Kill, sim.Stop} {
		if w.Plan.Rates[m] == 0 {
			w.Also(m, 350)
		}
	}
	o.late = config.Check != CheckOff && c.Chance(200)
}

// addServers has the world open what the proxy is told of.
func (s *simulation) addServers() {
	w := s.world
	if len(s.servers) == 0 {
		var addrs []poller.Addr
		for range s.addrs {
			addrs = append(addrs, w.AddServer(anyLoopback).Addr())
		}
		s.servers = []Server{{Name: "the server", Addrs: addrs}}
		if s.firstDead {
			w.Servers[0].Die()
		}
		return
	}
	for i := range s.servers {
		model := w.AddServer(anyLoopback)
		model.Capped = s.servers[i].MaxSessions > 0 && !s.shared // there it bounds the connections
		s.servers[i].Addrs = []poller.Addr{model.Addr()}
	}
}

// operateServers plans what the operator does to servers.
func (s *simulation) operateServers() {
	w := s.world
	if !w.Rules.Failover || !w.Choices.Chance(300) {
		return
	}
	for range 1 + w.Choices.Next(3) {
		i := w.Choices.Next(len(s.servers))
		w.Kernel.After(s.Moment(), func() { s.onServer(i, s.drainServer) })
		w.Kernel.After(s.Moment(), func() { s.onServer(i, s.enableServer) })
	}
	w.Kernel.After(w.Plan.Calm, func() {
		for i := range s.servers {
			s.onServer(i, s.enableServer)
		}
	})
}

func (s *simulation) onServer(i int, act func(*upstream, *sim.Server)) {
	err := s.proxy.loop.Mailbox().Post(func() {
		s.operated = true
		act(s.proxy.upstreams[i], s.world.Servers[i])
	})
	if err != nil {
		s.world.Fail("mailbox", "%v", err)
	}
}

func (s *simulation) drainServer(u *upstream, model *sim.Server) {
	if !u.drained {
		s.proxy.drainUpstream(u)
		model.Drained()
	}
}

func (s *simulation) enableServer(u *upstream, model *sim.Server) {
	if u.drained {
		s.proxy.enableUpstream(u)
		model.Enabled()
	}
}

// heldByChecks is what the connections of checks hold, in bytes.
func (p *Proxy) heldByChecks() (bytes int) {
	for _, u := range p.upstreams {
		if c := u.checker.conn; c != nil {
			bytes += c.Held()
		}
	}
	return bytes
}

// seenServer is what was known of a server at the end of the turn before.
type seenServer struct {
	down     bool
	takes    bool
	stays    bool // a session shares its fate
	requests int64
	sessions int32
	check    *poller.Conn // under way
}

// checkServers looks at what the proxy knows of its servers, after each turn: a sum
// for each of what its sessions are, no server ejected without a reason, and none
// used that is.
func (s *simulation) checkServers() {
	p := s.proxy
	if s.seen == nil {
		s.seen, s.next = make([]seenServer, len(p.upstreams)), make([]seenServer, len(p.upstreams))
	}
	next := s.next
	for i, u := range p.upstreams {
		next[i] = seenServer{down: u.health.down, takes: u.takes(p.loop.Now()), requests: u.requests, check: u.checker.conn}
		outstanding := int32(0)
		for _, x := range p.sessions {
			if x.link.upstream == u {
				next[i].sessions++
				outstanding += x.link.requests.count
				next[i].stays = next[i].stays || x.relays()
			}
		}
		if s.shared {
			next[i].sessions, outstanding = u.load.sessions, u.load.outstanding // mux_export_test.go compares them
		}
		if next[i].sessions != u.load.sessions || outstanding != u.load.outstanding {
			s.world.Fail("counters", "%s has %d sessions with %d requests, and says %d with %d", u.name, next[i].sessions, outstanding, u.load.sessions, u.load.outstanding)
		}
		s.checkServer(u, s.world.Servers[i], s.seen[i], next[i])
	}
	s.seen, s.next, s.operated, s.dialled = next, s.seen, false, s.world.Kernel.Count(fake.CallConnect)
}

// checkServer looks at what a turn has changed of one server.
func (s *simulation) checkServer(u *upstream, model *sim.Server, before, now seenServer) {
	w := s.world
	switch {
	case u.max > 0 && now.sessions > u.max+s.oldLinks(u):
		w.Fail("failover", "%s has %d sessions, and may have %d", u.name, now.sessions, u.max)
	case u.backup && !s.shared && now.sessions > before.sessions && !s.operated && s.othersTake():
		w.Fail("failover", "%s is for the time when no other server takes sessions, and has got one", u.name)
	case !w.Rules.Failover:
	case now.down && !before.down && !model.Distrusted():
		w.Fail("health", "%s was ejected, and nothing has happened there", u.name)
	case now.down && before.down && s.proxy.checks() && now.requests > before.requests && !before.stays && !now.stays && !w.Misled() &&
		!s.mayHaveBeenBack(u, before, now):
		w.Fail("failover", "%s is ejected, and was given %d requests", u.name, now.requests-before.requests)
	}
}

// mayHaveBeenBack reports whether a server that is out may have been in use in the midst
// of the turn: a check of it has ended, and it has lost a connection at this moment.
func (s *simulation) mayHaveBeenBack(u *upstream, before, now seenServer) bool {
	return before.check != nil && now.check != before.check && u.health.lostAt == s.proxy.loop.Now()
}

// othersTake reports whether a server that is no backup took sessions all through
// the turn. One that may have only so many may have been full in the midst of it.
func (s *simulation) othersTake() bool {
	dials := int32(s.world.Kernel.Count(fake.CallConnect) - s.dialled)
	for i, u := range s.proxy.upstreams {
		full := u.max > 0 && s.seen[i].sessions+dials >= u.max
		if !u.backup && s.seen[i].takes && u.takes(s.proxy.loop.Now()) && !full && !s.world.Misled() {
			return true
		}
	}
	return false
}

// isQuiet reports whether no connection is left but those of checks: links that
// were left end in their time.
func (s *simulation) isQuiet() bool {
	return s.proxy.loop.Conns() == s.proxy.checksUnderWay()+s.sharedLinks() && s.owedByLinks() == 0
}

// allUp reports whether the proxy knows that its servers are well, where it asks.
func (s *simulation) allUp() bool {
	if !s.proxy.checks() {
		return true
	}
	now, all := s.proxy.loop.Now(), true
	for _, u := range s.proxy.upstreams {
		if !u.health.down {
			delete(s.downSince, u)
			continue
		}
		since, known := s.downSince[u]
		if !known { // one that is slow for its requests may be ejected in the calm, too
			since = now
			s.downSince[u] = since
		}
		if out := min(time.Duration(now-since), s.world.CalmFor()); out > simRecovers+s.config.RequestTimeout {
			s.world.Fail("health", "%s is well, and ejected for %v", u.name, out)
		}
		all = false
	}
	return all
}

// describe is a run in one line.
func (s *simOptions) describe() string {
	c := &s.config
	servers := fmt.Sprintf("%d addresses", s.addrs)
	if len(s.servers) > 1 || c.OnServerClose == Failover {
		servers = fmt.Sprintf("%d servers, on close %d, check %d every %v, balance %d, request timeout %v, no-server-wait %v, link write timeout %v, rebalance %t, end words %d",
			len(s.servers), c.OnServerClose, c.Check, c.CheckInterval, c.Balance, c.RequestTimeout, c.NoServerWait, c.Server.WriteTimeout, c.Rebalance, len(c.EndWords))
	}
	if s.shared {
		servers += fmt.Sprintf(", %d links to each, ordered %t, at most %v old, check timeout %v", c.Mux, c.Ordered, c.LinkMaxAge, c.CheckTimeout)
	}
	return fmt.Sprintf("%d clients, %s, strict %t, max-line %d, high mark %d, max-outstanding %d, max-conns %d, max-memory %d, turn %d bytes or %d lines, read to EAGAIN %t, idle %v, line %v, write %v, linger %v, drain %t",
		s.clients, servers, c.Strict, c.Client.MaxLine, c.Client.HighMark, c.MaxOutstanding, c.MaxConns, c.MaxMemory,
		c.Client.TurnBytes, c.Client.TurnLines, c.Client.ReadToEAGAIN, c.Client.IdleTimeout, c.Client.LineTimeout,
		c.Client.WriteTimeout, c.Client.LingerTimeout, s.drains)
}
