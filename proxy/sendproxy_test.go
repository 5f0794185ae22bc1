// sendproxy_test.go: the header with which servers are told of a client comes
// before its first byte, once on each connection.

package proxy

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func sends(version int) func(*Config) { return func(c *Config) { c.SendProxy = version } }

// announcement is the header that a server gets for a client.
func (g *stage) announcement(version int, client *fake.Peer) string {
	return string(proxyheader.Append(nil, version, client.Addr(), g.addr.TCP()))
}

func TestAServerHearsOfItsClientFirst(t *testing.T) {
	for version := 1; version <= 2; version++ {
		g := newStage(t, sends(version))
		client, server := g.connect()
		want := g.announcement(version, client)
		g.hears(server, want) // before the client has said anything
		g.says(client, "REQ 1 a\nREQ")
		g.hears(server, "REQ 1 a\n")
		g.says(server, "ACK 1 a\n")
		g.hears(client, "ACK 1 a\n")
		g.says(client, " 2\n")
		client.CloseWrite()
		g.settle()
		g.hears(server, "REQ 2\n")
		g.ended(server)
		g.numbers().expect(t, numbers{"bytes_in": float64(len("REQ 1 a\nREQ 2\n"))})
	}
}

// TestTheHeaderComesOnceToWhoeverAccepts has the first address refuse after lines
// wait for it already.
func TestTheHeaderComesOnceToWhoeverAccepts(t *testing.T) {
	for version := 1; version <= 2; version++ {
		g := &stage{t: t, kernel: fake.New()}
		dead := g.kernel.Listen(anyLoopback)
		g.server = g.kernel.Listen(anyLoopback)
		g.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
		g.open([]poller.Addr{dead.Addr(), g.server.Addr()}, sends(version))
		client := g.kernel.Dial(g.addr)
		g.settle()
		g.says(client, "REQ 1 a\nREQ 2 b\n")
		g.pass(2 * DefaultConnectTimeout)
		server := g.server.Accept()
		if server == nil {
			t.Fatal("the second address is not tried")
		}
		g.settle()
		g.hears(server, g.announcement(version, client)+"REQ 1 a\nREQ 2 b\n")
		g.says(server, "ACK 1 a\nACK 2 b\n")
		g.hears(client, "ACK 1 a\nACK 2 b\n")
	}
}

// TestTheLongestLineFollowsAHeader has both wait for the server to accept: together
// they are more output than may wait.
func TestTheLongestLineFollowsAHeader(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	g.server = g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Delay: DefaultConnectTimeout / 2})
	g.open([]poller.Addr{g.server.Addr()}, sends(1))
	client := g.kernel.Dial(g.addr)
	g.settle()
	long := line("REQ 1 ", longest)
	sent := g.pours(client, long)
	g.pass(DefaultConnectTimeout)
	server := g.server.Accept()
	got := g.takes(server)
	for sent < len(long) {
		n := g.pours(client, long[sent:])
		more := g.takes(server)
		if n == 0 && more == "" {
			t.Fatal("nothing moves any more")
		}
		sent, got = sent+n, got+more
	}
	if got += g.takes(server); got != g.announcement(1, client)+long {
		t.Errorf("arrived: %s", brief(got))
	}
}

func TestTheHeaderTellsWhomAHeaderNamed(t *testing.T) {
	g := newStage(t, sends(1), trusts(t, "127.0.0.1"))
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, namesClient+"REQ 1\n")
	server := g.server.Accept()
	g.settle()
	want := proxyheader.Append(nil, 1, netip.MustParseAddrPort(namedClient), g.addr.TCP())
	g.hears(server, string(want)+"REQ 1\n")
}

func TestOfAClientWithoutAnAddressNothingIsTold(t *testing.T) {
	for version, want := range map[int]string{1: "PROXY UNKNOWN\r\n", 2: "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"} {
		g := newStage(t, sends(version))
		at, err := g.proxy.Listen(poller.UnixAddr("/a/socket"))
		if err != nil {
			t.Fatal(err)
		}
		g.kernel.Dial(at)
		g.settle()
		g.hears(g.server.Accept(), want)

		// One whose header came over a unix socket has an address, but has not
		// connected to any.
		s := g.proxy.sessions[0]
		for client, to := range map[string]string{namedClient: "0.0.0.0:0", "[2001:db8::1]:1": "[::]:0"} {
			var out kept
			s.peer = poller.PeerOf(netip.MustParseAddrPort(client))
			begin := s.announce(&out)
			want := string(proxyheader.Append(nil, version, s.peer.AddrPort(), netip.MustParseAddrPort(to)))
			if string(out) != want || begin != uint64(len(want)) {
				t.Errorf("announced %q, want %q", out, want)
			}
		}
		s.peer = poller.Peer{}
	}
}

// kept is an outlet that keeps everything.
type kept []byte

func (k *kept) Append(p []byte) { *k = append(*k, p...) }
func (*kept) Fits(int) bool     { return true }
func (*kept) Room() int         { return 1 << 20 }
func (*kept) WantRoom(int)      {}

// TestAClientThatLeavesDuringTheDial: its header may still be delivered, and nothing
// is left behind.
func TestAClientThatLeavesDuringTheDial(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	g.server = g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
	g.open([]poller.Addr{g.server.Addr()}, sends(1))
	client := g.kernel.Dial(g.addr)
	g.settle()
	client.Close()
	g.settle()
	g.pass(2*DefaultConnectTimeout + time.Millisecond)
	if n := len(g.proxy.sessions); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestChecksTellThatTheyHaveNoClient(t *testing.T) {
	for version, want := range []string{"", "PROXY UNKNOWN\r\n", "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"} {
		if got := string(appendProxyLocal([]byte("x"), version)); got != "x"+want {
			t.Errorf("version %d: %q", version, got)
		}
	}
}

func TestWithoutTheOptionNothingIsAnnounced(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1\n")
	if got := g.takes(server); strings.Contains(got, "PROXY") || got != "REQ 1\n" {
		t.Errorf("the server gets %q", got)
	}
}
