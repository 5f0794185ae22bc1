// plan.go owns the swarm: which faults a run has, and how often. A run with a few
// faults at a high rate finds more than one with all of them at a low one.

package sim

import (
	"time"

	"fooproxy/poller/fake"
)

// Mischief is one kind of what clients and servers do wrong, or are free to do.
type Mischief uint8

// The kinds.
const (
	Cut           Mischief = iota // a client's bytes come in pieces, some of them single
	SlowReader                    // a client takes its replies bit by bit
	DeafReader                    // a client takes none until the calm
	HalfClose                     // a client ends its side and still listens
	Leave                         // a client closes with requests outstanding
	Abort                         // a client resets its connection
	OddLine                       // a line that is no request
	BadData                       // a request whose Data is not text
	OddSeq                        // a Seq that repeats, jumps or goes back
	LongLine                      // a line above the limit
	Fragment                      // half a line before the end
	UrgentByte                    // in mid-line
	Silence                       // a client says nothing for a long time
	LongReply                     // a reply as long as a line may be
	CutReply                      // replies come in pieces
	SlowServer                    // a server takes its time
	SlowTaker                     // a server's window is small
	ServerNAK                     // a server says no
	NAKZero                       // a server answers NAK 0
	WrongSeq                      // a server answers with another Seq
	ExtraLine                     // a server says more than it was asked
	Garbage                       // a server says what is not Foo
	Reorder                       // a server answers out of order
	TornReset                     // a server sends half a line, then a reset
	TornEnd                       // a server sends half a line, then its end
	CloseEarly                    // a server ends after so many replies
	Kill                          // a server dies and is started again
	Stop                          // a server stands still for a while
	OverlongReply                 // a server's line is above the limit
	QuitWord                      // a client asks for the end
	Hesitation                    // a client says each thing just before a timeout
	CloseIdle                     // a server ends a connection that asks nothing
	MuteServer                    // a server does not answer whether it is there, and perhaps nothing more
	MischiefCount int      = iota
)

var mischiefNames = [MischiefCount]string{"cut", "slow reader", "deaf reader", "half-close", "leave", "abort", "odd line", "bad data",
	"odd Seq", "long line", "fragment", "urgent byte", "silence", "long reply", "cut reply", "slow server", "slow taker",
	"server NAK", "NAK 0", "wrong Seq", "extra line", "garbage", "reorder", "torn reset", "torn end", "close early", "kill", "stop",
	"overlong reply", "QUIT", "hesitation", "close idle", "mute server"}

// String names the kind for a table.
func (m Mischief) String() string { return mischiefNames[m] }

// Plan is the swarm of one run.
type Plan struct {
	// Rates are in a thousand: of actors for what an actor is, of lines for what
	// a line is.
	Rates    [MischiefCount]int
	Happened [MischiefCount]int
	Calm     time.Duration // when the calm phase begins
	faulty   bool          // there may be faults at all
	// Eager: every client says all it has at once, and servers take little at a time.
	Eager bool
}

// drawing says how a kind is drawn: in how many runs of a thousand it is on, and
// how often it happens then.
type drawing struct{ runs, low, high int }

var mischiefDrawings = [MischiefCount]drawing{
	Cut: {500, 100, 900}, SlowReader: {150, 200, 800}, DeafReader: {170, 200, 800}, HalfClose: {400, 200, 900}, Leave: {150, 100, 600},
	Abort: {150, 100, 600}, OddLine: {250, 30, 900}, BadData: {150, 30, 300}, OddSeq: {150, 50, 400}, LongLine: {120, 100, 600},
	Fragment: {150, 100, 600}, UrgentByte: {100, 200, 800}, Silence: {180, 200, 600}, LongReply: {120, 30, 400}, CutReply: {300, 100, 900}, SlowServer: {250, 100, 800},
	SlowTaker: {120, 200, 800}, ServerNAK: {150, 50, 300}, NAKZero: {80, 20, 200}, WrongSeq: {80, 20, 200}, ExtraLine: {80, 20, 200},
	Garbage: {80, 20, 200}, Reorder: {100, 50, 500}, TornReset: {100, 100, 500}, TornEnd: {80, 100, 500}, CloseEarly: {120, 100, 500},
	Kill: {150, 300, 1000}, Stop: {120, 300, 1000}, OverlongReply: {70, 50, 300}, QuitWord: {200, 20, 200},
	Hesitation: {300, 400, 1000},
}

var misfortuneDrawings = [fake.MisfortuneCount]drawing{
	fake.Interrupted: {200, 10, 200}, fake.ShortRead: {250, 100, 700}, fake.ShortWrite: {250, 50, 500}, fake.FullWrite: {150, 30, 300},
	fake.SmallBatch: {200, 100, 700}, fake.Reordered: {300, 100, 700}, fake.LateWait: {250, 20, 300}, fake.Stall: {200, 20, 150},
	fake.Spurious: {250, 50, 500}, fake.AcceptAborted: {70, 100, 300}, fake.Exhausted: {120, 50, 400}, fake.ConnectRefused: {100, 100, 500},
	fake.ConnectSlow: {150, 200, 800}, fake.ConnectLost: {80, 100, 400}, fake.NoPort: {60, 100, 400}, fake.SelfConnect: {60, 100, 400},
	fake.RegisterFailed: {60, 50, 300}, fake.Shared: {150, 200, 800},
}

// Draw draws the swarm. One run in four has no faults at all.
func (w *World) Draw() {
	c := w.Choices
	w.Plan.Calm = 20*time.Millisecond + w.within(1500*time.Millisecond)
	if c.Next(4) == 0 {
		return
	}
	w.Plan.faulty = true
	for m, d := range mischiefDrawings {
		w.Plan.Rates[m] = d.draw(c)
	}
	for m, d := range misfortuneDrawings {
		w.Chaos.Rates[m] = d.draw(c)
	}
	if w.Chaos.Rates[fake.Stall] > 0 && c.Chance(250) {
		// What happened in a stall is told bit by bit.
		w.Chaos.Rates[fake.SmallBatch] = 900
	}
}

// Haste has a run be about timeouts that are nearly over when the process stands
// still or is late, and what happened meanwhile is told bit by bit.
func (w *World) Haste() {
	if w.Plan.faulty {
		w.Chaos.Rates[fake.Stall], w.Chaos.Rates[fake.LateWait], w.Chaos.Rates[fake.SmallBatch] = 100, 200, 900
		w.Plan.Rates[Hesitation] = 700
	}
}

// Also draws a kind that only some runs have.
func (w *World) Also(m Mischief, runs int) {
	if w.Plan.faulty {
		w.Plan.Rates[m] = drawing{runs, 100, 600}.draw(w.Choices)
	}
}

func (d drawing) draw(c *fake.Choices) int {
	if !c.Chance(d.runs) {
		return 0
	}
	return d.low + c.Next(16)*(d.high-d.low)/15
}

// does chooses whether a kind happens here, and counts it.
func (w *World) does(m Mischief) bool {
	if w.calm || !w.Choices.Chance(w.Plan.Rates[m]) {
		return false
	}
	w.Plan.Happened[m]++
	return true
}
