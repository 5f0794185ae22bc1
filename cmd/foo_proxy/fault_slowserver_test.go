// fault_slowserver_test.go owns row U10: one of three servers is slow, and clients
// that come anew go to the others, or requests where clients share the links.

package main

import (
	"bufio"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

const (
	slowness       = 200 * time.Millisecond
	visitRequests  = 100 // of a client, which then connects anew
	visitDepth     = 16
	visitorClients = 50
)

// slowable is a server that can be made slow: each reply comes so much later, but
// those of many requests come together.
type slowable struct {
	name  string
	delay atomic.Int64
}

// owed is a reply that is due.
type owed struct {
	line string
	due  time.Time
}

// serve tells its name in each reply.
func (s *slowable) serve(in *bufio.Reader, out *bufio.Writer) {
	replies := make(chan owed, visitorClients*visitDepth) // a link that is shared may have all
	var work sync.WaitGroup
	work.Go(func() {
		for r := range replies {
			if wait := time.Until(r.due); wait > 0 {
				out.Flush() // where the client is gone nobody misses it
				time.Sleep(wait)
			}
			out.WriteString(r.line)
			if len(replies) == 0 {
				out.Flush()
			}
		}
	})
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break
		}
		_, seq, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		seq, _, _ = strings.Cut(seq, " ")
		replies <- owed{"ACK " + seq + " " + s.name + "\n", time.Now().Add(time.Duration(s.delay.Load()))}
	}
	close(replies)
	work.Wait()
}

// returners are clients that ask, and connect anew behind so many requests.
type returners struct {
	t    *testing.T
	addr string
	mode mode
	quit atomic.Bool
	work sync.WaitGroup
	lock sync.Mutex
	took map[string][]time.Duration // of each request, by the server that answered
}

func startReturners(t *testing.T, addr string, m mode) *returners {
	v := &returners{t: t, addr: addr, mode: m, took: map[string][]time.Duration{}}
	for range visitorClients {
		v.work.Go(func() {
			for !v.quit.Load() && v.visit() {
			}
		})
	}
	return v
}

// visit reports whether all went well.
func (v *returners) visit() bool {
	c, err := net.DialTimeout("tcp", v.addr, proctest.Patience)
	if err != nil {
		v.t.Error(err)
		return false
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		v.t.Error(err)
	}
	var begun [visitRequests + 1]time.Time
	asked := 0
	ask := func(most int) {
		var lines []byte
		now := time.Now()
		for ; asked < most; asked++ {
			begun[asked+1] = now
			lines = fmt.Appendf(lines, "REQ %d %050d\n", asked+1, asked+1)
		}
		_, _ = c.Write(lines) // a missing reply tells of an error
	}
	in := bufio.NewReader(c)
	took := map[string][]time.Duration{}
	for replies := range visitRequests {
		if in.Buffered() == 0 {
			ask(min(visitRequests, replies+visitDepth))
		}
		line, err := in.ReadString('\n')
		seq, name := ackOf(line)
		if err != nil || seq < 1 || seq > asked || begun[seq].IsZero() || seq != replies+1 && !v.mode.anyOrder() {
			v.t.Errorf("behind %d replies comes %q (%v)", replies, line, err)
			return false
		}
		took[name] = append(took[name], time.Since(begun[seq]))
		begun[seq] = time.Time{} // each has one reply
	}
	v.lock.Lock()
	defer v.lock.Unlock()
	for name, all := range took {
		v.took[name] = append(v.took[name], all...)
	}
	return true
}

// ackOf is what the ACK of a request says, and 0 of another line.
func ackOf(line string) (seq int, name string) {
	rest, isAck := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ACK ")
	number, name, _ := strings.Cut(rest, " ")
	if seq, err := strconv.Atoi(number); isAck && err == nil {
		return seq, name
	}
	return 0, ""
}

// window has them go on for a while, and gives what they met in it. All that a
// visit met counts where the visit ends.
func (v *returners) window(long time.Duration) map[string][]time.Duration {
	v.lock.Lock()
	v.took = map[string][]time.Duration{}
	v.lock.Unlock()
	time.Sleep(long) // what is measured takes time
	v.lock.Lock()
	defer v.lock.Unlock()
	took := v.took
	v.took = map[string][]time.Duration{}
	return took
}

func (v *returners) stop() {
	v.quit.Store(true)
	v.work.Wait()
}

// p99Of is of the servers that are meant.
func p99Of(took map[string][]time.Duration, servers ...string) time.Duration {
	var all []time.Duration
	for _, name := range servers {
		all = append(all, took[name]...)
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)*99/100]
}

// TestClientsLeaveASlowServerAlone is row U10. The windows with a slow server and
// without take turns. Where replies are held back for older ones, those of the other
// servers come late as well.
func TestClientsLeaveASlowServerAlone(t *testing.T) {
	inModes(t, slowOneDown, ownLinks, muxed, muxedInTurn)
}

func slowOneDown(t *testing.T, m mode) {
	slow, fast, faster := &slowable{name: "slow"}, &slowable{name: "fast"}, &slowable{name: "faster"}
	var forward []string
	for _, s := range []*slowable{slow, fast, faster} {
		forward = append(forward, startKeeper(t, 0, s.serve).addr)
	}
	p := watchProxy(t, strings.Join(forward, ","), m.args("-balance", "least-outstanding")...)
	if m.shares() {
		p.untilLinks(m.links)
	}
	v := startReturners(t, p.Addr, m)
	t.Cleanup(v.stop)
	window := inForm(300*time.Millisecond, 3*time.Second)
	var ratios, nulls, shares []float64
	for range inMode(m, 3, 15, 1) {
		first := p99Of(v.window(window), "slow", "fast", "faster")
		slow.delay.Store(int64(slowness))
		v.window(slowness) // until all know it
		before := p.toldServers()
		with := p99Of(v.window(window), "fast", "faster")
		after := p.toldServers()
		slow.delay.Store(0)
		v.window(2 * slowness) // until what was late has come
		again := p99Of(v.window(window), "slow", "fast", "faster")
		all := float64(0)
		for i := range after {
			all += float64(after[i].Requests - before[i].Requests)
		}
		shares = append(shares, float64(after[0].Requests-before[0].Requests)/max(all, 1))
		ratios, nulls = append(ratios, float64(with)/float64(max(first, 1))), append(nulls, float64(again)/float64(max(first, 1)))
	}
	v.stop()
	for _, all := range [][]float64{ratios, nulls, shares} {
		slices.Sort(all)
	}
	middle, share := len(ratios)/2, shares[len(shares)-1]
	proctest.Figure(t, m.row("U10"), fmt.Sprintf("one of 3 servers is slower by %v, least-outstanding, L whose clients connect anew every %d requests", slowness, visitRequests),
		fmt.Sprintf("it gets %.1f %% of the requests at most, %.1f %% in the median; the others' p99 %.2f p0, null test %.2f (medians of %d)", 100*share, 100*shares[middle], ratios[middle], nulls[middle], len(ratios)), "10 %; 1.2 p0")
	if told := p.toldServers(); share > 0.25 || !allUp(told) {
		t.Errorf("the slow one gets %.2f of the requests; %+v", share, told)
	}
}
