// sim_fair_test.go owns that nobody is passed over for ever in simulated runs with
// shared links. It does not know how turns are given: it looks at who waits, and at
// whose requests go out.

package proxy

// simPasses is how many turns another client may have while one client's line waits, on
// top of those in which that one saves for a long line.
const simPasses = 3

// turnsSeen is what is known of whose turn it was.
type turnsSeen struct {
	next   map[*muxLink]uint64 // what the next request of each was numbered by the end of the last turn
	passed map[[2]uint32]int   // how often the second session has sent something while the first one waits
	// written is how many bytes the links had taken by then, and moved when they last
	// took some.
	written uint64
	moved   int64
}

// checkTurns counts, after each turn, by whom those were passed who wait. Where no link
// has taken anything for a while, nobody is held back for one whose line is too long for
// the room there is: that does not count.
func (s *simulation) checkTurns() {
	p, f := s.proxy, &s.turns
	sent, passed := s.whoHasSent(), map[[2]uint32]int{}
	if written := p.mux.written(); written != f.written {
		f.written, f.moved = written, p.loop.Now()
	}
	stuck := p.loop.Now() >= f.moved+int64(muxReserveMax)
	for _, x := range p.sessions {
		waits := !s.world.Narrow && p.mux.sharing.guests[x.place].wants && !sent[x] &&
			x.requests.count < p.mux.sharing.most && int(x.requests.count) < s.config.MaxOutstanding
		if !waits {
			continue
		}
		for _, y := range p.sessions {
			key := [2]uint32{x.id, y.id}
			n := f.passed[key]
			if y != x && sent[y] && !stuck {
				n++
			}
			if most := simPasses + 2*s.config.Client.MaxLine/muxQuantumBytes; n > most {
				s.world.Fail("fairness", "session %d waits for its turn, and session %d has had %d meanwhile", x.id, y.id, n)
			}
			if n > 0 {
				passed[key] = n
			}
		}
	}
	f.passed = passed
}

// whoHasSent gives the sessions of which a request has gone out in this turn. One
// that was answered in the same turn is not among them.
func (s *simulation) whoHasSent() map[*session]bool {
	p, sent, next := s.proxy, map[*session]bool{}, map[*muxLink]uint64{}
	for _, l := range s.links() {
		from := s.turns.next[l]
		if from > l.next {
			from = 0 // a new connection
		}
		for n := max(l.first, from); n < l.next; n++ {
			if id := *l.place(n); id != 0 && p.records.at(id).isSent() {
				sent[p.mux.sessionOf(p.records.at(id))] = true
			}
		}
		next[l] = l.next
	}
	s.turns.next = next
	return sent
}
