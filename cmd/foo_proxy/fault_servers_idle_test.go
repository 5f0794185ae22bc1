// fault_servers_idle_test.go: servers that close links on which nothing is
// outstanding. Row U9 of the table of faults.

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// idler serves like the servers of the field, and closes connections on which it
// owes nothing when it is told to.
type idler struct {
	addr     string
	executed atomic.Int64 // requests with data, which a check's has not
	ended    atomic.Int64 // links
	lock     sync.Mutex
	links    map[*idleLink]bool // those that stand
}

// idleLink is one connection. lock is held from where a request was read to where
// its reply was written.
type idleLink struct {
	conn *net.TCPConn
	lock sync.Mutex
	used bool // a request with data has come
	over bool // it was closed; what comes now is not executed
}

// startIdlers serve until the test ends; then all their clients must have left.
func startIdlers(t *testing.T, n int) (all []*idler, forward string) {
	t.Helper()
	var addrs []string
	for range n {
		var work sync.WaitGroup
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := &idler{addr: listener.Addr().String(), links: map[*idleLink]bool{}}
		all, addrs = append(all, d), append(addrs, d.addr)
		t.Cleanup(func() {
			listener.Close()
			work.Wait()
		})
		work.Go(func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					return
				}
				work.Go(func() { d.serve(&idleLink{conn: c.(*net.TCPConn)}) })
			}
		})
	}
	return all, strings.Join(addrs, ",")
}

func (d *idler) serve(k *idleLink) {
	d.lock.Lock()
	d.links[k] = true
	d.lock.Unlock()
	defer func() {
		d.lock.Lock()
		delete(d.links, k)
		d.lock.Unlock()
		k.conn.Close()
		d.ended.Add(1)
	}()
	in := bufio.NewReader(k.conn)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		if !d.answer(k, in) {
			return
		}
	}
}

// answer answers what has come.
func (d *idler) answer(k *idleLink, in *bufio.Reader) bool {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.over {
		return false
	}
	var out []byte
	for more := true; more; more = in.Buffered() > 0 {
		line, err := in.ReadString('\n')
		if err != nil {
			return false
		}
		if strings.Count(line, " ") > 1 {
			k.used = true
			d.executed.Add(1)
		}
		out = append(append(out, "ACK"...), line[len("REQ"):]...)
	}
	_, err := k.conn.Write(out)
	return err == nil
}

// closeIdle closes links of clients on which nothing is owed, by chance, and gives
// how many. Where wholly is not set only its own side is ended, so that the peer's
// end is still seen.
func (d *idler) closeIdle(share float64, wholly bool) (closed int) {
	d.lock.Lock()
	defer d.lock.Unlock()
	for k := range d.links {
		k.lock.Lock()
		if k.used && rand.Float64() < share {
			closed++
			k.used = false // it is not closed twice
			if wholly {
				k.over = true
				k.conn.Close()
			} else if err := k.conn.CloseWrite(); err != nil {
				closed--
			}
		}
		k.lock.Unlock()
	}
	return closed
}

// sumOf adds up what each of them has counted.
func sumOf(all []*idler, count func(d *idler) *atomic.Int64) (sum int64) {
	for _, d := range all {
		sum += count(d).Load()
	}
	return sum
}

func executedBy(d *idler) *atomic.Int64 { return &d.executed }
func endedAt(d *idler) *atomic.Int64    { return &d.ended }

// TestAnIdleLinksEndCostsNothing is row U9, where the end has come before the
// client writes: the proxy has ended its side of the link.
func TestAnIdleLinksEndCostsNothing(t *testing.T) {
	inModes(t, endIdleLinks, ownLinks, muxed, muxedInTurn)
}

func endIdleLinks(t *testing.T, m mode) {
	const clients = 50
	rounds := inMode(m, 20, 400, 10)
	all, forward := startIdlers(t, 3)
	p := watchProxy(t, forward, m.args("-check", "off")...)
	var askers []*asker
	for i := range clients {
		askers = append(askers, m.asker(p.Dial(), fmt.Sprintf("2.%d", i)))
	}
	closed, naks := 0, map[string]int{}
	for range rounds {
		for _, a := range askers {
			reasons, err := a.ask(4)
			if err != nil {
				t.Fatal(err)
			}
			tally(naks, reasons)
		}
		for _, d := range all {
			closed += d.closeIdle(rand.Float64(), false)
		}
		until(t, "the proxy has seen the ends", func() bool { return sumOf(all, endedAt) == int64(closed) })
	}
	for _, a := range askers {
		if err := a.finish(); err != nil {
			t.Error(err)
		}
	}
	proctest.Figure(t, m.row("U9"), fmt.Sprintf("3 servers close %d idle links of %d clients at random, each seen before the next request", closed, clients),
		fmt.Sprintf("%d NAKs in %d requests", naks["upstream lost"]+naks["no server"], 4*clients*rounds), "0")
	if len(naks) > 0 || closed < rounds/2 {
		t.Errorf("%d links were closed; %v", closed, naks)
	}
}

// TestAnIdleLinksEndCostsAtMostTheWriteThatCrossesIt is row U9, where end and
// write may cross.
func TestAnIdleLinksEndCostsAtMostTheWriteThatCrossesIt(t *testing.T) {
	inModes(t, crossIdleEnds, ownLinks, muxed)
}

// crossings is what clients saw.
type crossings struct {
	asked, naks atomic.Int64 // requests
	lost        atomic.Int64 // writes, of which all were answered NAK
}

func crossIdleEnds(t *testing.T, m mode) {
	const clients, depth = 20, 4
	wanted := int64(inMode(m, 2000, 20_000, 300))
	all, forward := startIdlers(t, 3)
	p := watchProxy(t, forward, m.args("-check-interval", fastChecks)...)
	var closed atomic.Int64
	var seen crossings
	var work, closers sync.WaitGroup
	over := make(chan struct{})
	for _, d := range all {
		closers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				closed.Add(int64(d.closeIdle(0.2, true)))
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // any moment
			}
		})
	}
	for i := range clients {
		a := m.asker(p.Dial(), fmt.Sprintf("2.%d", i))
		work.Go(func() { seen.cross(t, m, a, depth, func() bool { return closed.Load() >= wanted }) })
	}
	work.Wait()
	close(over)
	closers.Wait()
	executed, acks := sumOf(all, executedBy), seen.asked.Load()-seen.naks.Load()
	measured, goal := fmt.Sprintf("%d of %d writes crossed an end: all requests of those got a NAK, none of any other", seen.lost.Load(), seen.asked.Load()/depth), "only the write that crossed; none twice"
	if m.shares() {
		measured, goal = fmt.Sprintf("%d of %d requests crossed an end and got a NAK", seen.naks.Load(), seen.asked.Load()), "only those that crossed; none twice"
	}
	proctest.Figure(t, m.row("U9"), fmt.Sprintf("3 servers close %d idle links while %d clients write %d requests at a time", closed.Load(), clients, depth),
		fmt.Sprintf("%s; %d requests answered, %d executed", measured, acks, executed), goal)
	if seen.lost.Load() > closed.Load() || executed != acks {
		t.Errorf("%d writes were lost to %d ends; %d requests answered ACK, %d executed", seen.lost.Load(), closed.Load(), acks, executed)
	}
}

// cross has a client ask until it is over. Over a link of its own a write is lost as
// a whole; over shared ones each request of it goes its own way.
func (k *crossings) cross(t *testing.T, m mode, a *asker, depth int, over func() bool) {
	for !over() {
		reasons, err := a.ask(depth)
		if err != nil {
			t.Error(err)
			return
		}
		naks := map[string]int{}
		tally(naks, reasons)
		lost := naks["upstream lost"]
		k.asked.Add(int64(depth))
		k.naks.Add(int64(lost))
		if lost == depth {
			k.lost.Add(1)
		}
		if len(naks) > 1 || len(naks) == 1 && (lost == 0 || lost < depth && !m.shares()) {
			t.Errorf("of one write %v", naks)
		}
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // any moment
	}
	if err := a.finish(); err != nil {
		t.Error(err)
	}
}
