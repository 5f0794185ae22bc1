package proxy

// What happens when memory or descriptors run short: sessions wait, and go on.

import (
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// longLine is longer than the half of it that its client sends first.
var longLine = "REQ 1 " + strings.Repeat("x", 30_000) + "\n"

// halfLines opens clients that have each sent the first part of a long line.
func halfLines(g *stage, n int) (clients, servers []*fake.Peer) {
	for range n {
		c, s := g.connect()
		clients, servers = append(clients, c), append(servers, s)
	}
	for _, c := range clients {
		g.says(c, longLine[:20_000])
	}
	return clients, servers
}

func TestUnfinishedLinesThatFillTheMemoryAreFinishedOneByOne(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxMemory = 64 << 10 })
	clients, servers := halfLines(g, 4)
	for _, c := range clients {
		g.pours(c, longLine[20_000:])
	}
	for range 100 {
		g.pass(shortageRetry)
	}
	for i, s := range servers {
		if got := g.takes(s); got != longLine {
			t.Errorf("server %d has %d bytes of %d", i, len(got), len(longLine))
		}
	}
}

func TestAClientThatDoesNotFinishItsLineGivesPlace(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxMemory = 64 << 10 })
	clients, servers := halfLines(g, 4)
	g.pours(clients[0], "x") // now it is the favoured one, and says no more
	g.pours(clients[3], longLine[20_000:])
	g.pass(favourTime + 2*shortageRetry)
	g.hears(servers[3], longLine)
}

func TestAStarvedClientIsReadAgainBelowTheLimit(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxMemory = 100 << 10 })
	clients, servers := halfLines(g, 4)
	clients[1].Reset()
	g.settle()
	if held := g.proxy.held(); held > g.proxy.config.MaxMemory || float64(held) < float64(g.proxy.config.MaxMemory)*memoryResume {
		t.Fatalf("%d bytes are held: neither above the limit nor well below it", held)
	}
	g.pours(clients[0], longLine[20_000:])
	g.pass(shortageRetry)
	g.hears(servers[0], longLine)
}

func TestAClientWaitsForADescriptorForItsServer(t *testing.T) {
	g := newStage(t)
	g.connect()
	descriptors := g.kernel.Limit
	g.kernel.Limit = g.kernel.Open() + 3 + 1 // the standard streams; one for the client, none for its link
	waiting := g.kernel.Dial(g.addr)
	g.settle()
	waiting.SendString("REQ 1 a\n")
	g.pass(3 * complaintInterval)
	if waiting.Ended() {
		t.Fatal("the client was closed")
	}
	warnings := 0
	for _, e := range g.logs.All() {
		if strings.Contains(e.Message, "reachable") {
			t.Errorf("the server is blamed: %q", e.Message)
		}
		if strings.Contains(e.Message, "want of resources") {
			warnings++
		}
	}
	if warnings < 1 || warnings > 4 {
		t.Errorf("%d warnings in 3 s", warnings)
	}
	g.kernel.Limit = descriptors
	g.pass(2 * shortageRetry)
	g.hears(g.server.Accept(), "REQ 1 a\n")
}

// TestWhoWaitsForADescriptorMayGo looks at clients that leave, and at a drain that
// loses its patience, while they wait.
func TestWhoWaitsForADescriptorMayGo(t *testing.T) {
	for name, end := range map[string]func(*stage, *fake.Peer){
		"client resets": func(g *stage, client *fake.Peer) { client.Reset(); g.settle() },
		"drain is over": func(g *stage, client *fake.Peer) {
			g.proxy.Drain()
			g.settle()
			g.kernel.Limit = 0 // the other client leaves meanwhile, and its places with it
			g.pass(DefaultDrain * 95 / 100)
			g.ended(client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newStage(t)
			g.connect()
			limit := g.kernel.Limit
			g.kernel.Limit = g.kernel.Open() + 3 + 1
			client := g.kernel.Dial(g.addr)
			g.settle()
			if len(g.proxy.waiting) != 1 {
				t.Fatal("nobody waits")
			}
			end(g, client)
			g.kernel.Limit = limit
			g.pass(2 * shortageRetry)
			if g.server.Accept() != nil {
				t.Error("the server was dialled for nobody")
			}
		})
	}
}

// TestOneClientAtATimeMayExceedTheMemory has many go on with a line that does
// not end.
func TestOneClientAtATimeMayExceedTheMemory(t *testing.T) {
	const clients = 8
	g := newStage(t, func(c *Config) { c.MaxMemory = clients * 30 << 10 })
	all, _ := halfLines(g, clients)
	for range 20 {
		for _, c := range all {
			c.SendString(strings.Repeat("x", 2000))
		}
		g.pass(shortageRetry)
	}
	// Each holds 32 KiB, and who was favoured for one of the two seconds, or is at
	// their end, twice as much.
	if most := (clients + 3) * 32 << 10; g.peak > most {
		t.Errorf("%d KiB were held", g.peak>>10)
	}
}

func TestTheDeathOfAServerUnderLoadIsOneLine(t *testing.T) {
	g := newStage(t)
	var servers []*fake.Peer
	for range 5 {
		c, s := g.connect()
		g.says(c, "REQ 1 a\nREQ 2 b\n")
		servers = append(servers, s)
	}
	for _, s := range servers {
		s.Reset()
		g.settle()
	}
	g.pass(time.Second)
	lines := g.logs.FilterMessageSnippet("ended connections").All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	if f := lines[0].ContextMap(); f["connections"] != int64(5) || f["requests_lost"] != int64(10) {
		t.Errorf("logged: %v", f)
	}
}

// TestACrowdThatWaitsComesInTurns: many dials in one turn would keep all others
// waiting.
func TestACrowdThatWaitsComesInTurns(t *testing.T) {
	c := newCluster(t, 1, func(config *Config) { config.NoServerWait = 10 * time.Second })
	addr := c.servers[0].Addr()
	c.servers[0].Close()
	crowd := c.proxy.maxConns
	if crowd < retriesPerTurn*3/2 {
		t.Fatalf("%d are no crowd", crowd)
	}
	var clients []*fake.Peer
	for range crowd {
		client := c.kernel.Dial(c.addr)
		clients = append(clients, client)
		if len(clients)%64 == 0 {
			c.settle()
		}
	}
	c.settle()
	for _, client := range clients {
		client.SendString("REQ 1\n")
	}
	c.pass(time.Second)
	c.servers[0] = c.kernel.Listen(addr)
	before, most := 0, 0
	for since := c.kernel.Now(); c.kernel.Now()-since < int64(3*time.Second); {
		c.proxy.loop.Turn(c.kernel.Now() + int64(10*time.Millisecond))
		dialled := 0
		for _, s := range c.proxy.sessions {
			if s.link.conn != nil {
				dialled++
			}
		}
		before, most = dialled, max(most, dialled-before)
		for c.servers[0].Accept() != nil {
		}
	}
	c.settle()
	if before != crowd || most > retriesPerTurn {
		t.Errorf("%d of %d are served, at most %d dialled in one turn", before, crowd, most)
	}
}
