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

// standing is how many links the proxy has not left.
func (d *idler) standing() int {
	d.lock.Lock()
	defer d.lock.Unlock()
	return len(d.links)
}

// TestAnIdleLinksEndCostsNothing is row U9, where the end has come before the
// client writes: the proxy has ended its side of the link.
func TestAnIdleLinksEndCostsNothing(t *testing.T) {
	const clients = 50
	rounds := inForm(20, 400)
	all, forward := startIdlers(t, 3)
	p := watchProxy(t, forward, "-check", "off")
	var askers []*asker
	for i := range clients {
		askers = append(askers, ownLinks.asker(p.Dial(), fmt.Sprintf("2.%d", i)))
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
		left := 0
		for _, d := range all {
			before := d.standing()
			n := d.closeIdle(rand.Float64(), false)
			closed += n
			left += before - n
		}
		until(t, "the proxy has seen the ends", func() bool { return all[0].standing()+all[1].standing()+all[2].standing() == left })
	}
	for _, a := range askers {
		if err := a.finish(); err != nil {
			t.Error(err)
		}
	}
	proctest.Figure(t, "U9", fmt.Sprintf("3 servers close %d idle links of %d clients at random, each seen before the next request", closed, clients),
		fmt.Sprintf("%d NAKs in %d requests", naks["upstream lost"]+naks["no server"], 4*clients*rounds), "0")
	if len(naks) > 0 || closed < clients {
		t.Errorf("%d links were closed; %v", closed, naks)
	}
}

// TestAnIdleLinksEndCostsAtMostTheWriteThatCrossesIt is row U9, where end and
// write may cross.
func TestAnIdleLinksEndCostsAtMostTheWriteThatCrossesIt(t *testing.T) {
	const clients, depth = 20, 4
	wanted := int64(inForm(2000, 20_000))
	all, forward := startIdlers(t, 3)
	p := watchProxy(t, forward, "-check-interval", fastChecks)
	var closed, asked, lost atomic.Int64
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
		conn := p.Dial()
		work.Go(func() {
			a := ownLinks.asker(conn, fmt.Sprintf("2.%d", i))
			for closed.Load() < wanted {
				reasons, err := a.ask(depth)
				if err != nil {
					t.Error(err)
					return
				}
				naks := map[string]int{}
				tally(naks, reasons)
				asked.Add(depth)
				switch {
				case naks["upstream lost"] == depth:
					lost.Add(1)
				case len(naks) > 0:
					t.Errorf("of one write %v", naks)
				}
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond) // any moment
			}
			if err := a.finish(); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	close(over)
	closers.Wait()
	executed := all[0].executed.Load() + all[1].executed.Load() + all[2].executed.Load()
	proctest.Figure(t, "U9", fmt.Sprintf("3 servers close %d idle links while %d clients write %d requests at a time", closed.Load(), clients, depth),
		fmt.Sprintf("%d of %d writes crossed an end: all requests of those got a NAK, none of any other; %d requests answered, %d executed", lost.Load(), asked.Load()/depth, asked.Load()-depth*lost.Load(), executed),
		"only the write that crossed; none twice")
	if lost.Load() > closed.Load() || executed != asked.Load()-depth*lost.Load() {
		t.Errorf("%d writes were lost to %d ends; %d requests asked, %d executed", lost.Load(), closed.Load(), asked.Load(), executed)
	}
}
