// slots.go owns the identity of descriptors: which object a kernel event means.
//
// The kernel hands numbers out again at once, and a batch may still hold an
// event of the number's former owner. So an event carries the descriptor and
// its slot's generation, and the generation changes when the slot is given
// back; an event of another generation is nobody's.

package poller

import "slices"

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

// slot is 16 bytes: nearly all owners are connections, so the others are told by
// their place in a list.
type slot struct {
	conn       *Conn
	other      uint32 // one more than its place; 0: it is no other
	generation uint32
}

// slots is indexed by descriptor. It grows by chunks that stay where they are: a
// table that is copied to twice its size leaves half of itself unused and the
// copies before it to the collector, 200 bytes a client in all.
type slots struct {
	chunks []*[slotsPerChunk]slot
	others []pollable // listeners, the mailbox; with holes where they were given back
	open   int
}

// owner is whose slot it is, nil for nobody's.
func (s *slots) owner(slot *slot) pollable {
	switch {
	case slot.conn != nil:
		return slot.conn
	case slot.other > 0:
		return s.others[slot.other-1]
	}
	return nil
}

// at is a descriptor's slot; the descriptor was taken before.
func (s *slots) at(fd int) *slot { return &s.chunks[fd/slotsPerChunk][fd%slotsPerChunk] }

// all gives every owner with its descriptor. Owners may come and go meanwhile.
func (s *slots) all(yield func(fd int, owner pollable) bool) {
	for n := 0; n < len(s.chunks); n++ {
		for i := range s.chunks[n] {
			if owner := s.owner(&s.chunks[n][i]); owner != nil && !yield(n*slotsPerChunk+i, owner) {
				return
			}
		}
	}
}

func token(fd int, generation uint32) uint64 { return uint64(uint32(fd)) | uint64(generation)<<32 }

// take gives fd to owner and returns the token for its registration.
func (s *slots) take(fd int, owner pollable) uint64 {
	for fd/slotsPerChunk >= len(s.chunks) {
		s.chunks = append(s.chunks, new([slotsPerChunk]slot))
	}
	slot := s.at(fd)
	if s.owner(slot) != nil {
		panic("slots: a descriptor has two owners")
	}
	if c, ok := owner.(*Conn); ok {
		slot.conn = c
	} else {
		slot.other = s.place(owner)
	}
	s.open++
	return token(fd, slot.generation)
}

// place puts an owner that is no connection into the list.
func (s *slots) place(owner pollable) uint32 {
	at := slices.Index(s.others, nil)
	if at < 0 {
		at = len(s.others)
		s.others = append(s.others, nil)
	}
	s.others[at] = owner
	return uint32(at + 1)
}

// give takes fd back. Every token of it is stale from now on.
func (s *slots) give(fd int) {
	slot := s.at(fd)
	switch {
	case slot.conn != nil:
		slot.conn = nil
	case slot.other > 0:
		s.others[slot.other-1], slot.other = nil, 0
	default:
		panic("slots: a descriptor is given back twice")
	}
	slot.generation++
	s.open--
}

// find is the owner a token means, nil for a stale one. The token is one that
// take has given.
func (s *slots) find(token uint64) pollable {
	fd, generation := int(uint32(token)), uint32(token>>32)
	if slot := s.at(fd); slot.generation == generation {
		return s.owner(slot)
	}
	return nil
}
