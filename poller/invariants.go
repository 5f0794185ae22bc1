// invariants.go owns what is true of a loop between two turns. Nothing in a
// running program asks; tests do, after every turn.

package poller

import (
	"errors"
	"fmt"
	"slices"
)

// CheckInvariants looks through the whole loop, between two turns, in its
// goroutine. The error is a sentence that names what is broken: a connection
// that could progress and is on no list waits for an edge that will not come.
func (l *Loop) CheckInvariants() error {
	for _, check := range []func() error{l.checkOwners, l.checkLists, l.checkPlaces, l.checkTimers, l.pool.check} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// checkOwners looks at every owner of a descriptor, and at the memory all of
// them hold.
func (l *Loop) checkOwners() error {
	owners, conns, held := 0, 0, 0
	for fd, owner := range l.slots.all {
		owners++
		var err error
		switch o := owner.(type) {
		case *Conn:
			conns++
			held += o.Held()
			err = o.check()
		case *Listener:
			err = o.check()
		}
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", fd, err)
		}
	}
	switch {
	case owners != l.slots.open:
		return fmt.Errorf("%d descriptors have owners, %d are counted", owners, l.slots.open)
	case conns != l.conns:
		return fmt.Errorf("%d connections exist, %d are counted", conns, l.conns)
	case held != l.pool.lent:
		return fmt.Errorf("connections hold %d bytes, %d are lent", held, l.pool.lent)
	}
	return nil
}

func (c *Conn) check() error {
	asleep := *c // as it would be without the chance to flush
	asleep.canWrite = c.canWrite && c.state == stateConnecting
	out, fragment := c.out.size(), c.in.kept() > c.in.whole()
	switch {
	case c.state == stateFreed:
		return errors.New("a freed connection owns it")
	case c.state == stateDead:
		if !slices.Contains(c.loop.dead, c) {
			return errors.New("it is dead, and will never be freed")
		}
		return nil
	case !c.queued && asleep.canProgress():
		return errors.New("it can progress, and is not on the ready list")
	case !c.queued && !c.isDirty && c.state != stateConnecting && c.canFlush():
		return errors.New("its output could leave, and it is neither on the ready list nor dirty")
	case c.in != nil && c.in.size() == 0 && c.read != readStopping:
		return errors.New("it holds an input without bytes")
	case c.in != nil && (c.in.page != nil) != (c.in.size() > 0), (c.out.page != nil) != (out > 0):
		return errors.New("a buffer holds a block without bytes")
	case c.in.whole() > c.in.kept():
		return errors.New("more whole lines are kept than bytes")
	case fragment != (c.in.began() > 0):
		return fmt.Errorf("an unfinished line is kept: %t, its time runs: %t", fragment, c.in.began() > 0)
	case c.keepsUnsent():
		return nil // what it holds waits for its handler
	case out > 0 && c.write != writeOn && c.write != writeFinishing:
		return errors.New("output waits that can never leave")
	case (out > 0) != (c.stuck > 0):
		return fmt.Errorf("%d bytes of output wait, the time of their waiting runs: %t", out, c.stuck > 0)
	case c.timer != nil && !c.timer.Armed():
		return errors.New("it holds a timer that is not armed")
	}
	if due := c.due(); due != Forever && (c.timer == nil || c.timer.when > due) {
		return fmt.Errorf("something is due at %d, and no timer knows", due)
	}
	return nil
}

func (ln *Listener) check() error {
	switch {
	case ln.closed:
		return errors.New("a closed listener owns it")
	case !slices.Contains(ln.loop.listeners, ln):
		return errors.New("the loop does not know the listener")
	case ln.resting != ln.retry.Armed():
		return fmt.Errorf("the listener rests: %t, its timer is armed: %t", ln.resting, ln.retry.Armed())
	case ln.canAccept && !ln.paused && !ln.resting && !ln.queued:
		return errors.New("the listener could accept, and is not on the ready list")
	}
	return nil
}

// checkLists compares the two lists with the marks on those they hold. Marked
// ones are counted, so that somebody who is on a list twice is found.
func (l *Loop) checkLists() error {
	ready, dirty := 0, 0
	for _, owner := range l.slots.all {
		if _, mail := owner.(*mailSlot); mail {
			continue
		}
		if *owner.inQueue() {
			ready++
		}
		if c, ok := owner.(*Conn); ok && c.isDirty {
			dirty++
		}
	}
	if len(l.ready) != ready {
		return fmt.Errorf("%d are on the ready list, %d living ones are marked as being there", len(l.ready), ready)
	}
	for _, p := range l.ready {
		if !*p.inQueue() {
			return errors.New("somebody on the ready list is not marked as being there")
		}
	}
	living := 0
	for _, c := range l.dirty {
		if !c.isDirty {
			return errors.New("somebody on the dirty list is not marked as being there")
		}
		if c.state != stateFreed {
			living++
		}
	}
	if living != dirty {
		return fmt.Errorf("%d living ones are on the dirty list, %d are marked as being there", living, dirty)
	}
	return nil
}

// checkPlaces looks at the dials that wait for a place.
func (l *Loop) checkPlaces() error {
	if len(l.waiting) > 0 && !l.askAgain.Armed() {
		return errors.New("dials wait for a place, and nobody will ask")
	}
	for _, w := range l.waiting {
		if w.conn.state == stateFreed {
			return errors.New("a dial that is freed waits for a place")
		}
	}
	return nil
}

// checkTimers looks at the heap, and at whether those it would call still live.
func (l *Loop) checkTimers() error {
	for i, t := range l.timers.heap {
		if i == 0 {
			continue
		}
		switch {
		case t.pos != i:
			return fmt.Errorf("the timer at %d believes to be at %d", i, t.pos)
		case i > 1 && t.when < l.timers.heap[i/2].when:
			return fmt.Errorf("the timer at %d is due before its parent", i)
		}
		switch o := t.owner.(type) {
		case *Conn:
			if o.state == stateFreed || o.timer != t {
				return errors.New("a timer would call a connection that does not hold it")
			}
		case *Listener:
			if o.closed {
				return errors.New("a timer would call a closed listener")
			}
		}
	}
	return nil
}

// check looks whether each page is where it belongs.
func (l *pool) check() error {
	listed := 0
	for class, pages := range l.classes {
		for at, p := range pages {
			listed++
			if p.pos != at || int(p.class) != class || p.full() || p.lent < 0 {
				return fmt.Errorf("a page of class %d at place %d of class %d does not belong there", p.class, p.pos, class)
			}
		}
	}
	for _, p := range l.spare {
		if p.lent != 0 || p.pos >= 0 {
			return errors.New("a spare page is in use")
		}
	}
	if listed+len(l.spare) > l.pages {
		return fmt.Errorf("%d pages are listed, %d exist", listed+len(l.spare), l.pages)
	}
	return nil
}
