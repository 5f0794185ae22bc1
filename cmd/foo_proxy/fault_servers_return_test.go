// fault_servers_return_test.go: servers that come back. Row U2 of the table of
// faults.

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestAServerThatIsBackTakesItsShareAgain is row U2, with the checks as they are
// by default. What has ejected a server is by turns what its sessions met and its
// checks.
func TestAServerThatIsBackTakesItsShareAgain(t *testing.T) {
	inModes(t, restartServers, ownLinks, muxed)
}

func restartServers(t *testing.T, m mode) {
	times := inMode(m, 2, 10, 1)
	w := startWitnesses(t, m, 3)
	p := watchProxy(t, w.forward(), m.args("-rebalance")...)
	log := readLog(p.Process)
	standard := m.load(proctest.StandardLoad(p.Addr))
	standard.Name = "0"
	l := proctest.StartLoad(t, standard)
	var back []time.Duration
	even, naks := time.Duration(0), 0
	for i := range times {
		victim := i % 3
		if i%2 == 1 {
			w.stop(victim) // its checks find out
			p.untilState(victim, "ejected", time.Now())
		}
		w.kill(victim)
		p.untilState(victim, "ejected", time.Now())
		p.untilServers("nobody is on the killed server", func(s serversSeen) bool { return s.Upstreams[victim].Sessions == 0 })
		w.start(victim)
		back = append(back, p.untilState(victim, "up", time.Now()))
		l.Mark()
		if i == times-1 {
			begin := time.Now()
			p.untilEven(m)
			even = time.Since(begin)
		}
		naks += l.Mark().Naks
	}
	r := l.Stop()
	expectFaultless(t, "the load", r)
	text := p.stop(log)
	e := w.evidence()
	_, longest := ninetyNinth(back)
	share := "with -rebalance shares"
	if m.shares() {
		share = "shares of requests"
	}
	proctest.Figure(t, m.row("U2"), fmt.Sprintf("a server restarted under L, %d times, ejected by what its sessions met or by its checks", times),
		fmt.Sprintf("re-admitted at most %.2f s after it listens; %d NAKs after that; %s within 10 %% of even %.1f s later; %d requests executed twice",
			longest.Seconds(), naks, share, even.Seconds(), e.twice), "1.2 s; 0; 10 s; 0")
	if naks > 0 || e.twice+e.refused > 0 || longest > 5*time.Second || even > 20*time.Second {
		t.Errorf("%d NAKs, %+v; back after %v, even after %v\n%s", naks, e, back, even, text)
	}
}

// untilEven waits until the servers' shares are within 10 % of even: of sessions, or,
// where those do not tell, of so many requests.
func (w watched) untilEven(m mode) {
	w.T.Helper()
	const requests = 3000
	var before serversSeen
	w.untilServers("shares are within 10 % of even", func(s serversSeen) bool {
		shares, all := make([]int, len(s.Upstreams)), 0
		for i, u := range s.Upstreams {
			switch {
			case !m.shares():
				shares[i] = u.Sessions
			case before.Upstreams != nil:
				shares[i] = u.Requests - before.Upstreams[i].Requests
			}
			all += shares[i]
		}
		if m.shares() && before.Upstreams != nil && all < requests {
			return false // too few to tell
		}
		before = s
		return all > 0 && !slices.ContainsFunc(shares, func(n int) bool { return 10*len(shares)*n < 9*all || 10*len(shares)*n > 11*all })
	})
}
