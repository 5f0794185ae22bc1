// run_test.go: the course of a run in virtual time, from its first connection to
// what ends it.

package load

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func TestAClosedLoopKeepsItsDepth(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Connections, c.Depth = 100, 2, 3 }).connect()
	for _, p := range s.peers {
		if got := p.lines(); len(got) != 3 {
			t.Fatalf("%q at first, want 3 requests", got)
		}
	}
	first := s.peers[0]
	first.SendString(ackLine("REQ 1 " + string(s.source.data(0, 1))))
	s.settle()
	if got := first.lines(); len(got) != 1 || !strings.HasPrefix(got[0], "REQ 4 ") {
		t.Errorf("%q after a reply, want request 4", got)
	}
	if got := s.peers[1].lines(); len(got) != 0 {
		t.Errorf("%q on the other connection", got)
	}
}

func TestARunSendsAllAndEnds(t *testing.T) {
	for _, c := range []struct{ requests, connections, depth, size, rate int }{
		{1, 1, 1, 32, 0}, {1000, 1, 7, 32, 0}, {999, 3, 16, 0, 0}, {3, 5, 2, 9, 0},
		{50, 2, 50, DataBytesMax, 0}, {300, 3, 2, 5, 100_000}, {200, 100, 1, 1, 0}, {2, 3, 1, 1, 5},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			s := newStage(t, func(config *Config) {
				config.Requests, config.Connections, config.Depth = c.requests, c.connections, c.depth
				config.Size, config.Rate = c.size, c.rate
			}).connect()
			lines := 0
			r := s.finish(time.Millisecond, func(_ int, line string) (string, bool) {
				lines++
				return ackLine(line), true
			})
			s.wantVerdict(r, "")
			s.want(r, map[string]float64{"requests": float64(c.requests), "answered": float64(c.requests), "missing": 0,
				"unsent": 0, "mismatches": 0, "connections_lost": 0, "connections": float64(c.connections),
				"depth": float64(c.depth), "size": float64(c.size), "target_rate": float64(c.rate)})
			if lines != c.requests {
				t.Errorf("the server got %d lines", lines)
			}
		})
	}
}

// TestPercentilesAreThoseOfTheServer has the i-th of 1,000 replies take i
// microseconds.
func TestPercentilesAreThoseOfTheServer(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests = 1000 }).connect()
	for i := 1; !s.loop.Stopped(); i++ {
		s.kernel.Advance(time.Duration(i) * time.Microsecond)
		s.serve(ackAll)
		s.settle()
	}
	near := func(name string, want float64) {
		if got := numbers(t, s.wanted())[name]; got < want*0.999 || got > want*1.001 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near("p50_us", 500)
	near("p90_us", 900)
	near("p99_us", 990)
	near("p999_us", 999)
	near("mean_us", 500.5)
	s.want(s.wanted(), map[string]float64{"max_us": 1000, "seconds": 0.5005, "rate": 1998})
}

// stall runs 1,000 requests at a server that answers at once, but for 200 ms in
// the middle in which it does nothing; one request is due or asked each
// millisecond.
func stall(t *testing.T, rate int, nap func(*stage)) *Result {
	s := newStage(t, func(c *Config) { c.Requests, c.Rate = 1000, rate }).connect()
	for i := 0; !s.loop.Stopped(); i++ {
		if i == 500 {
			nap(s)
		}
		s.serve(ackAll)
		s.settle()
		s.after(time.Millisecond)
	}
	s.wantVerdict(s.wanted(), "")
	return s.wanted()
}

// TestAnOpenLoopSeesAStall: of 1,000 requests 200 were due while the server, or
// the generator itself, stood still. A closed loop asks none of them then.
func TestAnOpenLoopSeesAStall(t *testing.T) {
	serverNaps := func(s *stage) { s.after(200 * time.Millisecond) }
	generatorNaps := func(s *stage) { s.kernel.Advance(200 * time.Millisecond) }
	for _, c := range []struct {
		name     string
		rate     int
		nap      func(*stage)
		low, max float64 // of p99, in microseconds
	}{
		{"closed loop", 0, serverNaps, 0, 2_000},
		{"open loop", 1000, serverNaps, 150_000, 201_000},
		{"open loop, the generator stands still", 1000, generatorNaps, 150_000, 201_000},
		{"open loop without a stall", 1000, func(*stage) {}, 0, 2_000},
	} {
		r := stall(t, c.rate, c.nap)
		p99, most := numbers(t, r)["p99_us"], numbers(t, r)["max_us"]
		if p99 < c.low || p99 > c.max {
			t.Errorf("%s: p99 is %v us, not between %v and %v", c.name, p99, c.low, c.max)
		}
		if strings.HasPrefix(c.name, "closed") && most < 200_000 {
			t.Errorf("%s: the longest is %v us", c.name, most)
		}
	}
}

func TestARequestIsNeverSentBeforeItIsDue(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Connections, c.Depth, c.Rate = 40, 4, 10, 1000 }).connect()
	begin, sent := s.start, 0
	for !s.loop.Stopped() && sent < 40 {
		for _, p := range s.peers {
			sent += len(p.lines())
		}
		if due := int((s.kernel.Now()-begin)/int64(time.Millisecond)) + 1; sent != min(due, 40) {
			t.Fatalf("%d requests after %v, want %d", sent, time.Duration(s.kernel.Now()-begin), due)
		}
		s.after(250 * time.Microsecond)
	}
}

// TestWhatIsDueIsSentThoughTimersArePutOff: where an event batch is full the loop
// leaves timers for later.
func TestWhatIsDueIsSentThoughTimersArePutOff(t *testing.T) {
	const connections = 600 // a batch has 512 events
	s := newStage(t, func(c *Config) {
		c.Requests, c.Connections, c.Depth, c.Rate = RequestsMax, connections, 2, connections
	})
	s.server.SetBacklog(connections)
	s.connect()
	s.after(time.Second - time.Microsecond)
	for i, p := range s.peers {
		lines := p.lines()
		if len(lines) != 1 {
			t.Fatalf("connection %d has sent %q", i, lines)
		}
		p.SendString(ackLine(lines[0]))
	}
	s.kernel.Advance(10 * time.Millisecond) // a request is due each 1.7 ms
	s.loop.Turn(s.sys.Now())
	sent := 0
	for _, p := range s.peers {
		sent += len(p.lines())
	}
	if sent != 6 {
		t.Errorf("%d requests have left in the turn behind their time, want 6", sent)
	}
}

func TestADurationEndsAClosedLoop(t *testing.T) {
	for _, requests := range []int{0, 1_000_000} {
		s := newStage(t, func(c *Config) { c.Requests, c.Duration, c.Depth = requests, time.Second, 2 }).connect()
		r := s.finish(10*time.Millisecond, ackAll)
		s.wantVerdict(r, "")
		found := numbers(t, r)
		if found["requests"] < 195 || found["requests"] > 205 || found["seconds"] < 1 || found["seconds"] > 1.02 {
			t.Errorf("%v", found)
		}
		unsent := 0.0
		if requests > 0 {
			unsent = float64(requests) - found["requests"]
		}
		if found["missing"] != 0 || found["unsent"] != unsent {
			t.Errorf("%v, want %v unsent", found, unsent)
		}
	}
}

// TestADurationOfAnOpenLoopIsANumberOfRequests: those that are due in it, be it
// that a stall at the end keeps them from being sent in time.
func TestADurationOfAnOpenLoopIsANumberOfRequests(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Duration, c.Rate = 0, time.Second, 1000 }).connect()
	for s.kernel.Now()-s.start < int64(900*time.Millisecond) {
		s.after(time.Millisecond)
		s.serve(ackAll)
		s.settle()
	}
	s.after(2 * time.Second)
	for !s.loop.Stopped() {
		s.serve(ackAll)
		s.after(time.Microsecond)
	}
	s.wantVerdict(s.wanted(), "")
	s.want(s.wanted(), map[string]float64{"requests": 1000, "answered": 1000, "unsent": 0})
	if got := numbers(t, s.wanted())["p99_us"]; got < 1_900_000 {
		t.Errorf("p99 is %v us, though 100 of 1,000 waited for about 2 s", got)
	}
}

// TestAnOpenLoopThatFallsBehindEnds: the server answers a tenth of what is due.
func TestAnOpenLoopThatFallsBehindEnds(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Duration, c.Rate, c.Wait = 0, time.Second, 1000, 2*time.Second }).connect()
	r := s.finish(10*time.Millisecond, ackAll)
	found := numbers(t, r)
	if found["requests"] < 290 || found["requests"] > 310 || found["requests"]+found["unsent"] != 1000 || found["missing"] != 0 {
		t.Errorf("%v", found)
	}
	s.wantVerdict(r, fmt.Sprintf("requests not sent: %v of 1000", found["unsent"]))
}

func TestTheUserEndsARun(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Connections, c.Depth = 1000, 2, 5 }).connect()
	s.end(endedByUser)
	s.settle()
	if s.loop.Stopped() {
		t.Fatal("the outstanding requests were not waited for")
	}
	s.serve(ackAll)
	s.settle()
	s.serve(ackAll)
	s.settle()
	s.want(s.wanted(), map[string]float64{"requests": 10, "answered": 10, "unsent": 990, "missing": 0})
	s.wantVerdict(s.wanted(), "")
}

// TestAServerThatDoesNotCloseEndsNoRunLate: after the last reply a second is all
// that it gets.
func TestAServerThatDoesNotCloseEndsNoRunLate(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests = 1 }).connect()
	p := s.peers[0]
	p.SendString(ackLine(p.lines()[0]))
	s.settle()
	if !p.Ended() {
		t.Error("the client has not ended its side")
	}
	s.after(strayWait - 1)
	if s.loop.Stopped() {
		t.Fatal("the run has ended before the time for strays is over")
	}
	p.SendString("ACK 2\n")
	s.after(1)
	s.want(s.wanted(), map[string]float64{"answered": 1, "wrong_seq": 1, "mismatches": 1})
}

func TestConnectionsAreOpenedAFewAtATime(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Connections, c.Requests = 5*dialsMax/2, 1000 })
	s.server.SetBacklog(10_000)
	delayed := 0
	for range 5 * dialsMax / 2 {
		s.kernel.Inject(fake.CallConnect, fake.Fault{Delay: time.Second})
		delayed++
	}
	s.dialMore()
	most, opened := 0, 0
	for s.phase == phaseDialling {
		opened = s.dials.opened
		most = max(most, s.kernel.Open()-opened-1) // all but the eventfd and those that stand
		s.after(100 * time.Millisecond)
	}
	if most != dialsMax || len(s.lanes) != delayed {
		t.Errorf("up to %d dials at a time, want %d", most, dialsMax)
	}
	s.accept()
	s.finish(time.Millisecond, ackAll)
}

func TestAllAddressesOfTheServerAreTried(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Connections = 3; c.Servers[0] = append(c.Servers[0], c.Servers[0][0]) })
	s.kernel.Inject(fake.CallConnect, fake.Fault{Refuse: true})
	s.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EADDRNOTAVAIL})
	s.connect()
	s.wantVerdict(s.finish(time.Millisecond, ackAll), "")
}

func TestAConnectionThatFailsEndsTheRun(t *testing.T) {
	for _, c := range []struct {
		name   string
		faults []fake.Fault
		want   string
	}{
		{"refused", []fake.Fault{{}, {Refuse: true}}, "connection 2 of 3: 127.0.0.1:%d: connection refused"},
		{"at once", []fake.Fault{{Errno: syscall.ENETUNREACH}}, "connection 1 of 3: 127.0.0.1:%d: network is unreachable"},
		{"never answered", []fake.Fault{{Delay: fake.Never}}, "connection 1 of 3: 127.0.0.1:%d: connect timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, func(config *Config) { config.Connections = 3 })
			for _, fault := range c.faults {
				s.kernel.Inject(fake.CallConnect, fault)
			}
			s.dialMore()
			s.after(2 * connectTimeout)
			if want := fmt.Sprintf(c.want, s.server.Addr().TCP().Port()); s.failed == nil || s.failed.Error() != want {
				t.Errorf("%v, want %s", s.failed, want)
			}
		})
	}
}

func TestTooFewDescriptorsAreToldBeforeTheFirstDial(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Connections = 1000 })
	s.kernel.Limit = 1000
	if _, err := s.Run.Run(t.Context()); err == nil || err.Error() != "1000 connections need more descriptors than the limit of 1000 has" {
		t.Error(err)
	}
	if got := s.kernel.Open(); got != 0 {
		t.Errorf("%d descriptors are open", got)
	}
}

func TestAnEndBeforeTheBeginningIsItsCause(t *testing.T) {
	s := newStage(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	s.kernel.Inject(fake.CallConnect, fake.Fault{Delay: time.Hour})
	s.kernel.After(time.Second, func() {
		cancel(fmt.Errorf("enough"))
		s.end(endedByUser) // the mailbox of the simulated kernel is for one goroutine
	})
	s.askEnd = func() {}
	if _, err := s.Run.Run(ctx); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
}

func TestNonsenseIsNoRun(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no kernel":     func(c *Config) { c.Sys = nil },
		"no address":    func(c *Config) { c.Servers = nil },
		"no end":        func(c *Config) { c.Requests = 0 },
		"too long":      func(c *Config) { c.Duration = DurationMax + 1 },
		"no connection": func(c *Config) { c.Connections = 0 },
		"no depth":      func(c *Config) { c.Depth = 0 },
		"too deep":      func(c *Config) { c.Depth, c.Connections = DepthMax, ConnectionsMax },
		"too much data": func(c *Config) { c.Size = DataBytesMax + 1 },
		"too fast":      func(c *Config) { c.Rate = RateMax + 1 },
		"no patience":   func(c *Config) { c.Wait = 0 },
		"negative":      func(c *Config) { c.Requests = -1 },
		"ended already": func(c *Config) { c.Duration = -1 },
	} {
		kernel := fake.New()
		config := Config{Sys: kernel.NewSys(), Servers: newStage(t, nil).config.Servers,
			Requests: 1, Connections: 1, Depth: 1, Wait: time.Second}
		change(&config)
		if _, err := New(config); err == nil || kernel.Open() != 0 {
			t.Errorf("%s: %v, %d descriptors", name, err, kernel.Open())
		}
	}
}
