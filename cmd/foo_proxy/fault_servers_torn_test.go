// fault_servers_torn_test.go: servers that end in the middle of a line. Row U7 of
// the table of faults.

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// tearer serves like the servers of the field, and ends each connection in the
// middle of a reply. What a check asks, which has no data, is answered.
type tearer struct {
	addr   string
	whole  func() int          // replies before that
	cut    func(reply int) int // how much of that reply is sent
	resets func() bool         // whether it ends in RST
	torn   atomic.Int64        // replies
}

// startTearer serves until the test ends; then all its clients must have left.
func startTearer(t *testing.T, r *tearer) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { r.serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
}

func (r *tearer) serve(c *net.TCPConn) {
	defer c.Close()
	in := bufio.NewReader(c)
	var out []byte
	for left := r.whole(); ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		from := len(out)
		out = append(append(out, "ACK"...), line[len("REQ"):]...)
		if bytes.Count(line, []byte(" ")) > 1 {
			left--
		}
		if left < 0 {
			out = out[:from+r.cut(len(out)-from)]
			r.torn.Add(1)
			if r.resets() {
				c.SetLinger(0) // that it fails shows in the transcripts
			}
			c.Write(out) // where the peer is gone nothing is torn
			return
		}
		if in.Buffered() == 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
			out = out[:0]
		}
	}
}

// TestNoLineIsTorn is row U7. The load looks at each byte of each line.
func TestNoLineIsTorn(t *testing.T) { inModes(t, tearLines, ownLinks, muxed, muxedInTurn) }

func tearLines(t *testing.T, m mode) {
	trials := int64(inMode(m, 500, 10_000, 300))
	var tearers []*tearer
	var addrs []string
	for range 3 {
		r := &tearer{
			whole:  func() int { return 1 + rand.IntN(30) },
			cut:    func(reply int) int { return 1 + rand.IntN(reply-1) },
			resets: func() bool { return rand.IntN(2) == 0 },
		}
		startTearer(t, r)
		tearers, addrs = append(tearers, r), append(addrs, r.addr)
	}
	torn := func() (n int64) {
		for _, r := range tearers {
			n += r.torn.Load()
		}
		return n
	}
	p := watchProxy(t, strings.Join(addrs, ","), m.args("-check-interval", fastChecks)...)
	l := proctest.StartLoad(t, m.load(proctest.LoadConfig{Addr: p.Addr, Conns: 16, Depth: 8, Bytes: 64}))
	until(t, "enough replies were torn", func() bool { return torn() >= trials })
	r := l.Stop()
	s := p.servers()
	proctest.Figure(t, m.row("U7"), "3 servers end in the middle of a reply, in FIN or RST",
		fmt.Sprintf("%d torn lines at a client in %d trials; %d of %d requests got a NAK, 0 got nothing", r.Wrong, torn(), s.Naks["upstream lost"], r.Total), "0 in 10,000")
	expectFaultless(t, "the load", r)
	if s.Naks["upstream lost"] == 0 {
		t.Errorf("%v", s.Naks)
	}
}

// TestTheOnlyServersTornLineIsRelayed is row U7 in front of one server: the bytes
// come as they are without a proxy, at every place of the cut.
func TestTheOnlyServersTornLineIsRelayed(t *testing.T) {
	const ask = "REQ 1 one\nREQ 2 two\n"
	const first, second = "ACK 1 one\n", "ACK 2 two\n"
	var cut atomic.Int64
	var resets atomic.Bool
	r := &tearer{
		whole:  func() int { return 1 },
		cut:    func(int) int { return int(cut.Load()) },
		resets: resets.Load,
	}
	startTearer(t, r)
	p := start(t, r.addr)
	alike, cases := 0, 0
	for n := range len(second) {
		for _, hard := range []bool{false, true} {
			cut.Store(int64(n))
			resets.Store(hard)
			direct, through := hear(t, r.addr, ask), hear(t, p.Addr, ask)
			cases++
			if want := first + second[:n]; direct.bytes != want || through.bytes != want || !hard && direct != through {
				t.Errorf("cut at %d, reset %v: direct %q, through the proxy %q", n, hard, direct, through)
				continue
			}
			alike++
		}
	}
	proctest.Figure(t, "U7", "the only server ends in the middle of a reply, at every place, in FIN and RST", fmt.Sprintf("%d of %d times the same bytes as direct", alike, cases), "all")
}

// hear asks and listens to the end; the client ends its side last.
func hear(t *testing.T, addr, ask string) heard {
	t.Helper()
	c := proctest.Dial(t, addr)
	defer c.Close()
	if _, err := c.Write([]byte(ask)); err != nil {
		t.Error(err)
	}
	return listen(c)
}
