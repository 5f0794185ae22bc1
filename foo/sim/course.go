// course.go owns the course of a run: turn after turn, from the faults into the
// calm and to the end, what the operator does on the way, and what a loop must
// never do meanwhile. It does not know what runs on the loop.
//
//	faults ──────────────────► calm ─────────► quiet
//	swarm of this seed         all healthy     nothing left, everything counted

package sim

import (
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	// turnsMax bounds the turns of a run, idleTurnsMax those in a row in which no
	// call changes anything and no time passes.
	turnsMax     = 50_000
	idleTurnsMax = 200
	// mailsMax bounds the operator's messages.
	mailsMax = 6
	// calmDescriptors is how many descriptors the process may have in the calm.
	calmDescriptors = 1024
	// narrowEventsBits is how many powers of two the batch of a narrow loop is
	// drawn from, and narrowWorkBits the same of its work: one served connection
	// costs four, and one that is read to its budget about 500.
	narrowEventsBits = 4
	narrowWorkBits   = 8
	// narrowTurns is how many turns a narrow loop may take to hear of a message:
	// it is told of in any order, among those of a few connections.
	narrowTurns = 100
	// endStep is how time passes for those who end after the loop.
	endStep = 10 * time.Millisecond
)

// Course is the course of one run.
type Course struct {
	world *World
	loop  *poller.Loop

	calmAt, endAt int64
	idleTurns     int
	lastActivity  uint64
	lastNow       int64
	lastStrikes   int
	posted, read  int    // messages of the operator
	postedAt      uint64 // the turn of the last of them
	postedDelays  uint64 // delays until then
}

// Begin plans the calm, and the end of a run that takes so much longer than that.
func (w *World) Begin(loop *poller.Loop, calmMax time.Duration) *Course {
	c := &Course{world: w, loop: loop}
	c.calmAt = w.Kernel.Now() + int64(w.Plan.Calm)
	c.endAt = c.calmAt + int64(calmMax)
	if w.Choices.Chance(250) {
		// So narrow that the few clients of a run fill a batch, and a turn.
		w.Narrow = true
		loop.Narrow(1+w.Choices.Next(1<<w.Choices.Next(narrowEventsBits)), 1<<w.Choices.Next(narrowWorkBits))
		if w.Plan.faulty && w.Choices.Chance(700) {
			w.Chaos.Rates[fake.LateWait] = 400 // timers are due while there is more to hear of
		}
	}
	return c
}

// Moment draws a moment before the calm.
func (c *Course) Moment() time.Duration { return c.world.within(c.world.Plan.Calm) }

// Operate plans what every operator does: messages, each of which has the loop
// call read, and few descriptors. drain, where it is not nil, is SIGTERM.
func (c *Course) Operate(read, drain func()) {
	w := c.world
	mail := func() { c.mail(read) }
	if w.Choices.Chance(300) {
		w.Kernel.OnClearWake = func() {
			if c.posted < mailsMax && w.Choices.Chance(300) {
				mail()
			}
		}
		for range 1 + w.Choices.Next(3) {
			w.Kernel.After(c.Moment(), mail)
		}
	}
	if drain != nil {
		w.Kernel.After(c.Moment(), drain)
	}
	if w.Choices.Chance(100) {
		w.Kernel.After(c.Moment(), func() {
			if !w.calm {
				w.RunShort()
				w.Kernel.SetLimit(w.Choices.Next(4))
			}
		})
	}
}

// mail asks for the numbers, as a signal does.
func (c *Course) mail(read func()) {
	number := c.posted
	c.posted++
	c.postedAt, c.postedDelays = c.loop.Turns(), c.delays()
	err := c.loop.Mailbox().Post(func() {
		if number != c.read {
			c.world.Fail("mailbox", "message %d came as the %d-th", number, c.read)
		}
		c.read++
		read()
	})
	if err != nil {
		c.world.Fail("mailbox", "%v", err)
	}
}

// Run makes turns until the loop stops, until the calm has left nothing to do, or
// until something is wrong.
func (c *Course) Run(done func() bool) {
	w, loop := c.world, c.loop
	for !loop.Stopped() && w.Violation() == nil {
		now := w.Kernel.Now()
		switch {
		case !w.calm && now >= c.calmAt:
			c.CalmDown()
		case w.calm && w.Over() && done():
			return
		case now >= c.endAt:
			return
		case loop.Turns() > turnsMax:
			w.Fail("no spin", "%d turns were not enough", turnsMax)
		}
		until := c.calmAt
		if w.calm {
			until = c.endAt
		}
		loop.Turn(until)
	}
}

// CalmDown begins the calm, once.
func (c *Course) CalmDown() {
	if !c.world.calm {
		c.world.Calm()
		c.world.Kernel.Limit = calmDescriptors
	}
}

// AwaitEnds lets time pass after the loop's end, until everybody has ended or the
// time is over.
func (c *Course) AwaitEnds(most time.Duration) {
	w := c.world
	for end := w.Kernel.Now() + int64(most); !w.Ended() && w.Kernel.Now() < end; {
		w.Kernel.Advance(endStep)
	}
}

// EndTurn looks at the loop, after each turn.
func (c *Course) EndTurn(now int64) {
	w := c.world
	if err := c.loop.CheckInvariants(); err != nil {
		w.Fail("loop", "%v", err)
	}
	c.checkSpin(now)
	most := uint64(2)
	if w.Narrow {
		most = narrowTurns
	}
	if c.read < c.posted && c.loop.Turns() > c.postedAt+most+c.delays()-c.postedDelays {
		w.Fail("mailbox", "message %d of %d was not read", c.read, c.posted)
	}
}

// delays is how many waits did not report all that there was.
func (c *Course) delays() uint64 {
	h := &c.world.Chaos.Happened
	return uint64(h[fake.Interrupted] + h[fake.SmallBatch])
}

// checkSpin fails a loop that is busy with nothing. A turn that a misfortune has
// cost is nobody's fault.
func (c *Course) checkSpin(now int64) {
	activity, strikes := c.world.Kernel.Activity(), 0
	for _, n := range c.world.Chaos.Happened {
		strikes += n
	}
	switch {
	case activity != c.lastActivity || now != c.lastNow:
		c.idleTurns = 0
	case strikes == c.lastStrikes:
		c.idleTurns++
	}
	c.lastActivity, c.lastNow, c.lastStrikes = activity, now, strikes
	if c.idleTurns > idleTurnsMax {
		c.world.Fail("no spin", "%d turns in a row changed nothing", c.idleTurns)
	}
}
