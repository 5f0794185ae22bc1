// sim_fair_test.go owns the check of simulated runs with shared links that nobody
// starves: a client whose request waits for its turn is passed by each other only so
// many times.

package proxy

import (
	"maps"
	"slices"
)

// simPasses is how many turns another client may have while one client's line waits, on
// top of those in which that one saves for a long line.
const simPasses = 3

// enrolled is a request as it was enrolled. Its record alone does not name it: that is
// used again, by the same client in the same turn where nobody else has one.
type enrolled struct {
	record       recordID
	seq, linkSeq uint64
	arrived      int64
}

// turnsSeen is what is known of whose turn it was. Who has left is forgotten.
type turnsSeen struct {
	last   map[uint32]enrolled // of each session's requests, by the end of the last turn
	passed map[[2]uint32]int   // how often the second one has sent something while the first one waits
}

// checkTurns counts, after each turn, by whom those were passed who wait.
func (s *simulation) checkTurns() {
	p, f := s.proxy, &s.turns
	if f.last == nil {
		f.last, f.passed = map[uint32]enrolled{}, map[[2]uint32]int{}
	}
	for _, x := range p.sessions {
		waits := !s.world.Narrow && p.mux.sharing.guests[x.place].wants && s.lastOf(x) == f.last[x.id] &&
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
	if len(f.last) > len(p.sessions) {
		f.forget(p.sessions)
	}
	for _, x := range p.sessions {
		f.last[x.id] = s.lastOf(x)
	}
}

// forget drops what is known of sessions that are no more.
func (f *turnsSeen) forget(live []*session) {
	isLive := func(id uint32) bool {
		return slices.ContainsFunc(live, func(s *session) bool { return s.id == id })
	}
	maps.DeleteFunc(f.last, func(id uint32, _ enrolled) bool { return !isLive(id) })
	maps.DeleteFunc(f.passed, func(pair [2]uint32, _ int) bool { return !isLive(pair[0]) || !isLive(pair[1]) })
}

// lastOf is the request of a session that was enrolled last, as far as it is there.
func (s *simulation) lastOf(x *session) (e enrolled) {
	if id := x.requests.tail; id != 0 {
		r := s.proxy.records.at(id)
		e = enrolled{id, r.seq, r.linkSeq, r.arrived}
	}
	return e
}

// hasSent reports whether a request of a session has gone out in this turn.
func (s *simulation) hasSent(x *session) bool {
	last := s.lastOf(x)
	return last.record != 0 && last != s.turns.last[x.id] && s.proxy.records.at(last.record).isSent()
}
