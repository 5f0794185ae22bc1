// fault_servers_down_test.go: all servers are dead. Row U5 of the table of faults.

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// TestWithoutAnyServerEachRequestGetsItsNakAtOnce is row U5.
func TestWithoutAnyServerEachRequestGetsItsNakAtOnce(t *testing.T) {
	inModes(t, askNobody, ownLinks, muxed)
}

func askNobody(t *testing.T, m mode) {
	const clients = 50
	span := inMode(m, 1500*time.Millisecond, 20*time.Second, time.Second)
	w := startWitnesses(t, m, 3)
	p := notingConnects(w, m.args()...)
	log := readLog(p.Process)
	c := newCalmClients(p, clients)
	c.askEach(func() {})
	killed, down := killAll(p, m, w)

	var waits []time.Duration
	for range 20 {
		waits = append(waits, c.askEach(func() {})...)
	}
	begin, before := time.Now(), cpuTime(t, p.Process.Process.Pid)
	asked := 0
	for time.Since(begin) < span {
		c.askEach(func() { asked++; time.Sleep(2 * time.Millisecond) }) // a calm pace
	}
	end := time.Now()
	cpu := cpuTime(t, p.Process.Process.Pid) - before
	if got := c.naks["no server"]; got != len(waits)+asked || len(c.naks) != 1 {
		t.Errorf("%d requests without a server got %v", len(waits)+asked, c.naks)
	}

	again := c.serviceAgain(w)
	c.finish()
	n, text := p.notes(log)
	most, shortest, longest := connectsOf(&n, w, begin, end)
	mostFirst, _, _ := connectsOf(&n, w, killed, down)
	p99, _ := ninetyNinth(waits)
	share := float64(cpu) / float64(end.Sub(begin))
	proctest.Figure(t, m.row("U5"), fmt.Sprintf("kill -9 of all 3 servers under L; %d clients ask %.0f times a second for %v", clients, float64(asked)/end.Sub(begin).Seconds(), span),
		fmt.Sprintf("NAK p99 %.2f ms; 0 connections lost; CPU %.1f %%; at most %.1f connects/s and server, %.0f to %.0f ms apart (%d to one server in the %.1f s before it was ejected); service again %.2f s after the first one listens",
			milliseconds(p99), 100*share, float64(most)/end.Sub(begin).Seconds(), milliseconds(shortest), milliseconds(longest), mostFirst, down.Sub(killed).Seconds(), again.Seconds()),
		"5 ms; 0; 10 %; 10/s with jitter; 1 s")
	if e := w.evidence(); e.twice+e.refused > 0 {
		t.Errorf("%+v", e)
	}
	if p99 > time.Second || share > 0.5 || float64(most)/end.Sub(begin).Seconds() > 10 || again > 5*time.Second {
		t.Errorf("NAK p99 %v; CPU %.2f; %d connects; again after %v\n%s", p99, share, most, again, text)
	}
	if shortest == longest {
		t.Errorf("all connects are %v apart", shortest)
	}
}

// calmClients ask one after the other.
type calmClients struct {
	t    *testing.T
	all  []*asker
	naks map[string]int
}

func newCalmClients(p watched, n int) *calmClients {
	c := &calmClients{t: p.T, naks: map[string]int{}}
	for i := range n {
		c.all = append(c.all, ownLinks.asker(p.Dial(), fmt.Sprintf("2.%d", i)))
	}
	return c
}

// askEach has each of them ask once, and gives how long they waited. after is
// called behind each reply.
func (c *calmClients) askEach(after func()) (waits []time.Duration) {
	c.t.Helper()
	for _, a := range c.all {
		begin := time.Now()
		reasons, err := a.ask(1)
		if err != nil {
			c.t.Fatal(err)
		}
		waits = append(waits, time.Since(begin))
		tally(c.naks, reasons)
		after()
	}
	return waits
}

// serviceAgain starts a server, and gives how long after it listens a client is
// answered. Then all are.
func (c *calmClients) serviceAgain(w *witnesses) (after time.Duration) {
	c.t.Helper()
	w.start(0)
	listens := time.Now()
	until(c.t, "there is service again", func() bool {
		reasons, err := c.all[0].ask(1)
		return err == nil && reasons[0] == ""
	})
	after = time.Since(listens)
	clear(c.naks)
	c.askEach(func() {})
	if len(c.naks) > 0 {
		c.t.Errorf("with a server there are %v", c.naks)
	}
	return after
}

func (c *calmClients) finish() {
	c.t.Helper()
	for _, a := range c.all {
		if err := a.finish(); err != nil {
			c.t.Error(err)
		}
	}
}

// killAll kills all servers under L, which then gets NAKs and nothing else. It
// gives when they were killed, and when the proxy knew of all.
func killAll(p watched, m mode, w *witnesses) (killed, down time.Time) {
	p.T.Helper()
	standard := m.load(proctest.StandardLoad(p.Addr))
	standard.Name = "0"
	l := proctest.StartLoad(p.T, standard)
	killed = time.Now()
	for i := range w.all {
		w.kill(i)
	}
	p.untilServers("no server is healthy", func(s serversSeen) bool {
		return !slices.ContainsFunc(s.Upstreams, func(u serverSeen) bool { return u.State != "ejected" || u.Sessions > 0 })
	})
	down = time.Now()
	l.Mark()
	time.Sleep(200 * time.Millisecond) // a window
	r := l.Mark()
	if r.Naks != r.Requests || r.Requests == 0 {
		p.T.Errorf("without a server: %v", r)
	}
	expectFaultless(p.T, "the load", l.Stop())
	return killed, down
}

// connectsOf is the most connects to one server in a span of time, and the least
// and the most time between two of them.
func connectsOf(n *connectNotes, w *witnesses, from, to time.Time) (most int, shortest, longest time.Duration) {
	for _, server := range w.addrs {
		times := n.between(server, from, to)
		most = max(most, len(times))
		for i := 1; i < len(times); i++ {
			apart := times[i] - times[i-1]
			if shortest == 0 || apart < shortest {
				shortest = apart
			}
			longest = max(longest, apart)
		}
	}
	return most, shortest, longest
}
