// shrink.go owns making a record that fails smaller. It does not know what a
// choice is for: since the run is made anew from each candidate, every candidate
// is a schedule that could happen.

package fake

import "slices"

// ShrinkRecord looks for a smaller record that still fails, until nothing makes
// it smaller or most candidates were tried. It deletes stretches, long ones
// first, then makes single choices boring, then halves them.
func ShrinkRecord(record []uint32, most int, fails func([]uint32) bool) []uint32 {
	s := shrinker{best: slices.Clone(record), left: most, fails: fails}
	for again := true; again && s.left > 0; {
		again = s.deleteStretches()
		again = s.change(func(uint32) uint32 { return 0 }) || again
		again = s.change(func(v uint32) uint32 { return v / 2 }) || again
	}
	return s.best
}

type shrinker struct {
	best  []uint32
	left  int // candidates that may still be tried
	fails func([]uint32) bool
}

// try keeps a candidate that fails.
func (s *shrinker) try(candidate []uint32) bool {
	if s.left <= 0 {
		return false
	}
	s.left--
	if !s.fails(candidate) {
		return false
	}
	s.best = candidate
	return true
}

func (s *shrinker) deleteStretches() (smaller bool) {
	for size := len(s.best) / 2; size > 0; size /= 2 {
		// From the end, where a deletion moves the fewest choices.
		for at := len(s.best) - size; at >= 0 && s.left > 0; at -= size {
			if at+size <= len(s.best) && s.try(slices.Concat(s.best[:at], s.best[at+size:])) {
				smaller = true
			}
		}
	}
	return smaller
}

// change tries to replace each choice that is not boring yet.
func (s *shrinker) change(to func(uint32) uint32) (smaller bool) {
	for at := 0; at < len(s.best) && s.left > 0; at++ {
		v := s.best[at]
		if to(v) == v {
			continue
		}
		candidate := slices.Clone(s.best)
		candidate[at] = to(v)
		if s.try(candidate) {
			smaller = true
		}
	}
	return smaller
}
