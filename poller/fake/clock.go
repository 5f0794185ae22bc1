// clock.go owns virtual time and what is to happen later in it. It moves only
// when somebody waits or the test says so.

package fake

import (
	"slices"
	"time"
)

// clock counts nanoseconds. It begins at 1, since 0 must lie in the past.
type clock struct {
	now   int64
	later []event // the next one last, so that it is taken without moving the rest
	made  uint64
}

// event is something that happens by itself. Events of one moment happen in the
// order in which they were asked for.
type event struct {
	when  int64
	order uint64
	run   func()
}

func (c *clock) at(when int64, run func()) {
	e := event{when: max(when, c.now), order: c.made, run: run}
	c.made++
	at, _ := slices.BinarySearchFunc(c.later, e, func(a, b event) int {
		switch {
		case a.when > b.when, a.when == b.when && a.order > b.order:
			return -1
		}
		return 1
	})
	c.later = slices.Insert(c.later, at, e)
}

// next is when the next event happens; ok is false where none will.
func (c *clock) next() (when int64, ok bool) {
	if len(c.later) == 0 {
		return 0, false
	}
	return c.later[len(c.later)-1].when, true
}

// advance moves to the given time and has happen what lies on the way.
func (c *clock) advance(to int64) {
	for {
		when, ok := c.next()
		if !ok || when > to {
			break
		}
		c.now = max(c.now, when)
		e := c.later[len(c.later)-1]
		c.later = c.later[:len(c.later)-1]
		e.run()
	}
	c.now = max(c.now, to)
}

// Now is virtual time in nanoseconds.
func (k *Kernel) Now() int64 { return k.clock.now }

// Advance lets d pass, and has happen what is due on the way. The loop sees it
// at its next turn.
func (k *Kernel) Advance(d time.Duration) { k.clock.advance(k.clock.now + int64(d)) }

// After has run called when d has passed: in Advance, or while a loop waits.
func (k *Kernel) After(d time.Duration, run func()) { k.clock.at(k.clock.now+int64(d), run) }
