// balance_leastconn.go owns the choice by sessions. It must not know how busy a
// session is.

package proxy

// pickLeastConn takes the server with the fewest sessions for its weight. Where
// several have, they take turns: the first one would otherwise get every client of
// a quiet proxy, and in front of many quiet proxies one server would get them all.
func pickLeastConn(candidates []*load) int {
	least := candidates[0]
	for _, c := range candidates[1:] {
		if c.compareSessions(least) < 0 {
			least = c
		}
	}
	return takeTurn(candidates, least)
}
