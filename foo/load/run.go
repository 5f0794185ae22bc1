// Package load puts a load on a Foo server and measures it: a closed loop, in
// which each reply makes room for the next request, or an open one, in which
// requests are due at a rate whatever the server does. It stands on the poller,
// so that one core can load a proxy.
//
// run.go owns the course of a run: how it begins, what ends it, and who may talk
// to it meanwhile. It must not know what a right reply is.
//
//	New ─► dial.go      all connections stand
//	         │
//	         ▼
//	       lane.go      requests out, replies in          pace.go    when
//	         │                                            source     what
//	         ▼                                            window.go  how many
//	       result.go    what is to be said of it ─► report.go, chart.go
package load

import (
	"context"
	"fmt"
	"sync"

	"fooproxy/poller"
)

// A run's course:
//
//	from \ event   all connections stand   a dial failed   End       time is up   no lane is at work   no lane listens, strayWait
//	dialling       working                 over            over      -            -                    -
//	working        -                       -               ending    ending       listening            -
//	ending         -                       -               -         -            listening            -
//	listening      -                       -               -         -            -                    over
type phase uint8

const (
	phaseDialling phase = iota
	phaseWorking
	phaseEnding    // nothing more is sent; what is outstanding is waited for
	phaseListening // all is answered or lost; what comes now is stray
	phaseOver
)

// ending is what ended a run before all its requests were sent.
type ending uint8

const (
	endedNot      ending = iota
	endedByUser          // somebody asked for it
	endedByTime          // its duration is over
	endedByBehind        // requests that were due could not be sent in time
)

// Run is one run. Its loop's goroutine is the one that calls Run; Progress is
// for any.
type Run struct {
	config Config
	loop   *poller.Loop
	route  route
	lanes  []*lane
	dials  dials

	source    source
	latencies latencies
	line      []byte // a request in the making
	batch     []byte // the requests that one connection sends in this turn

	phase   phase
	ended   ending
	failed  error // why there was no run
	start   int64 // on the loop's clock
	lastAt  int64 // when the last reply came
	working int   // lanes that send or wait for replies
	open    int   // lanes whose connection stands
	kicked  int   // lanes that have sent their first requests
	tally   tally

	reconnects uint64  // connections in the place of lost ones
	parted     int     // connections that were lost without being a lane's end
	partings   []error // of the first of these: why

	pace    pace
	limit   uint64 // how many requests there are; 0: it is not known, in a closed loop
	due     uint64 // how many of them are due by now
	nextDue int64  // when the next one is, on the loop's clock

	starter, releaser, watcher, deadline poller.Timer

	askEnd func()
	told   told
}

// New makes a run that has not begun. The error says what is wrong with the
// configuration, or which system call failed.
func New(config Config) (*Run, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	loop, err := poller.NewLoop(config.Sys)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	r := &Run{config: config, loop: loop, latencies: newLatencies(), nextDue: poller.Forever}
	r.route = newRoute(&config)
	r.plan()
	r.lanes = make([]*lane, config.Connections)
	for i := range r.lanes {
		r.lanes[i] = newLane(r, i)
	}
	// A place of its own in the mailbox: an end must not be told "busy".
	post, ok := loop.Mailbox().Reserve()
	if !ok {
		panic("load: the mailbox of a new loop is full")
	}
	r.askEnd = sync.OnceFunc(func() { post(func() { r.end(endedByUser) }) })
	loop.OnTurn(r.endTurn)
	return r, nil
}

// plan says what the requests are made of and how many there are. In an open
// loop a duration is a number of requests: those that are due in it.
func (r *Run) plan() {
	c := &r.config
	r.limit = uint64(c.Requests)
	if c.Rate > 0 {
		r.pace = pace{float64(c.Rate)}
		if c.Duration > 0 {
			due := r.pace.count(int64(c.Duration) - 1)
			if r.limit == 0 || due < r.limit {
				r.limit = due
			}
		}
	}
	if c.Mix != nil {
		r.source = mixed{c.Mix, c.Connections}
	} else {
		r.source = newPayload(c.Size)
	}
}

// Run makes the run and returns what came of it. It is called once, and blocks
// its goroutine; the kernel stays the caller's. When ctx ends, nothing more is
// sent, and the result tells what was done until then. The error is that not all
// connections could be opened, or the cause of ctx where it ended before they
// were.
func (r *Run) Run(ctx context.Context) (*Result, error) {
	stop := context.AfterFunc(ctx, r.askEnd)
	defer stop()
	r.dialMore()
	if r.phase != phaseOver {
		r.loop.Run()
	}
	r.loop.Shut()
	switch {
	case r.failed != nil:
		return nil, r.failed
	case r.start == 0:
		return nil, context.Cause(ctx)
	}
	return r.result(), nil
}

// begin lets the lanes work: all connections stand.
func (r *Run) begin() {
	now := r.loop.Now()
	r.phase, r.start, r.lastAt = phaseWorking, now, now
	for _, l := range r.lanes {
		l.begin()
	}
	r.loop.Arm(&r.watcher, (*watch)(r), now+r.lookInterval())
	until := poller.Forever
	switch {
	case r.config.Rate > 0:
		// What is due at the end may still be sent, or a stall at the end would
		// not be seen; but not for ever.
		if r.config.Duration > 0 {
			until = now + int64(r.config.Duration+r.config.Wait)
		}
		r.release(now)
	default:
		if r.config.Duration > 0 {
			until = now + int64(r.config.Duration)
		}
		r.loop.Arm(&r.starter, (*kick)(r), now)
	}
	if until != poller.Forever {
		r.loop.Arm(&r.deadline, (*timeUp)(r), until)
	}
}

// end has nothing more be sent. Before the beginning it is the end of all.
func (r *Run) end(why ending) {
	switch r.phase {
	case phaseDialling:
		r.ended = why
		r.over()
	case phaseWorking:
		r.phase, r.ended = phaseEnding, why
		r.disarm()
		for _, l := range r.lanes {
			l.rest()
		}
	}
}

// disarm leaves the watch alone, which goes on until the last reply.
func (r *Run) disarm() {
	r.nextDue = poller.Forever
	for _, timer := range []*poller.Timer{&r.starter, &r.releaser, &r.deadline} {
		r.loop.Disarm(timer)
	}
}

// endTurn moves the run on, and publishes how far it is.
func (r *Run) endTurn(now int64) {
	if (r.phase == phaseWorking || r.phase == phaseEnding) && r.working == 0 {
		r.phase = phaseListening
		r.disarm()
		r.loop.Disarm(&r.watcher)
		r.loop.Arm(&r.deadline, (*timeUp)(r), now+int64(strayWait))
	}
	if r.phase == phaseListening && r.open == 0 {
		r.over()
	}
	r.publish()
}

func (r *Run) over() {
	r.phase = phaseOver
	r.loop.Stop()
}

// timeUp is the run as the owner of the timer of its phase.
type timeUp Run

// Expire implements poller.Expirer.
func (t *timeUp) Expire(int64) {
	r := (*Run)(t)
	switch {
	case r.phase == phaseListening:
		r.over()
	case r.config.Rate > 0:
		r.end(endedByBehind)
	default:
		r.end(endedByTime)
	}
}

// kick is the run as the owner of the timer that has the lanes of a closed loop
// send their first requests, a few in each turn.
type kick Run

// Expire implements poller.Expirer.
func (k *kick) Expire(now int64) {
	r := (*Run)(k)
	last := min(r.kicked+startsPerTurn, len(r.lanes))
	for _, l := range r.lanes[r.kicked:last] {
		l.send()
	}
	if r.kicked = last; r.kicked < len(r.lanes) {
		r.loop.Arm(&r.starter, k, now)
	}
}

// release has the requests be sent that are due by now, and waits for the next.
func (r *Run) release(now int64) {
	before := r.due
	r.due = min(r.pace.count(now-r.start), r.limit)
	r.nextDue = poller.Forever
	if r.due < r.limit {
		r.nextDue = r.start + r.pace.due(r.due)
		r.loop.Arm(&r.releaser, (*releaser)(r), r.nextDue)
	}
	for i := before; i < min(r.due, before+uint64(len(r.lanes))); i++ {
		r.lanes[i%uint64(len(r.lanes))].send()
	}
}

// releaser is the run as the owner of the timer of the next request.
type releaser Run

// Expire implements poller.Expirer.
func (d *releaser) Expire(now int64) { (*Run)(d).release(now) }

func (r *Run) lookInterval() int64 { return int64(r.config.Wait) / looksPerWait }

// watch is the run as the owner of the timer that looks whether replies come.
type watch Run

// Expire implements poller.Expirer.
func (w *watch) Expire(now int64) {
	r := (*Run)(w)
	for _, l := range r.lanes {
		l.look()
	}
	r.loop.Arm(&r.watcher, w, now+r.lookInterval())
}
