// slots.go owns the identity of descriptors: which object a kernel event means.
//
// The kernel hands numbers out again at once, and a batch may still hold an
// event of the number's former owner. So an event carries the descriptor and
// its slot's generation, and the generation changes when the slot is given
// back; an event of another generation is nobody's.

package poller

// pollable is what a slot can own: a connection, a listener, the mailbox.
type pollable interface {
	// onEdge takes the mask of an edge. It marks readiness and does nothing
	// else: the work is done when the ready list is served.
	onEdge(mask uint32)
	// serve makes what progress its budget allows.
	serve()
	// inQueue gives the object's mark of being on the ready list.
	inQueue() *bool
}

type slot struct {
	owner      pollable
	generation uint32
}

// slots is indexed by descriptor.
type slots struct {
	table []slot
	open  int
}

func token(fd int, generation uint32) uint64 { return uint64(uint32(fd)) | uint64(generation)<<32 }

// take gives fd to owner and returns the token for its registration.
func (s *slots) take(fd int, owner pollable) uint64 {
	for fd >= len(s.table) {
		s.table = append(s.table, make([]slot, max(64, len(s.table)))...)
	}
	slot := &s.table[fd]
	if slot.owner != nil {
		panic("slots: a descriptor has two owners")
	}
	slot.owner = owner
	s.open++
	return token(fd, slot.generation)
}

// give takes fd back. Every token of it is stale from now on.
func (s *slots) give(fd int) {
	slot := &s.table[fd]
	if slot.owner == nil {
		panic("slots: a descriptor is given back twice")
	}
	slot.owner = nil
	slot.generation++
	s.open--
}

// find is the owner a token means, nil for a stale one.
func (s *slots) find(token uint64) pollable {
	fd, generation := int(uint32(token)), uint32(token>>32)
	if fd >= len(s.table) || s.table[fd].generation != generation {
		return nil
	}
	return s.table[fd].owner
}
