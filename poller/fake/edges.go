// edges.go owns the ready list that makes edges: who is told of, in which order,
// and how many at once.

package fake

import (
	"slices"

	"fooproxy/poller"
)

// Tell has the next Wait report an edge of fd whether it is true or not: the
// rumour before the fact.
func (s *Sys) Tell(fd int, mask uint32) {
	f := s.kernel.must("tell", fd).base()
	s.told = append(s.told, poller.Event{Token: f.token, Mask: mask})
}

// collect reports what a test has had told, and then the woken, each with its whole
// state, and forgets them.
func (s *Sys) collect(ev []poller.Event) (n int) {
	n = copy(ev, s.told)
	s.told = slices.Delete(s.told, 0, n)
	return n + s.collectWoken(ev[n:])
}

func (s *Sys) collectWoken(ev []poller.Event) (n int) {
	k := s.kernel
	most := min(len(ev), len(s.ready))
	if k.Batch > 0 {
		most = min(most, k.Batch)
	}
	if fewer := k.choose(ChooseBatch, most); fewer > 0 {
		most = fewer
	}
	for n < most && len(s.ready) > 0 {
		i := k.choose(ChooseEvent, len(s.ready))
		who := s.ready[i]
		s.ready = slices.Delete(s.ready, i, i+1)
		f := who.base()
		f.woken, f.fresh = false, true
		if m := who.mask(); m != 0 {
			if !f.named {
				k.stale++
			}
			f.told |= m
			ev[n] = poller.Event{Token: f.token, Mask: m}
			n++
		}
	}
	return n
}

func (s *Sys) forget(n node) {
	s.ready = slices.DeleteFunc(s.ready, func(x node) bool { return x == n })
}
