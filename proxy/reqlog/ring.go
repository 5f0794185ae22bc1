package reqlog

// This file owns the way from the loop to the writer: a ring of entries with one
// goroutine at each end, which share two positions and nothing else. It must not
// know what an entry says.
//
//	            head                     shown        tail
//	   free      │   the writer may read   │  this turn  │    free
//	─────────────┴─────────────────────────┴─────────────┴────────────►
//
// Positions only grow; an entry's place is its position modulo the size.

import "sync/atomic"

// ring has its parts apart by cache lines: each end writes its own.
type ring struct {
	entries []entry
	_       [64]byte

	// The loop's.
	tail     uint64 // behind the last entry that was written
	headSeen uint64 // head, when it was last looked at
	shown    atomic.Uint64
	_        [64]byte

	// The writer's.
	head atomic.Uint64 // the first entry that is not free
	_    [64]byte
}

// newRing makes a ring of a power of two of entries.
func newRing(size int) *ring { return &ring{entries: make([]entry, size)} }

// claim gives the next free entry, to be filled at once, or nil where there is
// none. It is the loop's, and costs no look at what the writer writes unless the
// ring seems full.
func (r *ring) claim() *entry {
	size := uint64(len(r.entries))
	if r.tail-r.headSeen == size {
		if r.headSeen = r.head.Load(); r.tail-r.headSeen == size {
			return nil
		}
	}
	e := &r.entries[r.tail&(size-1)]
	r.tail++
	return e
}

// show lets the writer see all that was claimed. It reports whether that is more
// than before.
func (r *ring) show() bool {
	if r.tail == r.shown.Load() {
		return false
	}
	r.shown.Store(r.tail)
	return true
}

// waiting gives the entries that wait, in one or two calls: up to the end of the
// ring's memory, and the rest after take. It is the writer's.
func (r *ring) waiting() []entry {
	head, shown := r.head.Load(), r.shown.Load()
	size := uint64(len(r.entries))
	first := head & (size - 1)
	return r.entries[first:min(first+shown-head, size)]
}

// take gives the first n of the waiting entries back to the loop.
func (r *ring) take(n int) { r.head.Store(r.head.Load() + uint64(n)) }
