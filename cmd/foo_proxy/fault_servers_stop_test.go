// fault_servers_stop_test.go: servers that stand still and go on. Rows U3 and U4
// of the table of faults.

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// stopped is what one stop of a server was like.
type stopped struct {
	ejected, back time.Duration // from the stop, and from its end
	longest       time.Duration // that one of its requests waited
	p99, p0       time.Duration // of the others' requests, while it stood and before
	sent          int           // requests that it was given while it was out
	naks          int
	evidence      evidence
	late          int
	log           string
}

// stopOne stops one of three servers under L for so long.
//
// Where links are shared every client has requests there, and waits for them with
// all of its depth: who the others are is not told by connections, but by replies.
// Those that are no NAKs come from the other servers.
func stopOne(t *testing.T, m mode, timeout, stop time.Duration) (s stopped) {
	t.Helper()
	const victim = 1
	w := startWitnesses(t, m, 3)
	p := watchProxy(t, w.forward(), m.args("-request-timeout", timeout.String())...)
	log := readLog(p.Process)
	standard := m.load(proctest.StandardLoad(p.Addr))
	standard.Name = "0"
	l := proctest.StartLoad(t, standard)
	p.untilReady(m, standard.Conns)
	his := w.connsOf(victim)
	part := func(conn int) int {
		if his[conn] && !m.shares() {
			return 1
		}
		return 0
	}
	longest := func(parts []proctest.LoadResult) time.Duration {
		if m.shares() {
			return parts[0].Max
		}
		return parts[1].Max
	}
	l.Mark()
	time.Sleep(500 * time.Millisecond) // a window
	s.p0 = l.MarkParts(2, part)[0].AckP99
	begin := time.Now()
	w.stop(victim)
	s.ejected = p.untilState(victim, "ejected", begin)
	given := p.servers().Upstreams[victim].Requests
	parts := l.MarkParts(2, part)
	s.p99, s.longest, s.naks = parts[0].AckP99, longest(parts), parts[0].Naks+parts[1].Naks
	time.Sleep(time.Until(begin.Add(stop))) // the stop is as long as that
	parts = l.MarkParts(2, part)
	s.longest, s.naks = max(s.longest, longest(parts)), s.naks+parts[0].Naks+parts[1].Naks
	s.sent = p.servers().Upstreams[victim].Requests - given
	begin = time.Now()
	w.goOn(victim)
	s.back = p.untilState(victim, "up", begin)
	r := l.Stop()
	expectFaultless(t, "the load", r)
	s.naks += r.Naks
	end := p.servers()
	s.late = end.Late
	// Of a shared link that is given up meanwhile the rest is lost before its time.
	if naks := end.Naks; naks["timeout"] == 0 || naks["timeout"]+naks["upstream lost"] != s.naks || naks["upstream lost"] > 0 && !m.shares() {
		t.Errorf("clients saw %d NAKs, the proxy made %v", s.naks, end.Naks)
	}
	s.log = p.stop(log)
	s.evidence = w.evidence()
	return s
}

// TestAStoppedServerIsLeftAndItsLateRepliesGoNowhere is rows U3 and U4: once
// ejected by its checks, once by requests without a reply.
func TestAStoppedServerIsLeftAndItsLateRepliesGoNowhere(t *testing.T) {
	for _, c := range []stopCase{
		{2 * time.Second, inForm(2300*time.Millisecond, 8*time.Second), "fails its checks", inForm(1, 10)},
		{500 * time.Millisecond, inForm(time.Second, 30*time.Second), "does not reply", inForm(1, 2)},
	} {
		t.Run(c.why, func(t *testing.T) {
			inModes(t, c.run, ownLinks, muxed)
		})
	}
}

// stopCase is one way in which a server that stands still is found out.
type stopCase struct {
	timeout, stop time.Duration
	why           string
	times         int
}

func (c stopCase) run(t *testing.T, m mode) {
	var worst stopped
	var ratios []float64
	for range c.times {
		s := stopOne(t, m, c.timeout, c.stop)
		if n := strings.Count(s.log, `"server ejected"`); n != 1 || !strings.Contains(s.log, c.why) {
			t.Errorf("%d ejections, not one for %q:\n%s", n, c.why, s.log)
		}
		if s.sent > 0 || s.naks == 0 || s.evidence.twice+s.evidence.refused > 0 {
			t.Errorf("%d requests were sent to a server that is out; %d NAKs; %+v", s.sent, s.naks, s.evidence)
		}
		ratios = append(ratios, float64(s.p99)/float64(s.p0))
		worst.ejected, worst.back, worst.longest = max(worst.ejected, s.ejected), max(worst.back, s.back), max(worst.longest, s.longest)
		worst.late, worst.naks = max(worst.late, s.late), max(worst.naks, s.naks)
	}
	slices.Sort(ratios)
	proctest.Figure(t, m.row("U3"), fmt.Sprintf("SIGSTOP of one of 3 servers under L, -request-timeout %v, it %s, %d times", c.timeout, c.why, c.times),
		fmt.Sprintf("every request answered within %.3f s, at most %d of them with NAK; ejected within %.2f s; 0 requests sent to it after that; p99 of the others %.2f p0 (median)",
			worst.longest.Seconds(), worst.naks, worst.ejected.Seconds(), ratios[len(ratios)/2]), "timeout + 0.05 s; 1.7 s; 0; 1.2 p0")
	proctest.Figure(t, m.row("U4"), fmt.Sprintf("SIGCONT %v later, %d times", c.stop, c.times),
		fmt.Sprintf("0 late replies delivered, 0 replies with a wrong Seq; re-admitted after %.2f s", worst.back.Seconds()), "0; 0; 1 s after 2 good checks")
	if worst.longest > c.timeout+time.Second || worst.ejected > 5*time.Second || worst.back > 5*time.Second {
		t.Errorf("%+v", worst)
	}
}

// TestALateReplyIsSwallowed is row U4 of a server that stays: its sessions see
// that it was slow, and nothing of what it says afterwards.
func TestALateReplyIsSwallowed(t *testing.T) { inModes(t, replyLate, ownLinks, muxed) }

func replyLate(t *testing.T, m mode) {
	w := startWitnesses(t, m, 3)
	p := watchProxy(t, w.forward(), m.args("-request-timeout", "200ms", "-check", "off")...)
	var clients []*asker
	for i := range 3 { // one on each server, or their requests by turns
		clients = append(clients, m.asker(p.Dial(), fmt.Sprintf("0.%d", i)))
	}
	if m.shares() {
		p.untilLinks(m.links)
	}
	rounds, late := inMode(m, 2, 10, 1), 0
	expect := func(c *asker, n int, want string) {
		t.Helper()
		reasons, err := c.ask(n)
		if err != nil || len(reasons) != n || slices.ContainsFunc(reasons, func(r string) bool { return r != want }) {
			t.Fatalf("the reasons are %q (%v), all of them should be %q", reasons, err, want)
		}
	}
	for round := range rounds {
		for i := range w.all {
			w.stop(i)
		}
		for _, c := range clients {
			expect(c, 2, "timeout") // a third one would eject the server
		}
		late += 2 * len(clients)
		for i := range w.all {
			w.goOn(i)
		}
		p.untilServers("late replies have come", func(s serversSeen) bool { return s.Late == late })
		for _, c := range clients {
			expect(c, 5+round, "")
		}
	}
	for _, c := range clients {
		if err := c.finish(); err != nil {
			t.Error(err)
		}
	}
	proctest.Figure(t, m.row("U4"), fmt.Sprintf("3 servers stopped and continued %d times, with 2 requests of a client each", rounds), fmt.Sprintf("%d late replies, 0 of them delivered; the next requests get their own", late), "0")
}
