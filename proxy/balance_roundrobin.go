// balance_roundrobin.go owns smooth weighted round robin. It knows weights and
// turns, not how busy anybody is.

package proxy

// pickRoundRobin takes one turn. With the weights 5, 1 and 1 the turns are
// a a b a c a a, and so on: heavy servers get theirs spread out instead of in a
// row.
func pickRoundRobin(candidates []*load) int { return takeTurn(candidates, nil) }

// takeTurn is the algorithm of nginx: every candidate earns its weight, who then
// has the most credit gets the turn and pays what all have earned. So the sum of
// the credits stays 0, and a server that was no candidate for a while neither earns
// nor owes anything for that time: it comes back without a burst. With even, only
// those take part that have as few sessions for their weight as that one.
func takeTurn(candidates []*load, even *load) int {
	chosen, earned := -1, int64(0)
	for i, c := range candidates {
		if even != nil && c.compareSessions(even) != 0 {
			continue
		}
		c.credit = min(c.credit+c.weight, creditMax)
		earned += int64(c.weight)
		if chosen < 0 || c.credit > candidates[chosen].credit {
			chosen = i
		}
	}
	payer := candidates[chosen]
	payer.credit = int32(max(int64(payer.credit)-earned, -creditMax))
	return chosen
}
