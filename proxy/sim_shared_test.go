// sim_shared_test.go owns what simulated runs are about in which clients share the
// connections to the servers: what is drawn of them, and what must hold of the links
// and of whose turn it is.

package proxy

import (
	"net/netip"
	"time"

	"fooproxy/foo/sim"
	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// share draws how the connections are shared. What a server may say that is no reply
// ends a link here, so nobody waits for it.
func (o *simOptions) share(w *sim.World) {
	c, config := w.Choices, &o.config
	config.Mux = 1 + c.Next(3)
	config.Ordered = c.Chance(300)
	config.Strict = true
	for _, m := range []sim.Mischief{sim.NAKZero, sim.WrongSeq, sim.ExtraLine, sim.Garbage, sim.OverlongReply} {
		w.Plan.Rates[m] = 0
		w.Also(m, 100)
		w.Plan.Rates[m] /= 8
	}
	if c.Chance(250) {
		// One link with little room, and a server that takes little at a time: there is
		// something to be shared.
		config.Mux, o.servers = 1, o.servers[:1]
		client, server := &config.Client, &config.Server
		client.MaxLine, config.MaxOutstanding, config.MaxConns = 128, DefaultMaxOutstanding, 0
		server.MaxLine, server.HighMark, server.LowMark = 128, 128, 64
		w.Rules.MaxLine, config.Socket.NotSentLowat = 128, 64
		w.Plan.Rates[sim.SlowTaker], w.Plan.Eager = 1000, true
	} else if c.Chance(200) {
		// Several links with much output, and servers that take little of it and reset
		// them: there is much to be taken back, and from more than one.
		config.Mux, config.Socket.NotSentLowat = 2+c.Next(2), 64
		w.Plan.Rates[sim.SlowTaker], w.Plan.Eager = 1000, true
		w.Also(sim.TornReset, 700)
	}
	if o.credits = [...]int32{muxCredits, muxCredits, 1, 2, 3, 5, 8, 20}[c.Next(8)]; o.credits < muxCredits {
		w.Rules.Crowded = true
	}
	if config.Check == CheckFoo {
		config.CheckTimeout = [...]time.Duration{DefaultCheckTimeout, 300 * time.Millisecond}[c.Next(2)]
		w.Rules.CheckTimeout, w.Rules.AskTimeout = config.CheckTimeout, config.CheckTimeout
		w.Also(sim.MuteServer, 300)
	}
	config.LinkMaxAge = [...]time.Duration{0, 0, 50 * time.Millisecond, 400 * time.Millisecond}[c.Next(4)]
	w.Rules.Strict, w.Rules.Shared, w.Rules.Ordered = true, true, config.Ordered
	w.Kernel.KeepSaid = true
}

// links are those that stand, or are being dialled.
func (s *simulation) links() (all []*muxLink) {
	if !s.shared {
		return nil
	}
	for _, l := range s.proxy.mux.links {
		if l != nil && l.conn != nil {
			all = append(all, l)
		}
	}
	return all
}

func (s *simulation) sharedLinks() int { return len(s.links()) }

func (s *simulation) heldByLinks() (bytes int) {
	for _, l := range s.links() {
		bytes += l.conn.Held()
	}
	return bytes
}

// owedByLinks is how many replies the servers owe, whether anybody waits or not, and
// also to what the proxy itself has asked.
func (s *simulation) owedByLinks() (owed int) {
	for _, l := range s.links() {
		owed += int(l.owed)
		if l.aging.probe != 0 {
			owed++
		}
	}
	return owed
}

// restingSys is the kernel as a loop sees it that comes to rest now and then.
type restingSys struct {
	*fake.Sys
	rests func()
}

// Wait is called with a deadline where nobody can progress.
func (r restingSys) Wait(events []poller.Event, deadline int64) (int, poller.Errno) {
	if deadline != 0 {
		r.rests()
	}
	return r.Sys.Wait(events, deadline)
}

// checkShares is for a loop that comes to rest: nobody waits who could go on.
func (s *simulation) checkShares() {
	if s.shared && s.proxy != nil {
		if err := s.proxy.mux.checkShares(); err != nil {
			s.world.Fail("rest", "%v", err)
		}
	}
}

// checkShared looks at the links after each turn.
func (s *simulation) checkShared() {
	s.checkTurns()
	s.world.NoteQuestions(s.asks)
	for _, l := range s.links() {
		if out, most := l.conn.Appended()-l.conn.Written(), uint64(s.config.Server.HighMark); out > most+seqDigitsMax {
			s.world.Fail("resources", "link %d has %d bytes of output, %d are the limit", l.number, out, most)
		}
	}
}

// asks reports whether a link is looked after that has this address: one that leaves is
// left in its time.
func (s *simulation) asks(local netip.AddrPort) bool {
	for _, l := range s.links() {
		if l.conn.LocalAddr() == local {
			return l.state == linkOpen && !l.conn.HasUnread()
		}
	}
	return false
}

// oldLinks is how many links of a server leave since others have taken their places.
func (s *simulation) oldLinks(u *upstream) (n int32) {
	for _, l := range s.links() {
		if l.bundle.upstream == u && l.aging.retires {
			n++
		}
	}
	return n
}
