// queue.go owns the bytes of one direction that wait in one place: a ring that
// grows up to its limit, and the place of an urgent byte in it.

package fake

// queue counts places from the first byte of the stream, so that an urgent mark
// keeps its place when bytes move from one queue to the next.
type queue struct {
	ring   []byte
	start  int // of the first byte in the ring
	size   int
	limit  int
	place  uint64 // of the first byte in the stream
	urgent uint64 // the place of the urgent byte
	marked bool   // there is one
}

func (q *queue) free() int { return max(q.limit-q.size, 0) }

// contiguous is the longest piece at the front, of at most n bytes.
func (q *queue) contiguous(n int) []byte {
	n = min(n, q.size, len(q.ring)-q.start)
	return q.ring[q.start : q.start+n]
}

// grow makes room in the ring for n more bytes.
func (q *queue) grow(n int) {
	if q.size+n <= len(q.ring) {
		return
	}
	bytes := max(queueBytesMin, len(q.ring))
	for bytes < q.size+n {
		bytes *= 2
	}
	ring := make([]byte, bytes)
	first := copy(ring, q.contiguous(q.size))
	copy(ring[first:], q.ring[:q.size-first])
	q.ring, q.start = ring, 0
}

// push appends as much of p as there is room for.
func (q *queue) push(p []byte) int {
	n := min(len(p), q.free())
	if n == 0 {
		return 0
	}
	q.grow(n)
	at := (q.start + q.size) % len(q.ring)
	first := copy(q.ring[at:], p[:n])
	copy(q.ring, p[first:n])
	q.size += n
	return n
}

// pushUrgent appends one urgent byte. The mark of an earlier one that was not
// read is lost, and that byte becomes an ordinary one, as in TCP.
func (q *queue) pushUrgent(b byte) bool {
	if q.push([]byte{b}) == 0 {
		return false
	}
	q.urgent, q.marked = q.place+uint64(q.size)-1, true
	return true
}

// drop removes n bytes from the front.
func (q *queue) drop(n int) {
	q.size -= n
	q.place += uint64(n)
	if q.size == 0 {
		q.start = 0
	} else {
		q.start = (q.start + n) % len(q.ring)
	}
	if q.marked && q.place > q.urgent {
		q.marked = false
	}
}

// pop takes up to len(p) bytes from the front.
func (q *queue) pop(p []byte) (n int) {
	for n < len(p) && q.size > 0 {
		piece := copy(p[n:], q.contiguous(len(p)-n))
		q.drop(piece)
		n += piece
	}
	return n
}

// read is pop with respect for the urgent byte: the read ends before it, and the
// next one finds it gone.
func (q *queue) read(p []byte) int {
	if q.atUrgent() {
		q.drop(1)
	}
	if q.marked {
		p = p[:min(uint64(len(p)), q.urgent-q.place)]
	}
	return q.pop(p)
}

// readable is how many bytes make the descriptor readable. An urgent byte at the
// front does not.
func (q *queue) readable() int {
	if q.atUrgent() {
		return q.size - 1
	}
	return q.size
}

// atUrgent reports whether the urgent byte comes next.
func (q *queue) atUrgent() bool { return q.marked && q.urgent == q.place }

// moveFrom takes from another queue as much as fits, and the urgent mark when
// its byte moves.
func (q *queue) moveFrom(other *queue) (n int) {
	for q.free() > 0 && other.size > 0 {
		marked, urgent := other.marked, other.urgent
		piece := q.push(other.contiguous(q.free()))
		other.drop(piece)
		n += piece
		if marked && !other.marked {
			q.marked, q.urgent = true, urgent
		}
	}
	return n
}

// clear throws everything away.
func (q *queue) clear() { q.drop(q.size) }
