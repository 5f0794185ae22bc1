// This file owns which requests of one connection are outstanding, and since
// when. It must not know connections or lines.
package main

import (
	"sync/atomic"
	"time"
)

// window holds the outstanding requests of one connection, whose Seq run from
// 1. Every Seq below low is answered, and none at or above low+depth is sent:
// so each has a slot of its own, Seq modulo depth, in whatever order replies
// come. Where they come in order this is a bound on the number outstanding.
//
// One goroutine sends and another receives, and both use it without a lock;
// the values that cross are atomic. Latencies are measured from a common
// start.
type window struct {
	depth    uint64
	sent     atomic.Uint64 // the greatest Seq so far; written by the sender
	low      atomic.Uint64 // written by the receiver
	answers  atomic.Uint64 // requests answered; written by the receiver
	sentAt   []atomic.Int64
	answered []bool // the receiver's own
}

func newWindow(depth int) *window {
	w := &window{depth: uint64(depth), sentAt: make([]atomic.Int64, depth), answered: make([]bool, depth)}
	w.low.Store(1)
	return w
}

// full says whether the next request must wait. For the sender.
func (w *window) full() bool { return w.sent.Load()+1 >= w.low.Load()+w.depth }

// note counts the next request as sent, before it is. For the sender.
func (w *window) note(at time.Duration) (seq uint64) {
	seq = w.sent.Load() + 1
	w.sentAt[seq%w.depth].Store(int64(at))
	w.sent.Store(seq)
	return seq
}

// settle takes the reply to a request: ok is false where none of this Seq is
// outstanding, inOrder where an earlier one still is. For the receiver.
func (w *window) settle(seq uint64) (sentAt time.Duration, inOrder, ok bool) {
	low := w.low.Load()
	slot := seq % w.depth
	if seq < low || seq > w.sent.Load() || w.answered[slot] {
		return 0, false, false
	}
	sentAt = time.Duration(w.sentAt[slot].Load())
	w.answered[slot] = true
	inOrder = seq == low
	for next := low; w.answered[next%w.depth]; next++ {
		w.answered[next%w.depth] = false
		low = next + 1
	}
	w.answers.Add(1)
	w.low.Store(low)
	return sentAt, inOrder, true
}

// missing is how many requests have no reply. Exact once both sides rest.
func (w *window) missing() uint64 {
	// In this order: a request is sent before it is answered.
	answers := w.answers.Load()
	return w.sent.Load() - answers
}
