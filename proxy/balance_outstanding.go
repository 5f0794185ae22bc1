// balance_outstanding.go owns the choice by outstanding requests. It sees two
// servers at a time.

package proxy

// pickLeastOutstanding draws two servers and takes the one with fewer outstanding
// requests for its weight; then the one with fewer sessions, then the first drawn.
// Two are nearly as good as all, and better where several proxies choose at once:
// each knows only its own requests, and the one server that looks free would be
// sent all new clients. Heavy servers are drawn more often, so that they get their
// share also while nothing is outstanding.
func pickLeastOutstanding(candidates []*load, random uint64) int {
	first := drawByWeight(candidates, -1, uint32(random>>32))
	if len(candidates) == 1 {
		return first
	}
	second := drawByWeight(candidates, first, uint32(random))
	a, b := candidates[first], candidates[second]
	order := b.compareOutstanding(a)
	if order == 0 {
		order = b.compareSessions(a)
	}
	if order < 0 {
		return second
	}
	return first
}

// drawByWeight draws one candidate, but not the one at the index without; -1 is
// none. The product maps the random bits evenly to the sum of the weights: what is
// lost by rounding is one part in 2^32.
func drawByWeight(candidates []*load, without int, random uint32) int {
	var sum uint64
	for i, c := range candidates {
		if i != without {
			sum += uint64(c.weight)
		}
	}
	point := uint64(random) * sum >> 32
	drawn := -1
	for i, c := range candidates {
		if i == without {
			continue
		}
		drawn = i
		if point < uint64(c.weight) {
			break
		}
		point -= uint64(c.weight)
	}
	return drawn
}
