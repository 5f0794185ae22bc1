// sim_run_test.go owns one simulated run of the proxy: the whole of it, on the
// simulated kernel, among clients and servers that do what they should not. What
// is drawn for a run is in sim_draw_test.go, what is asked of the runs in
// sim_test.go.

package proxy

import (
	"runtime/debug"
	"slices"
	"time"

	"fooproxy/foo/sim"
	"fooproxy/poller"
	"fooproxy/poller/fake"
	"fooproxy/stats"
)

const (
	// simCalmMax is how long, in virtual time, the calm may take to bring
	// everything to its end: several connect timeouts and a linger.
	simCalmMax = 30 * time.Second
	// simWastedPerConn is how many reads of a connection may come too early: one
	// when a drain looks once more, one after a failed write, one to spare.
	simWastedPerConn = 3
	// simRestFixed is what a proxy at rest has open: its listener and its eventfd.
	// One that has been drained has lost its listener.
	simRestFixed    = 2
	simDrainedFixed = 1
)

// simulation is one run.
type simulation struct {
	simOptions
	world *sim.World
	sys   *fake.Sys
	proxy *Proxy
	addr  poller.Addr
	*sim.Course
	// What was known of the servers when the last turn ended, and room for this one's.
	seen, next []seenServer
	operated   bool // on servers, in this turn
	turns      turnsSeen
	restarted  bool // what an earlier loop had dialled may still be told of
	dialled    int  // connects by the end of the last turn
	// downSince is since when a server is known to be out.
	downSince map[*upstream]int64
}

// simResult is what a run tells about itself.
type simResult struct {
	violation *sim.Violation
	record    []uint32
	requests  int64
	turns     uint64
	world     *sim.World
	options   simOptions
}

// simulate makes one run, with a connection of its own for each client, or with
// shared ones. A panic of the program is a violation as well.
func simulate(choices *fake.Choices, trace func(string), shared bool) (r simResult) {
	s := &simulation{world: sim.NewWorld(choices), downSince: map[*upstream]int64{}}
	s.shared = shared
	if trace != nil {
		s.world.Trace(trace)
	}
	defer func() {
		if what := recover(); what != nil {
			s.world.FailPanic(what)
			if trace != nil {
				trace(string(debug.Stack()))
			}
		}
		r.violation, r.record, r.world, r.options = s.world.Violation(), choices.Record(), s.world, s.simOptions
		if s.proxy != nil {
			r.turns, r.requests = s.proxy.loop.Turns(), s.proxy.stats.Count(stats.MsgReq)
		}
	}()
	s.open()
	s.Run(func() bool { return len(s.proxy.sessions) == 0 && s.isQuiet() && s.allUp() })
	s.finish()
	return r
}

// open builds what the run is about.
func (s *simulation) open() {
	w := s.world
	w.Draw()
	s.simOptions = drawOptions(w, s.shared)
	w.Kernel.AnyShortRead = s.config.Client.ReadToEAGAIN
	s.sys = w.Kernel.NewSys()
	s.addServers()
	if err := s.start(); err != nil {
		if open := w.Kernel.Open(); open != 0 {
			w.Fail("resources", "%d descriptors are left of a proxy that could not start", open)
		}
		rates := w.Chaos.Rates
		w.Chaos.Calm()
		if err := s.start(); err != nil {
			panic(err)
		}
		w.Chaos.Rates, s.restarted = rates, true
	}
	s.proxy.loop.OnTurn(s.endTurn)
	for range s.clients {
		w.AddClient(s.addr)
	}
	if s.late {
		w.AddLateClient(s.addr)
	}
	s.Course = w.Begin(s.proxy.loop, simCalmMax)
	s.operate()
}

// start makes the proxy and its listener, or leaves nothing behind.
func (s *simulation) start() error {
	p, err := New(restingSys{s.sys, s.checkShares}, s.servers, s.config)
	if err != nil {
		return err
	}
	if s.addr, err = p.Listen(anyLoopback); err != nil {
		p.loop.Shut()
		return err
	}
	s.proxy = p
	if s.shared {
		p.mux.credits = s.credits
		p.mux.divide()
	}
	return nil
}

// endTurn looks at everything, after each turn.
func (s *simulation) endTurn(now int64) {
	p, w := s.proxy, s.world
	p.endTurn(now)
	s.EndTurn(now)
	if err := p.checkInvariants(); err != nil {
		w.Fail("counters", "%v", err)
	}
	s.checkCaps()
	s.checkServers()
	if s.shared {
		s.checkShared()
	}
}

// checkCaps fails a connection whose output is above its limit. Only half a line
// at the other side's end may come on top, with what was read behind it.
func (s *simulation) checkCaps() {
	mark, rest := uint64(s.config.Client.HighMark), uint64(s.config.Client.MaxLine+clientReadBytes)
	for _, x := range s.proxy.sessions {
		if s.shared {
			break // sim_shared_test.go has limits of its own
		}
		most := mark
		if x.state >= sessionEnding {
			most += rest
		}
		if out := x.client.Appended() - x.client.Written(); out > most {
			s.world.Fail("resources", "session %d has %d bytes of output, %d are the limit", x.id, out, most)
		}
		if x.link.conn == nil {
			continue
		}
		if most = uint64(s.config.Server.HighMark); x.state >= sessionFinishing {
			most += rest
		}
		if out := x.link.conn.Appended() - x.link.conn.Written(); out > most {
			s.world.Fail("resources", "the link of session %d has %d bytes of output, %d are the limit", x.id, out, most)
		}
	}
}

// finish lets what is left end, and looks at what remains.
func (s *simulation) finish() {
	w, p := s.world, s.proxy
	if w.Violation() != nil {
		return
	}
	stopped := p.loop.Stopped()
	switch {
	case stopped:
		s.checkDrained()
	case w.Over():
		s.checkQuiet(simRestFixed)
	}
	if w.Violation() != nil {
		return
	}
	if !w.Over() && !stopped {
		w.Judge() // it knows who has no end
		return
	}
	s.CalmDown()
	p.shut()
	s.AwaitEnds(simCalmMax)
	s.checkShut()
	w.Judge()
	s.checkTotals()
}

// checkQuiet is for a proxy whose clients have all gone, and that has so many
// descriptors of its own.
func (s *simulation) checkQuiet(fixed int) {
	w, p := s.world, s.proxy
	checks, bytes := p.checksUnderWay()+s.sharedLinks(), p.heldByChecks()+s.heldByLinks()
	switch {
	case p.loop.Conns() != checks || len(p.sessions) != 0:
		w.Fail("resources", "%d connections and %d sessions are left, and %d checks", p.loop.Conns(), len(p.sessions), checks)
	case w.Kernel.Open() != fixed+checks:
		w.Fail("resources", "%d descriptors are open, %d are its own, and %d checks'", w.Kernel.Open(), fixed, checks)
	case p.held() != bytes || p.records.live != 0:
		w.Fail("resources", "%d bytes and %d records are held, and checks have %d", p.held(), p.records.live, bytes)
	case slices.ContainsFunc(p.starved, isStarved) || slices.ContainsFunc(p.waiting, isWaiting) || p.favoured != nil || p.queued != 0:
		w.Fail("resources", "%d starve, %d wait, %d bytes are queued", len(p.starved), len(p.waiting), p.queued)
	case p.loop.Stale() != w.Kernel.Stale() && !(s.restarted && s.shared):
		w.Fail("identity", "%d events of closed descriptors came, %d were dropped", w.Kernel.Stale(), p.loop.Stale())
	case !w.Draining && w.Kernel.Wasted() > simWastedPerConn*s.connections(): // a drain reads to the last EAGAIN, always
		w.Fail("no spin", "%d reads came before anything could be there, with %d connections", w.Kernel.Wasted(), s.connections())
	}
}

func isStarved(s *session) bool { return s.starved }
func isWaiting(s *session) bool { return s.waits }

// connections is how many there have been.
func (s *simulation) connections() int {
	return s.world.Kernel.Count(fake.CallConnect) + s.world.Kernel.Count(fake.CallAccept)
}

// checkDrained is for a proxy that was told to end.
func (s *simulation) checkDrained() {
	w, p := s.world, s.proxy
	w.Cut = p.drain.forced
	if most := p.drain.stopAt + int64(simStallSlack); w.Kernel.Now() > most {
		w.Fail("drain", "it took until %d, %d was the limit", w.Kernel.Now(), most)
	}
	if s.isQuiet() {
		s.checkQuiet(simDrainedFixed) // otherwise the time was over before they were
	}
}

// checkShut is for a loop that has ended.
func (s *simulation) checkShut() {
	if open, conns := s.world.Kernel.Open(), s.proxy.loop.Conns(); open != 0 || conns != 0 || s.proxy.held() != 0 {
		s.world.Fail("resources", "%d descriptors, %d connections and %d bytes are left", open, conns, s.proxy.held())
	}
}

// checkTotals compares the counters with what was said, where nobody left early.
func (s *simulation) checkTotals() {
	totals := s.world.Totals
	if s.shared {
		totals = s.world.SharedTotals
	}
	want, exact := totals()
	if !exact {
		return
	}
	for _, x := range []struct {
		counter stats.Counter
		want    int
	}{
		{stats.MsgReq, want.Requests}, {stats.Answered, want.Requests}, {stats.DataInvalid, want.BadData},
		{stats.LinesInvalid, want.Invalid}, {stats.MsgAck, want.ACKs}, {stats.MsgNak, want.NAKs},
	} {
		if got := s.proxy.stats.Count(x.counter); got != int64(x.want) {
			s.world.Fail("counters", "%v is %d, %d were said", x.counter, got, x.want)
		}
	}
}
