// snapshot.go owns what the proxy tells of itself beside its counters: its servers.

package proxy

import "fooproxy/stats"

// fillSnapshot copies all numbers as they are now.
func (p *Proxy) fillSnapshot(s *stats.Snapshot) {
	p.stats.Fill(s, p.loop.Now())
	s.Upstreams = s.Upstreams[:0]
	for _, u := range p.upstreams {
		if !u.gone || u.load.sessions > 0 {
			s.Upstreams = append(s.Upstreams, u.snapshot())
		}
	}
	s.Naks = s.Naks[:0]
	for i, n := range p.naks {
		s.Naks = append(s.Naks, stats.Named{Name: reasons[i].Error(), Count: n})
	}
}

func (u *upstream) snapshot() stats.Upstream {
	x := stats.Upstream{
		Address: u.name, State: u.stateName(), Sessions: int64(u.load.sessions),
		Outstanding: int64(u.load.outstanding), Requests: u.requests,
	}
	for i, n := range u.failures {
		x.Failures = append(x.Failures, stats.Named{Name: failureNames[i], Count: n})
	}
	return x
}

// stateName is the server's state in a word.
func (u *upstream) stateName() string {
	switch {
	case u.gone:
		return "removed"
	case u.drained:
		return "drained"
	case u.health.down:
		return "ejected"
	case u.backup:
		return "backup"
	}
	return "up"
}
