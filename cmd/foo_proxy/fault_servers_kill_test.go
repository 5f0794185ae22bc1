// fault_servers_kill_test.go: servers that are killed under load, and what ends a
// session. Row U1 of the table of faults.

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// fastChecks has a server that is back taken in at once: rows that are not about
// how soon that is have more faults in the same time.
const fastChecks = "50ms"

// TestAKilledServerCostsNoClientItsConnection is row U1. Beside the standard load
// there is one of long lines, which do not fit into a server's buffer, so that
// servers die with half a request read; and they pause in the middle of replies.
//
// The kernel may end connections of a killed process before it ends its listener,
// which accepts meanwhile. A session that came back there at once would lose what it
// asks a second time, so that there were more NAKs than requests outstanding: such
// kills are counted.
func TestAKilledServerCostsNoClientItsConnection(t *testing.T) {
	inModes(t, killServers, ownLinks, muxed, muxedInTurn)
}

// killed is what kills have cost.
type killed struct {
	times, naks int
	most        int // NAKs of one kill
	again       int // kills with more NAKs than could be outstanding
	gaps, calm  []time.Duration
	loads       [2]proctest.LoadResult
	end         serversSeen
	evidence    evidence
}

func killServers(t *testing.T, m mode) {
	kills := inMode(m, 8, 100, 3)
	w := startWitnesses(t, m, 3)
	p := watchProxy(t, w.forward(), m.args("-check-interval", fastChecks)...)
	log := readLog(p.Process)
	standard := m.load(proctest.StandardLoad(p.Addr))
	standard.Name = "0"
	long := m.load(proctest.LoadConfig{Addr: p.Addr, Conns: 6, Depth: 8, Bytes: 6000, Name: "1"})
	l, q := proctest.StartLoad(t, standard), proctest.StartLoad(t, long)
	var k killed
	for ; k.times < kills || k.times < 10*kills && !w.evidence().halves(); k.times++ {
		victim, sessions := p.anyServerInUse(m)
		l.Mark()
		time.Sleep(100 * time.Millisecond) // a window without a kill
		calm := l.Mark()
		k.calm = append(k.calm, calm.Gaps...)
		k.naks += calm.Naks + q.Mark().Naks                             // in their places, behind slow replies
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond) // any moment
		p.killAndRestart(w, victim)
		r := l.Mark()
		k.gaps = append(k.gaps, r.Gaps...)
		naks := r.Naks + q.Mark().Naks
		k.naks += naks
		k.most = max(k.most, naks)
		outstanding := sessions * standard.Depth
		if m.shares() { // all of them may be on one server
			outstanding = standard.Conns*standard.Depth + long.Conns*long.Depth
		}
		if naks > outstanding {
			k.again++
		}
		if naks > 2*outstanding {
			t.Errorf("%d NAKs where at most %d requests were outstanding at the kill", naks, outstanding)
		}
	}
	k.loads = [2]proctest.LoadResult{l.Stop(), q.Stop()}
	k.naks += k.loads[0].Naks + k.loads[1].Naks
	k.end = p.servers()
	p.stop(log)
	k.evidence = w.evidence()
	k.tell(t, m)
	k.judge(t)
}

// tell gives the figure.
func (k *killed) tell(t *testing.T, m mode) {
	r, q, e := k.loads[0], k.loads[1], k.evidence
	p99, longest := ninetyNinth(k.gaps)
	calm99, calmLongest := ninetyNinth(k.calm)
	proctest.Figure(t, m.row("U1"), fmt.Sprintf("kill -9 of one of 3 servers under L and 6 connections of long lines, %d times at any moment, with %d half requests read and %d half replies written", k.times, e.halfRequests, e.halfReplies),
		fmt.Sprintf("%d connections lost; %d of %d requests without their one reply; %d executed twice, %d out of their order, by the servers' notes; %.0f NAKs a kill, at most %d, %d times more than were outstanding at it; longest gap of a connection of L at a kill: p99 %.1f ms, longest %.1f ms (without one %.1f and %.1f ms)",
			r.Lost+q.Lost, r.Missing+r.Wrong+q.Missing+q.Wrong, r.Total+q.Total, e.twice, e.refused, float64(k.naks)/float64(k.times), k.most, k.again, milliseconds(p99), milliseconds(longest), milliseconds(calm99), milliseconds(calmLongest)),
		"0; 0; 0; NAKs of what was outstanding; 50 ms, 250 ms")
}

func (k *killed) judge(t *testing.T) {
	t.Helper()
	expectFaultless(t, "the standard load", k.loads[0])
	expectFaultless(t, "the load of long lines", k.loads[1])
	e, total := k.evidence, k.loads[0].Total+k.loads[1].Total
	if e.twice > 0 || e.refused > 0 {
		t.Errorf("%+v", e)
	}
	if acks := total - k.naks; e.executed < acks || e.executed > total {
		t.Errorf("the servers executed %d requests; %d were sent, of which %d got an ACK", e.executed, total, acks)
	}
	if naks := k.end.Naks; naks["upstream lost"] != k.naks || naks["no server"]+naks["timeout"] > 0 {
		t.Errorf("clients saw %d NAKs, the proxy made %v", k.naks, naks)
	}
	if !e.halves() {
		t.Errorf("no kill met half a request, or none half a reply: %+v", e)
	}
	if _, longest := ninetyNinth(k.gaps); longest > 2*time.Second {
		t.Errorf("a connection stood still for %v", longest)
	}
}

// anyServerInUse draws a server that has sessions, or its shared links, and gives how
// many.
func (w watched) anyServerInUse(m mode) (server, sessions int) {
	w.T.Helper()
	least := 5
	if m.shares() {
		least = m.links
	}
	now := w.untilServers("a server is in use", func(s serversSeen) bool {
		return slices.ContainsFunc(s.Upstreams, func(u serverSeen) bool { return u.Sessions >= least })
	}).Upstreams
	server = rand.IntN(len(now))
	for now[server].Sessions < least {
		server = (server + 1) % len(now)
	}
	return server, now[server].Sessions
}

// killAndRestart returns when the server takes sessions again.
func (w watched) killAndRestart(all *witnesses, server int) {
	w.T.Helper()
	all.kill(server)
	w.untilServers("nobody is on the killed server", func(s serversSeen) bool { return s.Upstreams[server].Sessions == 0 })
	all.start(server)
	w.untilState(server, "up", time.Now())
}

// TestQuitEndsASessionAndAnIdleServersDeathDoesNot is row U1 without load.
func TestQuitEndsASessionAndAnIdleServersDeathDoesNot(t *testing.T) {
	inModes(t, killIdleServers, ownLinks, muxed)
}

func killIdleServers(t *testing.T, m mode) {
	const clients = 6
	w := startWitnesses(t, m, 3)
	p := watchProxy(t, w.forward(), m.args("-check-interval", fastChecks)...)
	// Over a link of its own the first server sees the client's numbers, and the
	// server gets the end word. Over shared ones it gets neither.
	first, last := "NAK 7 not the next one\n", "ACK 4 QUIT\n"
	if m.shares() {
		first, last = "ACK 7 a\n", "ACK 4\n"
	}
	var conns []net.Conn
	for range clients {
		c := p.Dial()
		proctest.Ask(t, c, "REQ 7 a\n", first)
		conns = append(conns, c)
	}
	p.untilReady(m, clients)
	for victim := range 3 {
		p.killAndRestart(w, victim)
	}
	for _, c := range conns {
		for _, data := range []string{"b", "c"} {
			proctest.Ask(t, c, "REQ 9 "+data+"\n", "ACK 9 "+data+"\n") // the next one counts for itself
		}
		proctest.Ask(t, c, "REQ 4 QUIT\n", last)
		atEnd(t, c)
		c.Close()
	}
	s := p.untilServers("all have left", func(s serversSeen) bool { return s.Connections == 0 })
	proctest.Figure(t, m.row("U1"), "every server killed once while its clients are idle; then QUIT",
		fmt.Sprintf("%d of %d clients go on, with %d NAKs made here; QUIT ends each", clients, clients, s.Naks["upstream lost"]+s.Naks["no server"]), "all; 0; all")
	if s.Naks["upstream lost"]+s.Naks["no server"] > 0 {
		t.Errorf("the proxy made %v", s.Naks)
	}
	if m.shares() {
		p.untilLinks(m.links) // the links are not their clients'
	}
}
