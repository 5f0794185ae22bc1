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
	times := inForm(2, 10)
	w := startWitnesses(t, ownLinks, 3)
	p := watchProxy(t, w.forward(), "-rebalance")
	log := readLog(p.Process)
	standard := proctest.StandardLoad(p.Addr)
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
			p.untilServers("shares are within 10 % of even", func(s serversSeen) bool {
				return !slices.ContainsFunc(s.Upstreams, func(u serverSeen) bool {
					return 3*10*u.Sessions < 9*standard.Conns || 3*10*u.Sessions > 11*standard.Conns
				})
			})
			even = time.Since(begin)
		}
		naks += l.Mark().Naks
	}
	r := l.Stop()
	expectFaultless(t, "the load", r)
	text := p.stop(log)
	e := w.evidence()
	_, longest := ninetyNinth(back)
	proctest.Figure(t, "U2", fmt.Sprintf("a server restarted under L, %d times, ejected by what its sessions met or by its checks", times),
		fmt.Sprintf("re-admitted at most %.2f s after it listens; %d NAKs after that; with -rebalance shares within 10 %% of even %.1f s later; %d requests executed twice",
			longest.Seconds(), naks, even.Seconds(), e.twice), "1.2 s; 0; 10 s; 0")
	if naks > 0 || e.twice+e.refused > 0 || longest > 5*time.Second || even > 20*time.Second {
		t.Errorf("%d NAKs, %+v; back after %v, even after %v\n%s", naks, e, back, even, text)
	}
}
