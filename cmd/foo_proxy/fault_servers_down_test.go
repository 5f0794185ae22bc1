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
	const clients = 50
	span := inForm(1500*time.Millisecond, 20*time.Second)
	w := startWitnesses(t, 3)
	p := notingConnects(w)
	log := readLog(p.Process)
	naks := map[string]int{}
	var all []*asker
	askEach := func(each func()) (waits []time.Duration) {
		for _, a := range all {
			begin := time.Now()
			reasons, err := a.ask(1)
			if err != nil {
				t.Fatal(err)
			}
			waits = append(waits, time.Since(begin))
			tally(naks, reasons)
			each()
		}
		return waits
	}
	for i := range clients {
		all = append(all, newAsker(p.Dial(), fmt.Sprintf("2.%d", i)))
	}
	askEach(func() {})
	standard := proctest.StandardLoad(p.Addr)
	standard.Name = "0"
	l := proctest.StartLoad(t, standard)
	killed := time.Now()
	for i := range w.all {
		w.kill(i)
	}
	p.untilServers("no server is healthy", func(s serversSeen) bool {
		return !slices.ContainsFunc(s.Upstreams, func(u serverSeen) bool { return u.State != "ejected" || u.Sessions > 0 })
	})
	down := time.Now()
	l.Mark()
	time.Sleep(200 * time.Millisecond) // a window
	r := l.Mark()
	if r.Naks != r.Requests || r.Requests == 0 {
		t.Errorf("without a server: %v", r)
	}
	expectFaultless(t, "the load", l.Stop())

	var waits []time.Duration
	for range 20 {
		waits = append(waits, askEach(func() {})...)
	}
	begin, before := time.Now(), cpuTime(t, p.Process.Process.Pid)
	asked := 0
	for time.Since(begin) < span {
		askEach(func() { asked++; time.Sleep(2 * time.Millisecond) }) // a calm pace
	}
	end := time.Now()
	cpu := cpuTime(t, p.Process.Process.Pid) - before
	if got := naks["no server"]; got != len(waits)+asked || len(naks) != 1 {
		t.Errorf("%d requests without a server got %v", len(waits)+asked, naks)
	}

	w.start(0)
	listens := time.Now()
	until(t, "there is service again", func() bool {
		reasons, err := all[0].ask(1)
		return err == nil && reasons[0] == ""
	})
	again := time.Since(listens)
	clear(naks)
	askEach(func() {})
	if len(naks) > 0 {
		t.Errorf("with a server there are %v", naks)
	}
	for _, a := range all {
		if err := a.finish(); err != nil {
			t.Error(err)
		}
	}
	n, text := p.notes(log)
	most, shortest, longest := connectsOf(&n, w, begin, end)
	mostFirst, _, _ := connectsOf(&n, w, killed, down)
	p99, _ := ninetyNinth(waits)
	share := float64(cpu) / float64(end.Sub(begin))
	proctest.Figure(t, "U5", fmt.Sprintf("kill -9 of all 3 servers under L; %d clients ask %.0f times a second for %v", clients, float64(asked)/end.Sub(begin).Seconds(), span),
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
