// Package poller is an edge-triggered event loop for line protocols over TCP. It
// knows descriptors, edges, connections, lines' ends and timers. It does not
// know what a line means.
//
// loop.go owns the turn:
//
//	          ┌──────────────────────────── one turn ────────────────────────────┐
//	kernel ─► │ wait ─► mark ─► mailbox ─► serve ─► timers ─► flush ─► free dead │ ─► kernel
//	          │         ready   messages   ready    that are  dirty    descrip-  │
//	          │         bits               list     due       output   tors      │
//	          └──────────────────────────────────────────────────────────────────┘
//
// An edge is told once, so readiness is a sticky bit on the connection and who
// can make progress is on the ready list, whatever the kernel says. While that
// list is not empty the wait is a poll. Nothing is closed in the middle of a
// turn, and the clock is read once in it.

package poller

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"
)

// Loop is one event loop: one goroutine, one Sys. All methods of it and of its
// connections, listeners and timers belong to that goroutine, or to the one
// that sets the loop up before Run. Only Mailbox and Watch are for others.
type Loop struct {
	sys     Sys
	mailbox *Mailbox
	slots   slots
	pool    pool
	timers  timers
	now     int64
	before  int64 // the time of the turn before

	events  []Event
	scratch []byte // the one read buffer

	ready, served []pollable // who can progress; last turn's list, to be filled again
	dirty, flush  []*Conn    // who has new output; the list being flushed
	dead          []*Conn    // who is freed at the end of this turn
	listeners     []*Listener
	spareTimers   []*Timer
	spareInputs   []*input
	busyPoll      int64 // how long after an event waits are polls, ns
	pollUntil     int64
	waiting       []placeless // dials that a full queue keeps waiting
	askAgain      Timer       // when they ask again
	mailWaits     bool
	putOff        int // turns since the timers were last looked at
	work          int // what was done in this turn, in lines
	workMax       int // turnWorkMax, unless a test has narrowed it
	stopped       bool
	trimmer       Timer
	conns         int
	found         bool // the last wait brought something

	stale    uint64 // events of descriptors that were closed meanwhile
	turns    uint64
	beat     atomic.Uint64 // the number of the turn under way; 0 while the loop waits
	onTurn   func(now int64)
	onStall  func(stood int64)
	watching bool
}

// NewLoop makes a loop on sys. The error names the call that failed.
func NewLoop(sys Sys) (*Loop, error) {
	l := &Loop{sys: sys, events: make([]Event, eventsPerWait), scratch: make([]byte, readBufferBytes), workMax: turnWorkMax}
	fd, e := sys.OpenWake()
	if e != 0 {
		return nil, fmt.Errorf("eventfd: %w", e)
	}
	l.mailbox = newMailbox(sys, fd, MailboxCapacity)
	if e := sys.Register(fd, l.slots.take(fd, (*mailSlot)(l))); e != 0 {
		l.slots.give(fd)
		return nil, errors.Join(fmt.Errorf("epoll_ctl: %w", e), closeError(sys.Close(fd)))
	}
	l.now = sys.Now()
	l.timers.arm(&l.trimmer, (*poolTrimmer)(l), l.now+int64(trimInterval))
	return l, nil
}

func closeError(e Errno) error {
	if e == 0 {
		return nil
	}
	return fmt.Errorf("close: %w", e)
}

// Mailbox is the way in for other goroutines.
func (l *Loop) Mailbox() *Mailbox { return l.mailbox }

// Now is the time of this turn in nanoseconds, on the loop's clock.
func (l *Loop) Now() int64 { return l.now }

// Conns is how many connections exist, dead ones included until they are freed.
func (l *Loop) Conns() int { return l.conns }

// Stale is how many events came for descriptors that had been closed.
func (l *Loop) Stale() uint64 { return l.stale }

// Held is the memory, in bytes, of all buffers that hold something.
func (l *Loop) Held() int { return l.pool.lent }

// Turns is how many turns have been made.
func (l *Loop) Turns() uint64 { return l.turns }

// DescriptorLimit is how many descriptors the process may have open.
func (l *Loop) DescriptorLimit() int { return l.sys.DescriptorLimit() }

// OnTurn has f called at the end of every turn.
func (l *Loop) OnTurn(f func(now int64)) { l.onTurn = f }

// OnStall has f called when the loop notices that it stood still, with the time
// that it missed, in nanoseconds. It is called before the timers that are due.
func (l *Loop) OnStall(f func(stood int64)) { l.onStall = f }

// Arm has owner called in the timer phase of the first turn at or after when.
func (l *Loop) Arm(t *Timer, owner Expirer, when int64) { l.timers.arm(t, owner, when) }

// Disarm forgets a timer; one that is not armed is left alone.
func (l *Loop) Disarm(t *Timer) { l.timers.disarm(t) }

// Stop ends Run after the turn under way.
func (l *Loop) Stop() { l.stopped = true }

// Stopped reports whether Stop was called. It is for those who make turns one by
// one instead of calling Run.
func (l *Loop) Stopped() bool { return l.stopped }

// SetBusyPoll has the loop poll instead of waiting for so long after each event: a
// reply that comes soon is met awake. It costs a core for as long. 0, the
// default, always waits.
func (l *Loop) SetBusyPoll(d time.Duration) { l.busyPoll = int64(d) }

// Run makes turns until Stop, on a thread of its own.
func (l *Loop) Run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for !l.stopped {
		l.Turn(Forever)
	}
	l.beat.Store(0)
}

// Turn makes one turn. It waits for an edge no longer than until, and not at
// all while somebody can progress.
func (l *Loop) Turn(until int64) {
	deadline := l.deadline(until)
	if deadline != 0 && l.watching {
		l.beat.Store(0)
	}
	n, e := l.sys.Wait(l.events, deadline)
	if e != 0 && e != EINTR {
		panic("epoll_wait: " + e.Error())
	}
	l.before, l.now = l.now, l.sys.Now()
	if l.found = n > 0; l.found {
		l.pollUntil = l.now + l.busyPoll
	}
	if l.watching {
		l.beat.Store(l.turns + 1)
	}
	for _, ev := range l.events[:n] {
		l.mark(ev)
	}
	if l.mailWaits {
		l.mailWaits = l.mailbox.drain(mailPerTurn)
	}
	l.serveReady()
	l.forgive()
	l.judge(n == len(l.events))
	l.flushDirty()
	l.freeDead()
	l.turns++
	if l.onTurn != nil {
		l.onTurn(l.now)
	}
}

// deadline is when the wait of the next turn ends; 0 polls.
func (l *Loop) deadline(until int64) int64 {
	if len(l.ready) > 0 || len(l.dirty) > 0 || len(l.dead) > 0 || l.mailWaits {
		return 0
	}
	if l.now < l.pollUntil {
		return 0
	}
	return min(until, l.timers.next())
}

func (l *Loop) mark(ev Event) {
	owner := l.slots.find(ev.Token)
	if owner == nil {
		l.stale++
		return
	}
	owner.onEdge(ev.Mask)
}

// enqueue puts p at the back of the ready list, once.
func (l *Loop) enqueue(p pollable) {
	if queued := p.inQueue(); !*queued {
		*queued = true
		l.ready = append(l.ready, p)
	}
}

// dequeue takes p off the ready list.
func (l *Loop) dequeue(p pollable) {
	if queued := p.inQueue(); *queued {
		*queued = false
		l.ready = slices.DeleteFunc(l.ready, func(x pollable) bool { return x == p })
	}
}

// serveReady serves everybody who is on the list now, once, as far as the turn's
// work allows. Who is not done goes to the back of the next turn's list, who had
// no turn to its front.
func (l *Loop) serveReady() {
	l.ready, l.served = l.served[:0], l.ready
	l.work = 0
	for i, p := range l.served {
		if l.work >= l.workMax {
			l.putBack(l.served[i:])
			return
		}
		l.served[i] = nil
		*p.inQueue() = false
		l.work += workPerServe
		p.serve()
	}
}

// putBack puts those who had no turn at the front of the list, but for a listener
// that was closed meanwhile.
func (l *Loop) putBack(waiting []pollable) {
	waiting = slices.DeleteFunc(waiting, func(p pollable) bool { return !*p.inQueue() })
	l.ready = slices.Insert(l.ready, 0, waiting...)
	clear(waiting)
}

// forgive takes a time in which the process stood still off everybody's account.
// A timer that is far overdue means that the loop was late, not its peer: what
// they did meanwhile may still be told, or have no time of its own. A look at
// the clock cannot say that, since a process may be stopped anywhere.
func (l *Loop) forgive() {
	late := l.now - max(l.timers.next(), l.before) // what was put off is late by our own choice
	if late < int64(stallMin) {
		return
	}
	for _, owner := range l.slots.all {
		if c, ok := owner.(*Conn); ok {
			c.forgive(late + int64(stallMin))
		}
	}
	if l.onStall != nil {
		l.onStall(late + int64(stallMin))
	}
}

// judge runs the timers that are due, but after a full batch: more may have
// arrived than it tells, and who has sent something in time is not late because
// the loop was. It is put off a bounded number of times.
func (l *Loop) judge(fullBatch bool) {
	if fullBatch && l.putOff < judgePutOffMax {
		l.putOff++
		return
	}
	l.putOff = 0
	l.expireTimers()
}

func (l *Loop) expireTimers() {
	for range l.timers.len() {
		owner := l.timers.pop(l.now)
		if owner == nil {
			return
		}
		owner.Expire(l.now)
	}
}

// flushDirty writes what handlers have appended. Output that appears meanwhile
// waits for the next turn.
func (l *Loop) flushDirty() {
	l.dirty, l.flush = l.flush[:0], l.dirty
	for i, c := range l.flush {
		l.flush[i] = nil
		if l.found && c.gathers() {
			l.dirty = append(l.dirty, c)
			continue
		}
		c.isDirty = false
		c.flushOutput()
	}
}

// freeDead closes the descriptors of the dead and tells their handlers, which
// may condemn others. It ends since nobody dies twice.
func (l *Loop) freeDead() {
	if len(l.dead) == 0 {
		return
	}
	for i := 0; i < len(l.dead); i++ {
		c := l.dead[i]
		l.dead[i] = nil
		c.free()
	}
	l.dead = l.dead[:0]
	l.dropDeadReady()
	l.wakeResting()
}

// dropDeadReady takes connections off the ready list that died after they were
// put on it.
func (l *Loop) dropDeadReady() {
	kept := l.ready[:0]
	for _, p := range l.ready {
		if c, ok := p.(*Conn); ok && c.state == stateFreed {
			continue
		}
		kept = append(kept, p)
	}
	clear(l.ready[len(kept):])
	l.ready = kept
}

// Shut closes every descriptor that the loop still owns, without ceremony, and
// tells the handlers. Run must have ended.
func (l *Loop) Shut() {
	for fd, owner := range l.slots.all {
		switch owner := owner.(type) {
		case *Conn:
			owner.die(Cause{Kind: CauseShutdown})
		case *Listener:
			owner.Close()
		case *mailSlot:
			l.slots.give(fd)
			l.mailbox.shut()
		}
	}
	l.freeDead()
}

// mailSlot is the loop as the owner of its eventfd.
type mailSlot Loop

// onEdge looks for IN alone: reading the eventfd makes room in its count, and
// the OUT that tells of it would cost a turn for nothing after each wake.
func (m *mailSlot) onEdge(mask uint32) {
	if mask&MaskIn != 0 {
		m.mailWaits = true
	}
}

func (m *mailSlot) serve()         {}
func (m *mailSlot) inQueue() *bool { return &m.mailWaits }

// poolTrimmer is the loop as the owner of the timer that trims its pool.
type poolTrimmer Loop

// Expire implements Expirer.
func (p *poolTrimmer) Expire(now int64) {
	l := (*Loop)(p)
	l.pool.trim()
	l.timers.arm(&l.trimmer, p, now+int64(trimInterval))
}
