// stall_test.go: a client that waits is always waited upon by something that
// will wake it. Each case is a way in which it once was forgotten, or could be.

package proxy

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func strict(c *Config) { c.Strict = true }

func TestNAKsMadeHereFreeThePlacesOfOutstandingRequests(t *testing.T) {
	g := newStage(t, strict, func(c *Config) { c.MaxOutstanding = 4 })
	client, server := g.connect()
	g.says(client, strings.Repeat("bad\n", 10)+"REQ 1 a\n")
	g.hears(client, strings.Repeat("NAK 0 unknown type\n", 10))
	g.hears(server, "REQ 1 a\n")
	g.says(server, "ACK 1 a\n")
	g.hears(client, "ACK 1 a\n")
}

func TestLinesThatWaitedForAnAddressGoToTheNextOne(t *testing.T) {
	first, g := twoServers(t)
	client := g.kernel.Dial(g.addr)
	g.settle()
	// More than a link holds, so that the client is not read any more.
	var script strings.Builder
	for i := range 200 {
		fmt.Fprintf(&script, "REQ %d %s\n", i+1, strings.Repeat("x", 1000))
	}
	sent := client.SendString(script.String())
	g.settle()
	if first.Accept() != nil {
		t.Fatal("the first address was to be dead")
	}
	g.pass(DefaultConnectTimeout)
	server := g.server.Accept()
	got := ""
	for got != script.String() {
		part := string(server.Receive())
		sent += client.SendString(script.String()[sent:])
		g.settle()
		if part == "" && server.Buffered() == 0 {
			t.Fatalf("%d of %d bytes came", len(got), script.Len())
		}
		got += part
	}
}

// twoServers opens a proxy whose server has two addresses, at the first of which
// nobody answers.
func twoServers(t *testing.T, change ...func(*Config)) (first *fake.Server, g *stage) {
	g = &stage{t: t, kernel: fake.New()}
	first, g.server = g.kernel.Listen(anyLoopback), g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
	g.open([]poller.Addr{first.Addr(), g.server.Addr()}, change...)
	return first, g
}

func TestAHalfCloseThatWaitedForAnAddressGoesToTheNextOne(t *testing.T) {
	_, g := twoServers(t)
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "REQ 1 a\nREQ 2")
	client.CloseWrite()
	g.settle()
	g.pass(DefaultConnectTimeout)
	server := g.server.Accept()
	g.hears(server, "REQ 1 a\nREQ 2")
	g.ended(server)
	g.says(server, "ACK 1 a\n")
	server.Close()
	g.settle()
	g.hears(client, "ACK 1 a\n")
	g.ended(client)
}

func TestADrainThatWaitedForAnAddressGoesOnAtTheNextOne(t *testing.T) {
	_, g := twoServers(t)
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "not a request\n")
	g.proxy.beginDrain()
	g.settle()
	g.pass(DefaultConnectTimeout)
	server := g.server.Accept()
	g.hears(server, "not a request\n")
	g.ended(server)
	g.says(server, "NAK 0 unknown type\n")
	server.Close()
	g.settle()
	g.hears(client, "NAK 0 unknown type\n")
	g.ended(client)
}

// starve opens a proxy whose memory others hold for ever, and a client that
// holds its share as well, for as long as its server does not read. It has 80
// requests there.
func starve(t *testing.T) (g *stage, victim, server *fake.Peer) {
	g = newStage(t, func(c *Config) { c.MaxMemory = 100 << 10 })
	victim, server = g.connect()
	for range 4 {
		hog, hogServer := g.connect()
		hog.SetWindow(1)
		g.says(hog, "REQ 1 much\n")
		g.says(hogServer, "ACK 1 "+strings.Repeat("x", 31<<10)+"\n")
	}
	server.SetWindow(1)
	for i := 1; i <= 80; i++ {
		g.says(victim, fmt.Sprintf("REQ %d %s\n", i, strings.Repeat("y", 500)))
	}
	if len(g.proxy.starved) == 0 || !g.proxy.sessions[0].starved {
		t.Fatalf("the victim does not starve; %d of %d bytes are held", g.proxy.held(), g.proxy.config.MaxMemory)
	}
	return g, victim, server
}

func TestAStarvedClientIsReadAgainWhenItHoldsNothing(t *testing.T) {
	g, victim, server := starve(t)
	server.SetWindow(64 << 10)
	for round := 0; len(server.Receive()) > 0 || round < 3; round++ {
		g.pass(shortageRetry)
	}
	for i := 1; i <= 80; i++ {
		g.says(server, fmt.Sprintf("ACK %d\n", i))
	}
	for round := 0; len(server.Receive()) > 0 || round < 3; round++ {
		g.pass(shortageRetry)
	}
	if g.proxy.held() < g.proxy.config.MaxMemory*9/10 {
		t.Fatalf("the hogs hold only %d bytes", g.proxy.held())
	}
	g.says(victim, "REQ 81 z\n")
	g.pass(shortageRetry)
	g.hears(server, "REQ 81 z\n")
}

func TestADrainLooksAtAStarvedClientWhoseServerHasGone(t *testing.T) {
	g, victim, server := starve(t)
	victim.SetWindow(1)
	reply := "ACK 1 " + strings.Repeat("x", 40<<10) + "\n"
	g.says(server, reply)
	server.Reset()
	g.settle()
	g.proxy.beginDrain()
	g.settle()
	victim.SetWindow(64 << 10)
	g.hears(victim, reply)
	g.ended(victim)
}

// A server that never answers one request must not keep the line behind it from
// being read once memory is short.
func TestARequestThatIsNeverAnsweredStarvesNobody(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxMemory = 40 << 10 })
	client, server := g.connect()
	g.says(client, "REQ 1 a\n")
	g.hears(server, "REQ 1 a\n")
	long := "REQ 2 " + strings.Repeat("x", 60<<10) + "\n"
	sent := 0
	for round := 0; sent < len(long) && round < 100; round++ {
		sent += g.pours(client, long[sent:])
		g.pass(shortageRetry)
	}
	got := ""
	for round := 0; got != long && round < 100; round++ {
		got += g.takes(server)
		g.pass(shortageRetry)
	}
	if got != long {
		t.Fatalf("%d of %d bytes came", len(got), len(long))
	}
}

// The first address is out of reach for want of a descriptor, which says nothing
// about it; at the second one nobody listens.
func TestAWantOfDescriptorsIsNoReasonForTheNextAddress(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	g.server = g.kernel.Listen(anyLoopback)
	dead := g.kernel.Listen(anyLoopback)
	dead.Close()
	g.open([]poller.Addr{g.server.Addr(), dead.Addr()})
	g.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EMFILE})
	client := g.kernel.Dial(g.addr)
	g.says(client, "REQ 1 a\n")
	g.pass(2 * shortageRetry)
	server := g.server.Accept()
	if server == nil {
		t.Fatal("the first address was not tried again")
	}
	g.hears(server, "REQ 1 a\n")
}
