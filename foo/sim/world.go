// Package sim plays Foo clients and Foo servers on the simulated kernel, with all
// that clients, servers and kernels do wrong, and judges what they saw. One seed
// is one run; a run happens again from its seed, or from the record of its
// choices.
//
//	        ┌──────────── Kernel, Chaos ────────────┐
//	Client ─┤ streams ─► the loop under test ─► ... ├─ Server, Conn
//	        └───────────────────────────────────────┘
//	   └──────── judge: who got what, in which order ────────┘
//
// The judge stands on what was said, not on the grammar: a script says of each
// line what is to become of it. Only tests import the package.
//
// world.go owns a run as a whole: its time, its actors, the first thing that was
// wrong.
package sim

import (
	"fmt"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// Rules is what the thing under test was told to do.
type Rules struct {
	Strict  bool
	MaxLine int           // bytes, LF included
	Idle    time.Duration // its timeouts; 0: none
	Line    time.Duration
	Write   time.Duration
	Connect time.Duration
	Drain   time.Duration // how long a drain may take
	Linger  time.Duration // a closed connection may be reset after that
	// Scarce: memory is so short that clients are not read for want of it.
	Scarce bool
	// Little: so little output may wait that a client is not read behind one request
	// that has no connection yet.
	Little bool
	// Failover: a client keeps its connection when its server is lost.
	Failover bool
	// With Failover: how long a request may wait for its reply, and for a server;
	// 0: for ever, and not at all. EndWords: clients may ask for the end. Memory is
	// how long a server may be left alone after it was found to be bad.
	RequestTimeout, NoServerWait time.Duration
	EndWords                     bool
	Memory                       time.Duration
	CheckTimeout                 time.Duration
	LinkWrite                    time.Duration // how long output may wait for a server; 0: for ever
	// Shared, with Failover and Strict: clients share the connections to the servers.
	// Ordered: each gets its replies in the order of its requests nevertheless.
	Shared, Ordered bool
	// AskTimeout, with Shared: how long an idle connection may take to answer whether
	// its server is there; 0: none is asked.
	AskTimeout time.Duration
	// With Shared: so few requests may be outstanding that lines wait, unread, for
	// replies to others, and their time does not run.
	Crowded bool
	// Direct: there is no server behind it, it answers by itself.
	Direct bool
	NAKs   bool // with Direct: any request may be refused at random
	// With Direct: how much later each answer leaves, and how many bytes of a
	// client a drain reads at least.
	Delay     time.Duration
	TurnBytes int
	// With Direct: a word that may stand in front of data, which has it answered as
	// ever, but perhaps later.
	LateWord string
}

// Violation is what must never be.
type Violation struct {
	Class string // which of the invariants
	Text  string
}

func (v *Violation) Error() string { return v.Class + ": " + v.Text }

// World is one run. It belongs to one goroutine.
type World struct {
	Kernel  *fake.Kernel
	Choices *fake.Choices
	Chaos   *fake.Chaos
	Rules   Rules
	Plan    Plan
	Clients []*Client
	Servers []*Server
	// Draining: the thing under test was told to end.
	Draining bool
	// Cut: it ended before everybody had come to an end.
	Cut bool

	// Narrow: the loop's turns are so narrow that not everybody has one in time.
	Narrow bool

	violation *Violation
	drainAt   int64 // when it was told so
	shortAt   int64 // when the process began to have few descriptors; 0: never
	calmAt    int64 // when the calm began; 0: not yet
	calm      bool
	trace     func(format string, args ...any)
}

// NewWorld makes a world in which nothing goes wrong yet.
func NewWorld(choices *fake.Choices) *World {
	w := &World{Kernel: fake.New(), Choices: choices, Chaos: &fake.Chaos{Choices: choices}}
	w.Kernel.Unleash(w.Chaos)
	return w
}

// Trace has f told of everything that happens, with the time in front.
func (w *World) Trace(f func(line string)) {
	start := w.Kernel.Now()
	w.trace = func(format string, args ...any) {
		f(fmt.Sprintf("%10.3f ms  ", float64(w.Kernel.Now()-start)/1e6) + fmt.Sprintf(format, args...))
	}
	w.Kernel.Trace = w.trace
}

func (w *World) say(format string, args ...any) {
	if w.trace != nil {
		w.trace(format, args...)
	}
}

// Fail notes a violation. The first one counts.
func (w *World) Fail(class, format string, args ...any) {
	if w.violation == nil {
		w.violation = &Violation{class, fmt.Sprintf(format, args...)}
		w.say("VIOLATION %s", w.violation.Error())
	}
}

// Violation is the first thing that was wrong, nil where nothing was.
func (w *World) Violation() *Violation { return w.violation }

// Calm ends the faults: what is stopped goes on, what is dead is alive again,
// who did not listen listens.
func (w *World) Calm() {
	w.say("calm")
	w.calm, w.calmAt = true, w.Kernel.Now()
	w.Chaos.Calm()
	for _, s := range w.Servers {
		s.calm()
	}
	for _, c := range w.Clients {
		c.calm()
	}
}

// Over reports whether every client has ended.
func (w *World) Over() bool {
	for _, c := range w.Clients {
		if !c.over {
			return false
		}
	}
	return true
}

// Ended reports whether every connection of a client or a server has ended.
func (w *World) Ended() bool {
	for _, s := range w.Servers {
		for _, c := range s.conns {
			if !c.over {
				return false
			}
		}
	}
	return w.Over()
}

// Drain says that the thing under test is told to end now.
func (w *World) Drain() {
	w.say("drain")
	w.Draining = true
	w.noteDrain()
}

// Judge looks at the whole run, after its end.
func (w *World) Judge() {
	for _, c := range w.Clients {
		if !c.over {
			w.Fail("progress", "client %d has no end: %d of %d bytes sent, %d lines received", c.id, c.sent, len(c.script.stream), c.heard)
			return
		}
		c.judge()
	}
	for _, s := range w.Servers {
		for _, conn := range s.conns {
			conn.judge()
		}
	}
	if w.Rules.Shared {
		w.judgeDepartures()
	}
}

// pause draws how long somebody takes: mostly no time, sometimes a lot.
func (w *World) pause() time.Duration {
	v := w.Choices.Next(64)
	if v == 0 {
		return 0
	}
	return time.Microsecond << (v / 4)
}

// within draws a moment of a time.
func (w *World) within(d time.Duration) time.Duration {
	return d * time.Duration(w.Choices.Next(256)) / 256
}

// doer is an actor: something that does one thing after the other.
type doer struct {
	world *World
	next  int64 // when the next step is due; 0: none is planned
	step  func()
	fire  func()
}

// acts says what a step of the actor is.
func (d *doer) acts(step func()) {
	d.step = step
	d.fire = func() {
		// A step that was planned for a later time, and then happened earlier, is
		// over.
		if d.next > 0 && d.world.Kernel.Now() >= d.next {
			d.next = 0
			d.step()
		}
	}
}

// plan has the actor's next step happen after a time, unless one is due before.
func (d *doer) plan(after time.Duration) {
	if when := d.world.Kernel.Now() + int64(after); d.next == 0 || when < d.next {
		d.next = when
		d.world.Kernel.After(after, d.fire)
	}
}

// AddServer opens a server model at addr; port 0 picks one.
func (w *World) AddServer(addr poller.Addr) *Server {
	s := newServer(w, len(w.Servers), addr)
	w.Servers = append(w.Servers, s)
	return s
}

// AddClient makes a client of addr that connects when its time has come.
func (w *World) AddClient(addr poller.Addr) *Client {
	c := newClient(w, len(w.Clients), addr)
	w.Clients = append(w.Clients, c)
	return c
}

// AddLateClient makes one that connects when the calm has gone on for so long that
// all must be well again.
func (w *World) AddLateClient(addr poller.Addr) *Client {
	c := w.AddClient(addr)
	c.leaves, c.notBefore = farewellNone, w.Kernel.Now()+int64(w.Plan.Calm+w.Rules.Memory+w.Rules.RequestTimeout)
	return c
}

// CalmFor is how long it has been calm.
func (w *World) CalmFor() time.Duration {
	if !w.calm {
		return 0
	}
	return time.Duration(w.Kernel.Now() - w.calmAt)
}
