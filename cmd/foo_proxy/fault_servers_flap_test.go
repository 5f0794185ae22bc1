// fault_servers_flap_test.go: a server that dies again and again. Row U6 of the
// table of faults.

package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// visitors come, ask and go, so that a server that is back gets sessions at once.
type visitors struct {
	t        *testing.T
	mode     mode
	quit     chan struct{}
	work     sync.WaitGroup
	lock     sync.Mutex // guards what follows
	visits   int
	requests int
	naks     map[string]int
}

func startVisitors(t *testing.T, m mode, addr string, n int) *visitors {
	v := &visitors{t: t, mode: m, quit: make(chan struct{}), naks: map[string]int{}}
	for i := range n {
		v.work.Go(func() {
			for visit := 0; ; visit++ {
				select {
				case <-v.quit:
					return
				default:
				}
				if err := v.visit(addr, i, visit); err != nil {
					t.Errorf("visitor %d: %v", i, err)
					return
				}
			}
		})
	}
	return v
}

// visit asks twice, several requests at once. It comes from several addresses: a
// port of one rests for a while.
func (v *visitors) visit(addr string, visitor, visit int) error {
	const requests = 8
	conn, err := dialFrom(2+visitor*20+visit%20, addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		return err
	}
	a := v.mode.asker(conn, fmt.Sprintf("2.%d", visitor))
	a.from = visit * 2 * requests // each payload is another one
	for range 2 {
		reasons, err := a.ask(requests)
		if err != nil {
			return err
		}
		v.lock.Lock()
		v.requests += requests
		tally(v.naks, reasons)
		v.lock.Unlock()
	}
	v.lock.Lock()
	v.visits++
	v.lock.Unlock()
	return a.finish()
}

func (v *visitors) stop() {
	close(v.quit)
	v.work.Wait()
}

// TestAServerThatDiesAgainAndAgainHarmsOnlyWhatIsOnIt is row U6.
func TestAServerThatDiesAgainAndAgainHarmsOnlyWhatIsOnIt(t *testing.T) {
	inModes(t, killAgainAndAgain, ownLinks, muxed)
}

func killAgainAndAgain(t *testing.T, m mode) {
	const every = 500 * time.Millisecond
	span := inMode(m, 4*time.Second, 20*time.Second, 2*time.Second)
	w := startWitnesses(t, m, 3)
	p := notingConnects(w, m.args("-check-interval", "100ms")...)
	log := readLog(p.Process)
	if m.shares() {
		p.untilLinks(m.links)
	}
	start := p.descriptors() // without those of checks
	standard := m.load(proctest.StandardLoad(p.Addr))
	standard.Name = "0"
	l, v := proctest.StartLoad(t, standard), startVisitors(t, m, p.Addr, 6)
	deaths, backs := 0, 0
	for begin := time.Now(); time.Since(begin) < span; {
		deaths++
		time.Sleep(time.Until(begin.Add(time.Duration(deaths) * every))) // the rhythm of its deaths
		if p.servers().Upstreams[0].Sessions > 0 {
			backs++
		}
		w.kill(0)
		w.start(0)
	}
	v.stop()
	r := l.Stop()
	expectFaultless(t, "the load", r)
	free := p.untilDescriptors(start)
	s := p.servers()
	n, text := p.notes(log)
	e := w.evidence()
	naks, all := 0, 0
	for reason, count := range s.Naks {
		naks += count
		if count > 0 && reason != "upstream lost" {
			t.Errorf("%d NAKs are for %q", count, reason)
		}
	}
	for _, u := range s.Upstreams {
		all += u.Requests
	}
	unjust := 0
	for line := range strings.Lines(text) {
		if strings.Contains(line, `"server ejected"`) && !strings.Contains(line, w.addrs[0]) {
			unjust++
		}
	}
	share, nakShare := float64(s.Upstreams[0].Requests)/float64(all), float64(naks)/float64(r.Total+v.requests)
	proctest.Figure(t, m.row("U6"), fmt.Sprintf("kill -9 of one of 3 servers every %v for %v, with sessions on it %d of %d times; L and %d clients that come, ask 16 times and go", every, span, backs, deaths, v.visits),
		fmt.Sprintf("0 of %d requests without their one reply, %d executed twice; NAKs %.2f %% of all, %.2f %% of all were given to that server; %d healthy servers ejected; descriptors at the start value %.0f ms after the end; %d to %d goroutines",
			r.Total+v.requests, e.twice, 100*nakShare, 100*share, unjust, milliseconds(free), n.Fewest, n.Most), "0; 0; NAKs below its share; 0; flat; flat")
	if e.twice+e.refused > 0 || unjust > 0 || nakShare > share || n.Most-n.Fewest > 10 {
		t.Errorf("%+v; %d ejected; NAKs %v of %v; %d to %d goroutines\n%s", e, unjust, nakShare, share, n.Fewest, n.Most, text)
	}
	if backs == 0 || naks == 0 {
		t.Error("no death has met a session")
	}
}
