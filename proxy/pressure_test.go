// pressure_test.go: what a client may cost that does not read, or whose server
// does not, and that nobody waits longer than that takes.

package proxy

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"fooproxy/poller/fake"
)

// costMax is what a client may cost that sends for ever and never reads, its
// records included, in bytes.
const costMax = 192 << 10

// hog is a client that sends for ever and never reads, and a server that answers
// it in pieces of any size.
type hog struct {
	g              *stage
	client, server *fake.Peer
	random         *rand.Rand
	lineBytes      int // 0: any
	seq            int
	asks, replies  string
}

// step has one of the two sides go on a little, or both. It reports whether
// anything moved.
func (h *hog) step() bool {
	if h.asks == "" {
		for range 20 {
			h.seq++
			n := h.lineBytes
			if n == 0 {
				most := []int{20, 100, 1000, 10_000, longest}
				n = 20 + h.random.IntN(most[h.random.IntN(len(most))]-19)
			}
			h.asks += line(fmt.Sprintf("REQ %d ", h.seq), n)
		}
	}
	sent := h.client.SendString(h.asks[:min(len(h.asks), 1+h.random.IntN(20_000))])
	h.asks = h.asks[sent:]
	h.g.settle()
	if h.random.IntN(3) > 0 {
		h.replies += strings.ReplaceAll(string(h.server.ReceiveSome(1+h.random.IntN(70_000))), "REQ", "ACK")
	}
	answered := h.server.SendString(h.replies[:min(len(h.replies), 1+h.random.IntN(70_000))])
	h.replies = h.replies[answered:]
	h.g.settle()
	if h.random.IntN(30) == 0 { // the kernel takes a little more
		h.client.SetWindow(100_000)
		h.client.ReceiveSome(h.random.IntN(60_000))
		h.client.SetWindow(1)
	}
	return sent+answered > 0
}

func TestAClientThatNeverReadsCostsLittle(t *testing.T) {
	for i, lineBytes := range []int{20, 50, 100, 500, 2000, 8000, 20_000, 30_000, 33_000, 40_000, longest, 0, 0, 0, 0} {
		t.Run(fmt.Sprintf("%d %d", i, lineBytes), func(t *testing.T) {
			g := newStage(t)
			client, server := g.connect()
			client.SetWindow(1)
			h := &hog{g: g, client: client, server: server, random: rand.New(rand.NewPCG(uint64(i), 0)), lineBytes: lineBytes}
			for idle := 0; idle < 10 && h.seq < 3000; idle++ {
				if h.step() {
					idle = 0
				}
				if i > 0 && h.random.IntN(100) == 0 {
					break
				}
			}
			if g.peak > costMax {
				t.Errorf("%d KiB were held", g.peak>>10)
			}
		})
	}
}

// TestRecordsAreGivenBackAfterARush looks at them some time later.
func TestRecordsAreGivenBackAfterARush(t *testing.T) {
	g := newStage(t)
	var servers []*fake.Peer
	asks := strings.Repeat("REQ 1\n", DefaultMaxOutstanding)
	for range 4 {
		client, server := g.connect()
		g.says(client, asks)
		servers = append(servers, server)
	}
	for _, server := range servers {
		g.says(server, strings.ReplaceAll(g.takes(server), "REQ", "ACK"))
	}
	g.pass(trimInterval)
	kept := 0
	for _, c := range g.proxy.records.chunks {
		if c != nil {
			kept++
		}
	}
	if kept > spareChunks+1 {
		t.Errorf("%d chunks are kept", kept)
	}
}

// TestLittleIsReadOfWhatMayNotGoOn has the client's output full and all its
// requests outstanding: what was read of its next ones is kept.
func TestLittleIsReadOfWhatMayNotGoOn(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	client.SetWindow(1)
	ask := line("REQ 1 ", 30)
	g.says(client, strings.Repeat(ask, DefaultMaxOutstanding))
	g.hears(server, strings.Repeat(ask, DefaultMaxOutstanding))
	g.pours(server, strings.Repeat(line("ACK 1 ", 90), DefaultMaxOutstanding))
	server.SetWindow(1)
	g.pours(client, strings.Repeat(ask, 4000))
	if n := g.proxy.sessions[0].requests.count; n != DefaultMaxOutstanding {
		t.Fatalf("%d requests are outstanding", n)
	}
	if g.peak > costMax {
		t.Errorf("%d KiB were held", g.peak>>10)
	}
}

func TestAClientWithAllRequestsOutstandingIsNotRead(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	var asked strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&asked, "REQ %d\n", i+1)
	}
	sent := g.pours(client, asked.String())
	arrived := g.takes(server)
	if n := strings.Count(arrived, "\n"); n != DefaultMaxOutstanding {
		t.Fatalf("%d requests were forwarded", n)
	}
	g.hears(client, "")
	g.numbers().expect(t, numbers{"outstanding": DefaultMaxOutstanding, "naks_local": 0})
	// One reply makes room for one request, and at last all are answered.
	g.says(server, "ACK 1\n")
	g.hears(server, "REQ 1025\n")
	g.hears(client, "ACK 1\n")
	arrived = strings.TrimPrefix(arrived, "REQ 1\n") + "REQ 1025\n"
	answered := 1
	for arrived != "" {
		answered += strings.Count(arrived, "\n")
		g.pours(server, strings.ReplaceAll(arrived, "REQ", "ACK"))
		g.hears(client, strings.ReplaceAll(arrived, "REQ", "ACK"))
		sent += g.pours(client, asked.String()[sent:])
		arrived = g.takes(server)
	}
	if sent != asked.Len() || answered != 5000 {
		t.Errorf("%d requests were answered, %d of %d bytes were sent", answered, sent, asked.Len())
	}
	g.numbers().expect(t, numbers{"outstanding": 0, "msg_req": 5000, "msg_nak": 0})
}

func TestAServerThatDoesNotReadStopsTheClient(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	server.SetWindow(1)
	var asked strings.Builder
	for i := range 500 {
		asked.WriteString(line(fmt.Sprintf("REQ %d ", i+1), 1000))
	}
	sent := g.pours(client, asked.String())
	if held := g.proxy.held(); sent == asked.Len() || held > costMax {
		t.Fatalf("%d of %d bytes were taken, %d are held", sent, asked.Len(), held)
	}
	server.SetWindow(64 << 10)
	arrived := ""
	for more := " "; more != ""; {
		sent += g.pours(client, asked.String()[sent:])
		more = g.takes(server)
		arrived += more
	}
	if arrived != asked.String() {
		t.Errorf("arrived: %s", brief(arrived))
	}
}

// TestWithoutMemoryWhoHoldsNothingIsServed has hogs fill the memory. A newcomer
// is served beside them, and they go on when they read.
func TestWithoutMemoryWhoHoldsNothingIsServed(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxMemory = 300 << 10 })
	type pair struct {
		client, server *fake.Peer
		rest           string // of what the client wants to send
	}
	var hogs []*pair
	want := ""
	for i := range 200 {
		want += line(fmt.Sprintf("ACK %d ", i+1), 1000)
	}
	for range 8 {
		client, server := g.connect()
		client.SetWindow(1)
		for i := range 200 {
			g.says(client, fmt.Sprintf("REQ %d\n", i+1))
		}
		g.pours(server, want)
		server.SetWindow(1)
		asks := strings.Repeat(line("REQ 1 ", 1000), 300)
		hogs = append(hogs, &pair{client, server, asks[g.pours(client, asks):]})
	}
	if len(g.proxy.starved) == 0 {
		t.Fatalf("nobody starves with %d bytes held", g.proxy.held())
	}
	if g.peak > g.proxy.config.MaxMemory+8*(64<<10) { // each may hold a reply more
		t.Errorf("%d bytes were held", g.peak)
	}
	client, server := g.connect()
	for i := range 50 {
		ask := fmt.Sprintf("REQ %d x\n", i+1)
		g.says(client, ask)
		g.hears(server, ask)
		g.says(server, ask)
		g.hears(client, ask)
	}
	for _, h := range hogs {
		h.client.SetWindow(64 << 10)
		h.server.SetWindow(64 << 10)
	}
	for range 20 {
		for _, h := range hogs {
			g.takes(h.client)
			g.takes(h.server)
			g.pours(h.server, strings.Repeat("ACK 1\n", 100))
			h.rest = h.rest[g.pours(h.client, h.rest):]
		}
	}
	if len(g.proxy.starved) != 0 {
		t.Errorf("%d starve with %d bytes held", len(g.proxy.starved), g.proxy.held())
	}
	for _, h := range hogs {
		if h.rest != "" {
			t.Errorf("%d bytes could not be sent", len(h.rest))
		}
		g.says(h.client, "bye\n")
		g.hears(h.server, "bye\n")
	}
}

// TestRepliesThatNobodyTakesDoNotFillTheMemory has many clients ask for much
// more than there is memory for, and take it only when all of them have asked.
func TestRepliesThatNobodyTakesDoNotFillTheMemory(t *testing.T) {
	const clients, requests = 60, 100
	g := newStage(t, func(c *Config) { c.MaxMemory = 512 << 10 })
	replies := strings.Repeat(line("ACK 1 ", 1000), requests)
	type pair struct {
		client, server *fake.Peer
		rest, got      string // of the replies: still to be sent, received
	}
	var all []*pair
	for range clients {
		client, server := g.connect()
		client.SetWindow(1)
		g.says(client, strings.Repeat("REQ 1\n", requests))
		all = append(all, &pair{client: client, server: server, rest: replies})
	}
	for _, p := range all {
		p.rest = p.rest[g.pours(p.server, p.rest):]
	}
	if g.peak > 2*g.proxy.config.MaxMemory {
		t.Errorf("%d KiB were held", g.peak>>10)
	}
	for _, p := range all {
		p.client.SetWindow(64 << 10)
	}
	for range 5 {
		for _, p := range all {
			p.got += g.takes(p.client)
			p.rest = p.rest[g.pours(p.server, p.rest):]
		}
	}
	for i, p := range all {
		if p.got != replies {
			t.Errorf("client %d got %s", i, brief(p.got))
		}
	}
}

func TestStarves(t *testing.T) {
	cases := []struct {
		held, limit, sessions, own int
		want                       bool
	}{
		{99, 100, 4, 50, false},  // there is memory
		{100, 100, 4, 50, false}, // the limit itself is allowed
		{101, 100, 4, 50, true},
		{400, 100, 4, 25, true},  // exactly the share of what may be held
		{400, 100, 4, 24, false}, // less than that
		{400, 100, 4, 0, false},  // who holds nothing is always read
		{3, 2, 1000, 0, false},   // also where the share is nothing
		{3, 2, 1000, 1, true},
		{200, 100, 0, 200, true},
	}
	for _, c := range cases {
		if got := starves(c.held, c.limit, c.sessions, c.own); got != c.want {
			t.Errorf("held %d of %d by %d sessions, own %d: %v", c.held, c.limit, c.sessions, c.own, got)
		}
	}
}

// TestTheKernelHoldsLittleForAClientThatNeverReads is the same on real sockets,
// where the kernel would take megabytes.
func TestTheKernelHoldsLittleForAClientThatNeverReads(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs())
	c := dial(t, l.addr)
	asks := strings.Repeat(line("REQ 1 ", 100), 1000)
	sent, deadline := 0, time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if err := c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := c.Write([]byte(asks[sent%100:]))
		if sent += n; err != nil {
			break // nothing moves any more
		}
	}
	if peak := l.peak.Load(); peak > costMax {
		t.Errorf("the proxy held %d KiB", peak>>10)
	}
	if unsent := notSent(t, c.LocalAddr()); unsent > 64<<10 {
		t.Errorf("the kernel holds %d KiB that were not sent", unsent>>10)
	}
	// Another client does not notice.
	other := dial(t, l.addr)
	for i := range 100 {
		send(t, other, fmt.Sprintf("REQ %d x\n", i+1))
		receive(t, other, fmt.Sprintf("ACK %d x\n", i+1))
	}
}

// notSent is how much the kernel holds on this process's socket whose peer is
// the given address, without having sent it.
func notSent(t *testing.T, peer net.Addr) int {
	t.Helper()
	const siocoutqnsd = 0x894b // SIOCOUTQNSD
	for fd := 3; fd < 1000; fd++ {
		sa, err := syscall.Getpeername(fd)
		if err != nil {
			continue
		}
		if v4, ok := sa.(*syscall.SockaddrInet4); ok && v4.Port == peer.(*net.TCPAddr).Port {
			var n int32
			if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(fd), siocoutqnsd, uintptr(unsafe.Pointer(&n))); e != 0 {
				t.Fatal(e)
			}
			return int(n)
		}
	}
	t.Fatal("the proxy's socket is not there")
	return 0
}
