// mailbox.go owns the one way into the loop from other goroutines: messages in a
// bounded ring, and an eventfd that wakes the loop.
//
//	producer: push, then wake the descriptor if nobody has since the last drain
//	loop:     clear the descriptor, forget the wake, drain, look again next turn
//
// A message pushed after the drain finds the wake forgotten and wakes again, so
// none is overlooked.

package poller

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrBusy says that the loop has as many messages waiting as it takes.
var ErrBusy = errors.New("the loop's mailbox is full")

// Mailbox carries functions into a loop. Post and the functions that Reserve
// gives may be called by any goroutine, Reserve by the loop's alone.
type Mailbox struct {
	ring      *ring[message]
	sys       Sys
	fd        int
	capacity  int64
	outsiders atomic.Int64 // messages of Post that wait
	reserved  int          // completions promised and not yet run; the loop's
	awake     atomic.Bool
	ending    sync.Mutex // held while the descriptor is used by others, or closed
	ended     bool
}

type message struct {
	run      func()
	promised bool
}

func newMailbox(sys Sys, fd, capacity int) *Mailbox {
	return &Mailbox{ring: newRing[message](2 * capacity), sys: sys, fd: fd, capacity: int64(capacity)}
}

// Post asks the loop to call run in its own goroutine, soon. The error is
// ErrBusy: nothing was queued.
func (m *Mailbox) Post(run func()) error {
	if m.outsiders.Add(1) > m.capacity {
		m.outsiders.Add(-1)
		return ErrBusy
	}
	m.push(message{run: run})
	return nil
}

// Reserve keeps a place for the completion of work that the loop is about to
// hand to another goroutine. complete must be called exactly once; it is never
// refused. ok is false when too much such work is under way.
func (m *Mailbox) Reserve() (complete func(run func()), ok bool) {
	if int64(m.reserved) >= m.capacity {
		return nil, false
	}
	m.reserved++
	return func(run func()) { m.push(message{run: run, promised: true}) }, true
}

func (m *Mailbox) push(msg message) {
	if !m.ring.push(msg) {
		panic("mailbox: a place that was reserved is taken")
	}
	if m.awake.CompareAndSwap(false, true) {
		m.wake()
	}
}

// wake spares a descriptor that is closed: its number may be another's by now,
// into which it would write.
func (m *Mailbox) wake() {
	m.ending.Lock()
	defer m.ending.Unlock()
	if !m.ended {
		m.sys.Wake(m.fd)
	}
}

// shut closes the descriptor. Messages that come later are never read.
func (m *Mailbox) shut() {
	m.ending.Lock()
	defer m.ending.Unlock()
	m.ended = true
	m.sys.Close(m.fd) // its answer changes nothing: the number is free
}

// drain runs up to most messages and reports whether more may wait.
func (m *Mailbox) drain(most int) (more bool) {
	m.sys.ClearWake(m.fd)
	m.awake.Store(false)
	for range most {
		msg, ok := m.ring.pop()
		if !ok {
			return false
		}
		if msg.promised {
			m.reserved--
		} else {
			m.outsiders.Add(-1)
		}
		msg.run()
	}
	return true
}

// Call has the loop call run and waits until it has. The error is ErrBusy, or
// the context's: then run may still be called later.
func (m *Mailbox) Call(ctx context.Context, run func()) error {
	done := make(chan struct{})
	if err := m.Post(func() { run(); close(done) }); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
