// perip_test.go: how many connections one address may have.

package proxy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// fromIP has a client of the given address connect.
func (g *stage) fromIP(ip string, port uint16) *fake.Peer {
	p := g.kernel.DialFrom(netip.AddrPortFrom(netip.MustParseAddr(ip), port), g.addr)
	g.settle()
	return p
}

func perIPIs(n int) func(*Config) { return func(c *Config) { c.MaxConnsPerIP = n } }

func TestOneConnectionTooManyIsClosedAtOnce(t *testing.T) {
	g := newStage(t, perIPIs(2))
	first, second, other := g.fromIP("10.0.0.1", 1001), g.fromIP("10.0.0.1", 1002), g.fromIP("10.0.0.2", 1001)
	servers := []*fake.Peer{g.server.Accept(), g.server.Accept(), g.server.Accept()}
	g.settle()
	third := g.kernel.DialFrom(netip.MustParseAddrPort("10.0.0.1:1003"), g.addr)
	if n := third.SendString("REQ 1 x\n"); n == 0 {
		t.Fatal("nothing was sent")
	}
	g.proxy.loop.Turn(g.kernel.Now()) // one turn
	g.ended(third)
	g.settle()
	g.hears(third, "")
	if g.server.Waiting() != 0 {
		t.Error("its server is dialled")
	}
	g.refused(1, 0)
	for i, p := range []*fake.Peer{first, second, other} { // they do not notice
		g.says(p, "REQ 1\n")
		g.hears(servers[i], "REQ 1\n")
		g.says(servers[i], "ACK 1\n")
		g.hears(p, "ACK 1\n")
	}
	first.Close()
	servers[0].Close() // only now both sides have ended
	g.settle()
	fourth := g.fromIP("10.0.0.1", 1004)
	g.says(fourth, "REQ 1\n")
	g.hears(g.server.Accept(), "REQ 1\n")
	g.numbers().expect(t, numbers{"connections": 3, "refused_per_ip": 1})
}

// TestWhoIsTurnedAwayGetsNoReset: neither what it has sent nor what it sends on
// makes one, and its descriptor is free at once.
func TestWhoIsTurnedAwayGetsNoReset(t *testing.T) {
	g := newStage(t, perIPIs(1))
	g.fromIP("10.0.0.1", 1001)
	g.settle()
	open := g.kernel.Open()
	for port := uint16(2000); port < 2010; port++ {
		p := g.kernel.DialFrom(netip.AddrPortFrom(netip.MustParseAddr("10.0.0.1"), port), g.addr)
		p.SendString("REQ 1 x\n")
		g.settle()
		g.ended(p)
		g.pass(2 * turnAwayLinger)
		g.ended(p)
		if n := g.kernel.Open(); n != open {
			t.Fatalf("%d descriptors are open, %d before", n, open)
		}
	}
	g.refused(10, 0)
}

func TestTheAddressOfTheHeaderCounts(t *testing.T) {
	g := newStage(t, perIPIs(1), trusts(t, "10.0.0.1"))
	one, two := g.fromIP("10.0.0.1", 1001), g.fromIP("10.0.0.1", 1002)
	g.says(one, "PROXY TCP4 192.0.2.1 198.51.100.1 1 443\r\n")
	g.says(two, "PROXY TCP4 192.0.2.2 198.51.100.1 1 443\r\n")
	again := g.fromIP("10.0.0.1", 1003)
	g.says(again, "PROXY TCP4 192.0.2.1 198.51.100.1 2 443\r\nREQ 1\n")
	g.ended(again)
	g.hears(again, "")
	g.numbers().expect(t, numbers{"connections": 2, "refused_per_ip": 1, "refused_header": 0})
	one.Close()
	g.server.Accept().Close()
	again.Close()
	g.settle()
	later := g.fromIP("10.0.0.1", 1004)
	g.says(later, "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 3 443\r\nREQ 1\n") // the same address
	g.numbers().expect(t, numbers{"connections": 2, "refused_per_ip": 1})
	direct := g.fromIP("192.0.2.2", 7) // trusted by nobody, but with that address
	g.ended(direct)
	g.refused(2, 0)
}

func TestClientsOfUnixSocketsAreNotCounted(t *testing.T) {
	counts := perIP{most: 1}
	for range 3 {
		if counts.isFull(poller.Peer{}) {
			t.Error("a client without an address is one too many")
		}
		counts.enter(poller.Peer{})
	}
	counts.leave(poller.Peer{})
	if len(counts.counts) != 0 {
		t.Errorf("%d addresses are counted", len(counts.counts))
	}
}

func TestRefusalsOfAnAddressAreLoggedOnceASecond(t *testing.T) {
	g := newStage(t, perIPIs(1))
	g.fromIP("10.0.0.1", 1)
	for port := uint16(2); port < 10; port++ {
		g.fromIP("10.0.0.1", port)
	}
	g.pass(complaintInterval)
	g.fromIP("10.0.0.1", 11)
	logs := g.logs.FilterMessageSnippet("too many connections").All()
	if len(logs) != 2 {
		t.Fatalf("logged %d times", len(logs))
	}
	first, second := logs[0].ContextMap(), logs[1].ContextMap()
	if first["client"] != "10.0.0.1:2" || first["connections_max"] != int64(1) || first["refused"] != int64(1) || second["refused"] != int64(8) {
		t.Errorf("%v, %v", first, second)
	}
}

// TestCountsOfAddresses compares them with a plain list over a long walk.
func TestCountsOfAddresses(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	counts := perIP{most: 3}
	var there []poller.Peer
	now := int64(0)
	for range 20_000 {
		now += int64(time.Millisecond)
		if len(there) > 0 && random.IntN(2) == 0 {
			i := random.IntN(len(there))
			counts.leave(there[i])
			there = slices.Delete(there, i, i+1)
			continue
		}
		addr := netip.AddrFrom4([4]byte{10, 0, 0, byte(random.IntN(5))})
		p := poller.PeerOf(netip.AddrPortFrom(addr, uint16(random.IntN(1000))))
		same := 0
		for _, x := range there {
			if x.AddrPort().Addr() == addr {
				same++
			}
		}
		if got := counts.isFull(p); got != (same >= 3) {
			t.Fatalf("%d of %v are there, full is %v", same, addr, got)
		}
		if same >= 3 {
			counts.tellRefused(p, now, zap.NewNop())
			continue
		}
		counts.enter(p)
		there = append(there, p)
	}
	for _, p := range there {
		counts.leave(p)
	}
	if len(counts.counts) != 0 {
		t.Errorf("%d entries are left", len(counts.counts))
	}
}
