// ring.go owns a bounded queue between goroutines without a lock: many may push,
// one pops. A pusher that is interrupted delays nobody but itself.

package poller

import "sync/atomic"

// ring numbers its places with turns: a place whose turn equals the pusher's
// position is free, one more means that it holds a value for that position.
// After D. Vyukov's bounded queue (1024cores.net).
type ring[T any] struct {
	mask   uint64
	places []place[T]
	_      [64]byte // head and tail on cache lines of their own
	tail   atomic.Uint64
	_      [64]byte
	head   uint64 // the consumer's alone
}

type place[T any] struct {
	turn  atomic.Uint64
	value T
}

// newRing makes a ring of the next power of two at or above size, at least 2:
// with one place, its turn when it is full and its turn when it is free for the
// next value would be the same number.
func newRing[T any](size int) *ring[T] {
	n := uint64(2)
	for n < uint64(size) {
		n *= 2
	}
	r := &ring[T]{mask: n - 1, places: make([]place[T], n)}
	for i := range r.places {
		r.places[i].turn.Store(uint64(i))
	}
	return r
}

// push reports false when the ring is full.
func (r *ring[T]) push(v T) bool {
	for {
		at := r.tail.Load()
		p := &r.places[at&r.mask]
		switch turn := p.turn.Load(); {
		case turn == at:
			if r.tail.CompareAndSwap(at, at+1) {
				p.value = v
				p.turn.Store(at + 1)
				return true
			}
		case turn < at:
			return false
		}
	}
}

// pop is for the one consumer. It reports false where nothing is there, or
// where the next value is still being stored: its pusher then says so itself.
func (r *ring[T]) pop() (v T, ok bool) {
	p := &r.places[r.head&r.mask]
	if p.turn.Load() != r.head+1 {
		return v, false
	}
	v = p.value
	var zero T
	p.value = zero
	p.turn.Store(r.head + r.mask + 1)
	r.head++
	return v, true
}
