// fault_servers_kill_test.go: servers that are killed under load, and what ends a
// session. Row U1 of the table of faults.

package main

import (
	"fmt"
	"math/rand/v2"
	"net"
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
// which accepts meanwhile. A session that comes back there at once loses what it
// asks a second time, so that there may be more NAKs than requests were
// outstanding.
func TestAKilledServerCostsNoClientItsConnection(t *testing.T) {
	kills := inForm(8, 100)
	w := startWitnesses(t, 3)
	p := watchProxy(t, w.forward(), "-check-interval", fastChecks)
	log := readLog(p.Process)
	standard := proctest.StandardLoad(p.Addr)
	standard.Name = "0"
	long := proctest.LoadConfig{Addr: p.Addr, Conns: 6, Depth: 8, Bytes: 6000, Name: "1"}
	l, m := proctest.StartLoad(t, standard), proctest.StartLoad(t, long)
	var gaps, calm []time.Duration
	naks, again, done := 0, 0, 0
	for ; done < kills || done < 10*kills && !w.evidence().halves(); done++ {
		victim, sessions := p.anyServerInUse()
		l.Mark()
		time.Sleep(100 * time.Millisecond) // a window without a kill
		calm = append(calm, l.Mark().Gaps...)
		m.Mark()
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond) // any moment
		p.killAndRestart(w, victim)
		r, q := l.Mark(), m.Mark()
		gaps = append(gaps, r.Gaps...)
		naks += r.Naks + q.Naks
		outstanding := sessions * standard.Depth
		if r.Naks+q.Naks > outstanding {
			again++
		}
		if r.Naks+q.Naks > 2*outstanding {
			t.Errorf("%d NAKs where at most %d requests were outstanding at the kill", r.Naks+q.Naks, outstanding)
		}
	}
	r, q := l.Stop(), m.Stop()
	expectFaultless(t, "the standard load", r)
	expectFaultless(t, "the load of long lines", q)
	end := p.servers()
	p.stop(log)
	e := w.evidence()
	total := r.Total + q.Total
	p99, longest := ninetyNinth(gaps)
	calm99, calmLongest := ninetyNinth(calm)
	proctest.Figure(t, "U1", fmt.Sprintf("kill -9 of one of 3 servers under L and 6 connections of long lines, %d times at any moment, with %d half requests read and %d half replies written", done, e.halfRequests, e.halfReplies),
		fmt.Sprintf("%d connections lost; %d of %d requests without their one reply; %d executed twice, %d out of their order, by the servers' notes; %.0f NAKs a kill, %d times more than were outstanding at it; longest gap of a connection of L at a kill: p99 %.1f ms, longest %.1f ms (without one %.1f and %.1f ms)",
			r.Lost+q.Lost, r.Missing+r.Wrong+q.Missing+q.Wrong, total, e.twice, e.refused, float64(naks)/float64(done), again, milliseconds(p99), milliseconds(longest), milliseconds(calm99), milliseconds(calmLongest)),
		"0; 0; 0; NAKs of what was outstanding; 50 ms, 250 ms")
	if e.twice > 0 || e.refused > 0 {
		t.Errorf("%+v", e)
	}
	if acks := total - naks; e.executed < acks || e.executed > total {
		t.Errorf("the servers executed %d requests; %d were sent, of which %d got an ACK", e.executed, total, acks)
	}
	if got := end.Naks["upstream lost"]; got != naks || end.Naks["no server"]+end.Naks["timeout"] > 0 {
		t.Errorf("clients saw %d NAKs, the proxy made %v", naks, end.Naks)
	}
	if !e.halves() {
		t.Errorf("no kill met half a request, or none half a reply: %+v", e)
	}
	if longest > 2*time.Second {
		t.Errorf("a connection stood still for %v", longest)
	}
}

// anyServerInUse draws a server that has sessions, and gives how many.
func (w watched) anyServerInUse() (server, sessions int) {
	w.T.Helper()
	now := w.servers().Upstreams
	server = rand.IntN(len(now))
	for now[server].Sessions < 5 {
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
	const clients = 6
	w := startWitnesses(t, 3)
	p := watchProxy(t, w.forward(), "-check-interval", fastChecks)
	var conns []net.Conn
	for range clients {
		c := p.Dial()
		proctest.Ask(t, c, "REQ 7 a\n", "NAK 7 not the next one\n") // the first server sees the client's numbers
		conns = append(conns, c)
	}
	p.untilSpread(clients)
	for victim := range 3 {
		p.killAndRestart(w, victim)
	}
	for _, c := range conns {
		proctest.Ask(t, c, "REQ 9 b\nREQ 9 c\n", "ACK 9 b\nACK 9 c\n") // the next one counts for itself
		proctest.Ask(t, c, "REQ 4 QUIT\n", "ACK 4 QUIT\n")
		atEnd(t, c)
		c.Close()
	}
	s := p.untilServers("all have left", func(s serversSeen) bool { return s.Connections == 0 })
	proctest.Figure(t, "U1", "every server killed once while its clients are idle; then QUIT",
		fmt.Sprintf("%d of %d clients go on, with %d NAKs made here; QUIT ends each", clients, clients, s.Naks["upstream lost"]+s.Naks["no server"]), "all; 0; all")
	if s.Naks["upstream lost"]+s.Naks["no server"] > 0 {
		t.Errorf("the proxy made %v", s.Naks)
	}
}
