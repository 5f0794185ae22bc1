// stage_test.go owns the proxy on the simulated kernel: a test plays clients and
// servers by hand, in one goroutine, and decides what happens next. It is for
// what real sockets leave to chance.

package proxy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/poller"
	"fooproxy/poller/fake"
	"fooproxy/stats"
)

var anyLoopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

type stage struct {
	t      testing.TB
	kernel *fake.Kernel
	sys    *fake.Sys
	proxy  *Proxy
	server *fake.Server
	addr   poller.Addr // of the proxy
	logs   *observer.ObservedLogs
	peak   int // the most that buffers and records held after a turn, in bytes
}

// newStage opens a proxy in front of one server. After the test nothing of it
// may be left.
func newStage(t testing.TB, change ...func(*Config)) *stage {
	t.Helper()
	g := &stage{t: t, kernel: fake.New()}
	g.server = g.kernel.Listen(anyLoopback)
	g.open([]poller.Addr{g.server.Addr()}, change...)
	return g
}

func (g *stage) open(addrs []poller.Addr, change ...func(*Config)) {
	g.t.Helper()
	g.openServers([]Server{{Name: "the server", Addrs: addrs}}, change...)
}

// openServers opens a proxy in front of several servers.
func (g *stage) openServers(servers []Server, change ...func(*Config)) {
	g.t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	config := DefaultConfig()
	config.Log = zap.New(core)
	for _, f := range change {
		f(&config)
	}
	g.sys, g.logs = g.kernel.NewSys(), logs
	p, err := New(g.sys, servers, config)
	if err != nil {
		g.t.Fatal(err)
	}
	g.proxy = p
	if g.addr, err = p.Listen(anyLoopback); err != nil {
		g.t.Fatal(err)
	}
	p.loop.OnTurn(func(now int64) {
		p.endTurn(now)
		g.peak = max(g.peak, p.held())
		if p.records.live < 100 || p.loop.Turns()%16 == 0 {
			g.ok(p.checkInvariants())
		}
	})
	g.t.Cleanup(g.close)
	g.settle()
}

// close ends the loop, and looks whether everything was given back.
func (g *stage) close() {
	p := g.proxy
	p.loop.Shut()
	g.ok(p.checkInvariants())
	if open, held := g.kernel.Open(), p.held(); open != 0 || held != 0 || len(p.sessions) != 0 {
		g.t.Errorf("%d descriptors, %d bytes and %d sessions are left", open, held, len(p.sessions))
	}
}

func (g *stage) ok(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}

// settle lets the loop do all it can at this moment.
func (g *stage) settle() {
	g.t.Helper()
	g.sys.Settle(g.proxy.loop)
	g.ok(g.proxy.checkInvariants())
	g.ok(g.proxy.checkRest())
}

// pass lets time pass while the loop waits, and does what that brings.
func (g *stage) pass(d time.Duration) {
	g.t.Helper()
	for end := g.kernel.Now() + int64(d); g.kernel.Now() < end; {
		g.proxy.loop.Turn(end)
	}
	g.settle()
}

// connect opens a client, and gives its end and the server's.
func (g *stage) connect() (client, server *fake.Peer) {
	g.t.Helper()
	client = g.kernel.Dial(g.addr)
	g.settle()
	if server = g.server.Accept(); server == nil {
		g.t.Fatal("the proxy has not dialled its server")
	}
	g.settle()
	return client, server
}

// says has a peer send a text, all of which must find room.
func (g *stage) says(p *fake.Peer, text string) {
	g.t.Helper()
	if n := p.SendString(text); n != len(text) {
		g.t.Fatalf("only %d of %d bytes could be sent", n, len(text))
	}
	g.settle()
}

// pours has a peer send a text as far as it finds room, piece by piece.
func (g *stage) pours(p *fake.Peer, text string) (sent int) {
	g.t.Helper()
	for sent < len(text) {
		n := p.SendString(text[sent:])
		g.settle()
		if n == 0 {
			break
		}
		sent += n
	}
	return sent
}

// takes receives until nothing comes any more.
func (g *stage) takes(p *fake.Peer) (got string) {
	g.t.Helper()
	for {
		part := string(p.Receive())
		if part == "" {
			return got
		}
		got += part
		g.settle()
	}
}

// hears takes what has arrived and compares it.
func (g *stage) hears(p *fake.Peer, want string) {
	g.t.Helper()
	if got := g.takes(p); got != want {
		g.t.Fatalf("arrived: %s\n   want: %s", brief(got), brief(want))
	}
}

// ended reports whether the peer has got the loop's FIN, and no reset.
func (g *stage) ended(p *fake.Peer) {
	g.t.Helper()
	if !p.Ended() || p.Err() != 0 {
		g.t.Fatalf("ended %v, error %v", p.Ended(), p.Err())
	}
}

// numbers gives the statistics as they are published.
func (g *stage) numbers() numbers {
	s := stats.NewSnapshot()
	g.proxy.stats.Fill(s, g.proxy.loop.Now())
	return parseNumbers(g.t, s)
}

// numbers are the statistics by their names.
type numbers map[string]float64

func parseNumbers(t testing.TB, s *stats.Snapshot) numbers {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(s.AppendJSON(nil), &all); err != nil {
		t.Fatal(err)
	}
	n := numbers{}
	for name, value := range all {
		if v, ok := value.(float64); ok {
			n[name] = v
		}
	}
	return n
}

// expect compares those that a test names. In every mode each request is
// answered, outstanding or abandoned.
func (n numbers) expect(t testing.TB, want numbers) {
	t.Helper()
	for name, value := range want {
		if got, ok := n[name]; !ok || got != value {
			t.Errorf("%s is %v, want %v", name, got, value)
		}
	}
	if n["msg_req"] != n["answered"]+n["outstanding"]+n["abandoned"] {
		t.Errorf("msg_req %v is not answered %v + outstanding %v + abandoned %v", n["msg_req"], n["answered"], n["outstanding"], n["abandoned"])
	}
	if n["msg_total"] != n["msg_req"]+n["msg_ack"]+n["msg_nak"] {
		t.Errorf("msg_total %v is not the sum of its parts", n["msg_total"])
	}
}

// brief shows a text, only the ends of a long one.
func brief(s string) string {
	const most = 400
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q … %q (%d bytes)", s[:most/2], s[len(s)-most/2:], len(s))
}

func addrsOf(s *fake.Server) []poller.Addr { return []poller.Addr{s.Addr()} }
