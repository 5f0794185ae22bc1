// sim_fair_test.go owns the check of simulated runs with shared links that nobody
// starves: a client whose request waits for its turn is passed by each other only so
// many times.

package proxy

// simPasses is how many turns another client may have while one client's line waits, on
// top of those in which that one saves for a long line.
const simPasses = 3

// turnsSeen is what is known of whose turn it was.
type turnsSeen struct {
	tails  map[uint32]recordID // of each session's requests, by the end of the last turn
	passed map[[2]uint32]int   // how often the second one has sent something while the first one waits
}

// checkTurns counts, after each turn, by whom those were passed who wait.
func (s *simulation) checkTurns() {
	p, f := s.proxy, &s.turns
	if f.tails == nil {
		f.tails, f.passed = map[uint32]recordID{}, map[[2]uint32]int{}
	}
	for _, x := range p.sessions {
		waits := !s.world.Narrow && p.mux.sharing.guests[x.place].wants && x.requests.tail == f.tails[x.id] &&
			x.requests.count < p.mux.sharing.most && int(x.requests.count) < s.config.MaxOutstanding
		for _, y := range p.sessions {
			key := [2]uint32{x.id, y.id}
			switch {
			case !waits:
				delete(f.passed, key)
			case y != x && s.hasSent(y):
				f.passed[key]++
				if most := simPasses + 2*s.config.Client.MaxLine/muxQuantumBytes; f.passed[key] > most {
					s.world.Fail("fairness", "session %d waits for its turn, and session %d has had %d meanwhile", x.id, y.id, most+1)
				}
			}
		}
	}
	for _, x := range p.sessions {
		f.tails[x.id] = x.requests.tail
	}
}

// hasSent reports whether a request of a session has gone out in this turn.
func (s *simulation) hasSent(x *session) bool {
	tail := x.requests.tail
	return tail != 0 && tail != s.turns.tails[x.id] && s.proxy.records.at(tail).isSent()
}
