// sim_run_test.go owns one simulated run of the server: the whole of it, on the
// simulated kernel, among clients that do what they should not. What is drawn for
// a run is in sim_draw_test.go, what must hold of the server in
// invariants_test.go.

package server

import (
	"net/netip"
	"runtime/debug"
	"time"

	"fooproxy/foo/sim"
	"fooproxy/poller"
	"fooproxy/poller/fake"
	"fooproxy/stats"
)

const (
	// simCalmMax is how long, in virtual time, the calm may take beside the delay
	// of the replies. Where clients have one place to share it is long.
	simCalmMax = 120 * time.Second
	// simLinesMax is the most lines that a client says, each of which may wait for
	// the reply to the one before.
	simLinesMax = 100
	// simWastedPerConn is how many reads of a connection may come too early: one
	// when a drain looks once more, one after a failed write, one to spare.
	simWastedPerConn = 3
)

var anyLoopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

// simulation is one run.
type simulation struct {
	simOptions
	world  *sim.World
	server *Server

	*sim.Course
	drainedAt  int64
	drainBytes int64 // how many bytes in all may have been taken when it is done
}

// simulate makes one run. A panic of the program is a violation as well.
func simulate(choices *fake.Choices, trace func(string)) (r sim.Result) {
	s := &simulation{world: sim.NewWorld(choices)}
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
		r.Violation, r.Record, r.World, r.Options = s.world.Violation(), choices.Record(), s.world, s.describe()
		if s.server != nil {
			r.Turns, r.Requests = s.server.loop.Turns(), s.server.recorder.Count(stats.MsgReq)
		}
	}()
	s.open()
	s.Run(func() bool { return len(s.server.clients.all) == 0 && !s.server.draining })
	s.finish()
	return r
}

// open builds what the run is about.
func (s *simulation) open() {
	w := s.world
	w.Draw()
	s.simOptions = drawOptions(w)
	w.Kernel.AnyShortRead = s.config.Conn.ReadToEAGAIN
	s.config.Sys = w.Kernel.NewSys()
	rates := w.Chaos.Rates
	w.Chaos.Calm() // a server that cannot even start is another test's
	server, err := New(s.config)
	var addrs []poller.Addr
	for i := 0; i < s.listeners && err == nil; i++ {
		var addr poller.Addr
		addr, err = server.Listen(anyLoopback)
		addrs = append(addrs, addr)
	}
	if err != nil {
		panic(err)
	}
	w.Chaos.Rates = rates
	s.server = server
	if s.store != nil {
		s.store.loop = server.loop
	}
	server.loop.OnTurn(s.endTurn)
	for i := range s.clients {
		w.AddClient(addrs[i%len(addrs)])
	}
	s.Course = w.Begin(server.loop, simCalmMax+time.Duration(s.clients)*simLinesMax*(s.config.Delay+simStoreLateMax))
	s.operate()
}

// endTurn looks at everything, after each turn.
func (s *simulation) endTurn(now int64) {
	server, w := s.server, s.world
	server.endTurn(now)
	s.EndTurn(now)
	if class, err := server.checkInvariants(w.Narrow); err != nil {
		w.Fail(class, "%v", err)
	}
	if open, known := w.Kernel.Open(), server.descriptors(); open != known {
		w.Fail("resources", "%d descriptors are open, the server knows of %d", open, known)
	}
	s.checkDrainReads()
	if late := s.drainedAt + int64(s.config.Drain+simStallSlack); s.drainedAt > 0 && now > late && !server.loop.Stopped() {
		w.Fail("drain", "it takes until %d, %d was the limit", now, late)
	}
}

// checkDrainReads fails a drain that goes on reading: once nobody new comes, what
// is left to read of each client is bounded.
func (s *simulation) checkDrainReads() {
	server, conn := s.server, &s.config.Conn
	taken := server.recorder.Count(stats.BytesIn)
	switch {
	case !server.draining || server.descriptors() > 1+len(server.clients.all):
	case s.drainBytes == 0:
		s.drainBytes = taken
		for _, c := range server.clients.all {
			s.drainBytes += int64(c.conn.Kept() + 2*conn.TurnBytes + conn.MaxLine)
		}
	case taken > s.drainBytes:
		s.world.Fail("drain", "%d bytes were taken, %d would have been enough", taken, s.drainBytes)
	}
}

// finish lets what is left end, and looks at what remains.
func (s *simulation) finish() {
	w, server := s.world, s.server
	stopped := server.loop.Stopped()
	if w.Violation() != nil {
		return
	}
	if !w.Over() && !stopped {
		w.Judge() // it knows who has no end
		return
	}
	if !stopped || server.deadline.Armed() { // a drain whose time was over has left somebody
		s.checkQuiet()
	}
	s.CalmDown()
	server.shut()
	s.AwaitEnds(simCalmMax)
	s.checkShut()
	w.Judge()
	s.checkTotals()
}

// checkQuiet is for a server whose clients have all gone.
func (s *simulation) checkQuiet() {
	w, server := s.world, s.server
	switch stale := w.Kernel.Stale(); {
	case len(server.clients.all) != 0 || server.loop.Held() != 0:
		w.Fail("resources", "%d clients and %d bytes are left", len(server.clients.all), server.loop.Held())
	case server.loop.Stale() != stale || server.recorder.Count(stats.EventsStale) != int64(stale):
		w.Fail("identity", "%d events of closed descriptors came, %d were dropped and %d counted", stale, server.loop.Stale(), server.recorder.Count(stats.EventsStale))
	case !w.Draining && w.Kernel.Wasted() > simWastedPerConn*s.clients: // a drain reads to the last EAGAIN, always
		w.Fail("no spin", "%d reads came before anything could be there, with %d connections", w.Kernel.Wasted(), s.clients)
	case s.drains && !server.loop.Stopped():
		w.Fail("drain", "nobody is left, and the loop goes on")
	}
}

// checkShut is for a loop that has ended.
func (s *simulation) checkShut() {
	server := s.server
	if open, conns := s.world.Kernel.Open(), server.loop.Conns(); open != 0 || conns != 0 || server.loop.Held() != 0 {
		s.world.Fail("resources", "%d descriptors, %d connections and %d bytes are left", open, conns, server.loop.Held())
	}
	if class, err := server.checkInvariants(s.world.Narrow); err != nil {
		s.world.Fail(class, "after the end: %v", err)
	}
}

// checkTotals compares the counters with what was said, where nobody left early.
func (s *simulation) checkTotals() {
	want, exact := s.world.DirectTotals()
	if !exact {
		return
	}
	if s.config.NakRate == 1 && want.ACKs != want.Quits {
		s.world.Fail("counters", "all requests are to be refused, and %d were not", want.ACKs-want.Quits)
	}
	for _, x := range []struct {
		counter stats.Counter
		want    int
	}{
		{stats.MsgReq, want.Requests}, {stats.Answered, want.Requests}, {stats.Abandoned, 0}, {stats.DataInvalid, want.BadData},
		{stats.LinesInvalid, want.Invalid}, {stats.MsgAck, want.ACKs}, {stats.MsgNak, want.NAKs}, {stats.NakZero, 0},
		{stats.BytesIn, want.BytesIn}, {stats.BytesOut, want.BytesOut},
	} {
		if got := s.server.recorder.Count(x.counter); got != int64(x.want) && x.want >= 0 {
			s.world.Fail("counters", "%v is %d, %d were said", x.counter, got, x.want)
		}
	}
}
