// door_test.go: clients whose connection begins with a PROXY header, and those that
// are refused for want of one, on the simulated kernel.

package proxy

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
	"fooproxy/poller/fake"
	"fooproxy/proxy/reqlog"
)

const (
	namesClient = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
	namedClient = "192.0.2.1:56324"
)

// trusts has a proxy expect headers from these networks.
func trusts(t testing.TB, list string) func(*Config) {
	t.Helper()
	trusted, err := proxyheader.ParseTrusted(list)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *Config) { c.AcceptProxy = trusted }
}

// checkDoor holds the counts of addresses against the clients that are there.
func (p *Proxy) checkDoor() error {
	if p.config.MaxConnsPerIP == 0 {
		if n := len(p.door.perIP.counts); n > 0 {
			return fmt.Errorf("%d addresses are counted for nothing", n)
		}
		return nil
	}
	there := map[[16]byte]int32{}
	for _, s := range p.sessions {
		if s.state != sessionOver && s.peer != (poller.Peer{}) {
			there[s.peer.AddrPort().Addr().As16()]++
		}
	}
	if len(there) != len(p.door.perIP.counts) {
		return fmt.Errorf("%d addresses are counted, %d are there", len(p.door.perIP.counts), len(there))
	}
	for a, n := range there {
		if got := p.door.perIP.counts[a]; got != n || int(n) > p.config.MaxConnsPerIP {
			return fmt.Errorf("%d clients of %v are counted, %d are there, %d may be", got, netip.AddrFrom16(a), n, p.config.MaxConnsPerIP)
		}
	}
	return nil
}

// refusedFor counts clients that were closed by each kind of rule.
func (g *stage) refused(perIP, header float64) {
	g.t.Helper()
	g.numbers().expect(g.t, numbers{"refused_per_ip": perIP, "refused_header": header})
}

func TestWhoTheHeaderNamesIsTheClientHoweverItIsCut(t *testing.T) {
	from, to := netip.MustParseAddrPort(namedClient), netip.MustParseAddrPort("198.51.100.1:443")
	for version := 1; version <= 2; version++ {
		stream := string(proxyheader.Append(nil, version, from, to)) + "REQ 1 a\nREQ 2 b\nREQ 3"
		for cut := range len(stream) + 1 {
			g := newStage(t, trusts(t, "127.0.0.0/8"))
			client := g.kernel.Dial(g.addr)
			g.settle()
			if g.server.Waiting() != 0 {
				t.Fatal("the server is dialled before the header is there")
			}
			g.says(client, stream[:cut])
			g.says(client, stream[cut:]+" c\n")
			server := g.server.Accept()
			if server == nil {
				t.Fatal("the server is not dialled")
			}
			g.settle()
			g.hears(server, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
			if s := g.proxy.sessions[0]; s.peer.String() != namedClient {
				t.Fatalf("cut at %d: the client is %v", cut, s.peer)
			}
			g.says(server, "ACK 1 a\nACK 2 b\nACK 3 c\n")
			g.hears(client, "ACK 1 a\nACK 2 b\nACK 3 c\n")
			g.numbers().expect(t, numbers{"connections": 1, "msg_req": 3, "answered": 3, "lines_invalid": 0, "refused_header": 0})
		}
	}
}

func TestALocalHeaderKeepsWhoHasConnected(t *testing.T) {
	for version := 1; version <= 2; version++ {
		g := newStage(t, trusts(t, "127.0.0.1"))
		client := g.kernel.Dial(g.addr)
		g.settle()
		g.says(client, string(proxyheader.AppendLocal(nil, version))+"REQ 1\n")
		if got, want := g.proxy.sessions[0].peer, poller.PeerOf(client.Addr()); got != want {
			t.Errorf("version %d: the client is %v, want %v", version, got, want)
		}
		g.hears(g.server.Accept(), "REQ 1\n")
	}
}

func TestFromOthersAHeaderIsForwarded(t *testing.T) {
	g := newStage(t, trusts(t, "10.0.0.0/8"))
	client, server := g.connect()
	g.says(client, namesClient+"REQ 1\n")
	g.hears(server, namesClient+"REQ 1\n")
	if s := g.proxy.sessions[0]; s.peer != poller.PeerOf(client.Addr()) {
		t.Errorf("the client is %v", s.peer)
	}
	g.numbers().expect(t, numbers{"lines_invalid": 1, "msg_req": 1})
}

func TestWithoutItsHeaderAClientReachesNoServer(t *testing.T) {
	for _, first := range []string{"REQ 1 a\n", "PROXY TCP4 x\r\nREQ 1 a\n", "PROXY " + strings.Repeat("x", 101), "\r\n\r\n\x00\r\nQUIT\n\x21\x11\xff\xff"} {
		g := newStage(t, trusts(t, "127.0.0.1"))
		client := g.kernel.Dial(g.addr)
		g.settle()
		g.says(client, first)
		g.ended(client)
		g.hears(client, "")
		if g.server.Waiting() != 0 {
			t.Error("the server is dialled")
		}
		g.numbers().expect(t, numbers{"refused_header": 1, "connections": 0, "msg_req": 0, "bytes_in": 0})
		client.Close()
		g.settle()
		if n := g.logs.FilterMessageSnippet("PROXY header").Len(); n != 1 {
			t.Errorf("it was logged %d times", n)
		}
	}
}

// TestWhoWaitsForItsHeaderHoldsAPlace: the next client is accepted when the time of
// the first one is over.
func TestWhoWaitsForItsHeaderHoldsAPlace(t *testing.T) {
	g := newStage(t, trusts(t, "127.0.0.1"), func(c *Config) { c.MaxConns = 1 })
	silent, next := g.kernel.Dial(g.addr), g.kernel.Dial(g.addr)
	g.settle()
	g.says(next, namesClient+"REQ 1\n")
	if g.server.Waiting() != 0 {
		t.Fatal("the second client has a place")
	}
	g.pass(4 * time.Second)
	if silent.Ended() {
		t.Fatal("closed too early")
	}
	g.pass(2 * time.Second)
	g.ended(silent)
	g.refused(0, 1)
	silent.Close()
	g.settle()
	g.hears(g.server.Accept(), "REQ 1\n")
	third := g.kernel.Dial(g.addr)
	g.settle()
	next.Close()
	g.settle()
	g.pass(time.Second)
	g.says(third, namesClient+"REQ 1\n")
	if n := len(g.proxy.sessions); n != 1 || g.proxy.sessions[0].peer.String() != namedClient {
		t.Errorf("%d sessions", n)
	}
}

func TestALineBehindTheHeaderWaitsForADescriptor(t *testing.T) {
	g := newStage(t, trusts(t, "127.0.0.1"))
	client := g.kernel.Dial(g.addr)
	g.settle()
	limit := g.kernel.Limit
	g.kernel.Limit = 1 // none for the server
	g.says(client, namesClient+"REQ 1\nREQ 2")
	g.kernel.Limit = limit
	g.pass(time.Second)
	server := g.server.Accept()
	g.settle()
	g.says(client, " x\n")
	g.hears(server, "REQ 1\nREQ 2 x\n")
}

func TestAHeaderInFrontOfADeadServer(t *testing.T) {
	g := newStage(t, trusts(t, "127.0.0.1"))
	g.server.Close()
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, namesClient+"REQ 1\n")
	g.pass(time.Second)
	g.ended(client)
	client.Close()
	g.settle()
}

func TestADrainAnswersWhatCameBehindAHeader(t *testing.T) {
	g := newStage(t, trusts(t, "127.0.0.1"))
	silent, asks := g.kernel.Dial(g.addr), g.kernel.Dial(g.addr)
	g.settle()
	if n := asks.SendString(namesClient + "REQ 1\n"); n == 0 {
		t.Fatal("nothing was sent")
	}
	g.proxy.Drain()
	g.settle()
	g.ended(silent)
	server := g.server.Accept()
	g.settle()
	g.hears(server, "REQ 1\n")
	g.says(server, "ACK 1\n")
	g.hears(asks, "ACK 1\n")
	g.ended(asks)
	g.refused(0, 0)
	for _, p := range []*fake.Peer{silent, asks, server} {
		p.Close()
	}
	g.settle()
	if !g.proxy.loop.Stopped() {
		t.Error("the drain does not end")
	}
}

func TestTheRequestLogNamesWhomTheHeaderNames(t *testing.T) {
	g, lines := loggedStage(t, 0, trusts(t, "127.0.0.1"))
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, namesClient+"REQ 1\n")
	server := g.server.Accept()
	g.settle()
	if got := g.proxy.logged[0].peers.Client; got != reqlog.IPEndpoint(netip.MustParseAddrPort(namedClient)) {
		t.Errorf("the log's client is %v", got)
	}
	g.says(server, "ACK 1\n")
	g.hears(client, "ACK 1\n")
	client.Close()
	g.settle()
	server.Close()
	g.settle()
	if n := len(lines()); n != 3 {
		t.Errorf("%d lines", n)
	}
}
