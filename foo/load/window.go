// window.go owns which requests of one connection are outstanding, and since
// when. It must not know connections or lines.

package load

import "math/bits"

// window holds the outstanding requests of one connection, whose Seq run from
// 1. Every Seq below low is answered, and none at or above low+depth is sent:
// so each has a slot of its own, in whatever order replies come. Where they come
// in order this is a bound on the number outstanding.
//
//	          low              sent       low+depth
//	answered   │ outstanding or │ not sent │ must
//	           │ answered early │ yet      │ wait
type window struct {
	since    []int64 // by Seq: when its latency began; 0: it is not outstanding
	mask     uint64  // of a Seq, for its slot
	depth    uint64  // at most that of newWindow
	sent     uint64  // the greatest Seq so far
	low      uint64
	answered uint64 // how many have got their reply
}

func newWindow(depth int) window {
	slots := 1 << bits.Len(uint(depth-1)) // a power of two, so that no slot costs a division
	return window{since: make([]int64, slots), mask: uint64(slots - 1), depth: uint64(depth), low: 1}
}

// full says whether the next request must wait.
func (w *window) full() bool { return w.sent+1 >= w.low+w.depth }

// next is the Seq of the next request.
func (w *window) next() uint64 { return w.sent + 1 }

// note counts the next request as sent. since is not 0.
func (w *window) note(since int64) {
	w.sent++
	w.since[w.sent&w.mask] = since
}

// settle takes the reply to a request: ok is false where none of this Seq is
// outstanding, inOrder where an earlier one still is.
func (w *window) settle(seq uint64) (since int64, inOrder, ok bool) {
	if seq < w.low || seq > w.sent {
		return 0, false, false
	}
	slot := &w.since[seq&w.mask]
	since = *slot
	if since == 0 {
		return 0, false, false
	}
	*slot = 0
	w.answered++
	if seq != w.low {
		return since, false, true
	}
	for w.low++; w.low <= w.sent && w.since[w.low&w.mask] == 0; {
		w.low++
	}
	return since, true, true
}

// waits says whether a request that was sent has no reply.
func (w *window) waits(seq uint64) bool {
	return seq >= w.low && seq <= w.sent && w.since[seq&w.mask] != 0
}

// restart begins a new connection with another depth, up to that of newWindow.
func (w *window) restart(depth uint64) {
	clear(w.since)
	w.depth, w.sent, w.low, w.answered = depth, 0, 1, 0
}

// missing is how many requests have no reply.
func (w *window) missing() uint64 { return w.sent - w.answered }
