// timer.go owns what is due when: a binary heap of timers. It reads no clock.

package poller

// Expirer is told that its timer is due.
type Expirer interface {
	// Expire is called by the loop in its timer phase. The timer is not armed
	// any more; Expire may arm it again.
	Expire(now int64)
}

// Timer calls its owner once. It belongs to the loop's goroutine. The zero
// value is not armed.
type Timer struct {
	owner Expirer
	when  int64
	pos   int // in the heap, counted from 1; 0: not armed
}

// Armed reports whether the timer waits.
func (t *Timer) Armed() bool { return t.pos != 0 }

// timers is a heap: the timer at i is due no later than those at 2i and 2i+1.
// Place 0 is never used.
type timers struct {
	heap []*Timer
}

// next is when the first timer is due, Forever without one.
func (h *timers) next() int64 {
	if len(h.heap) < 2 {
		return Forever
	}
	return h.heap[1].when
}

func (h *timers) arm(t *Timer, owner Expirer, when int64) {
	h.disarm(t)
	if len(h.heap) == 0 {
		h.heap = append(h.heap, nil)
	}
	t.owner, t.when, t.pos = owner, when, len(h.heap)
	h.heap = append(h.heap, t)
	h.up(t.pos)
}

func (h *timers) disarm(t *Timer) {
	if t.pos == 0 {
		return
	}
	i, last := t.pos, len(h.heap)-1
	h.swap(i, last)
	h.heap[last] = nil
	h.heap = h.heap[:last]
	t.pos, t.owner = 0, nil
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// pop takes the first timer if it is due.
func (h *timers) pop(now int64) (owner Expirer) {
	if h.next() > now {
		return nil
	}
	t := h.heap[1]
	owner = t.owner
	h.disarm(t)
	return owner
}

func (h *timers) len() int { return max(len(h.heap)-1, 0) }

func (h *timers) up(i int) {
	for i > 1 && h.heap[i].when < h.heap[i/2].when {
		h.swap(i, i/2)
		i /= 2
	}
}

func (h *timers) down(i int) {
	for {
		least := i
		for child := 2 * i; child <= 2*i+1 && child < len(h.heap); child++ {
			if h.heap[child].when < h.heap[least].when {
				least = child
			}
		}
		if least == i {
			return
		}
		h.swap(i, least)
		i = least
	}
}

func (h *timers) swap(i, j int) {
	h.heap[i], h.heap[j] = h.heap[j], h.heap[i]
	h.heap[i].pos, h.heap[j].pos = i, j
}
