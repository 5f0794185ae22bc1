package proxy

// What nobody may suffer from: the loop's own pauses, the drain's haste, the
// search for replies, the end of another's session.

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func TestAStallOfTheLoopMakesNobodyIdle(t *testing.T) {
	g := newStage(t, func(c *Config) { c.Client.IdleTimeout = time.Second })
	g.kernel.Limit, g.proxy.maxConns = 4000, 2000
	var clients, servers []*fake.Peer
	for range 800 { // more than one batch of events tells
		c, s := g.connect()
		clients, servers = append(clients, c), append(servers, s)
	}
	for _, c := range clients {
		c.SendString("REQ 1 x\n")
	}
	g.kernel.Advance(2 * time.Second)
	g.settle()
	for i, s := range servers {
		if got := g.takes(s); got != "REQ 1 x\n" {
			t.Fatalf("client %d was closed though it had sent something; its server has %q", i, got)
		}
	}
}

func TestAClientThatIsNotReadIsNotIdle(t *testing.T) {
	g := newStage(t, func(c *Config) { c.Client.IdleTimeout, c.MaxOutstanding = time.Second, 1 })
	client, server := g.connect()
	g.says(client, "REQ 1 a\n")
	g.hears(server, "REQ 1 a\n")
	g.says(client, "REQ 2 b\n") // it waits in the kernel
	g.pass(3 * time.Second)
	g.says(server, "ACK 1 a\n")
	g.hears(client, "ACK 1 a\n")
	g.hears(server, "REQ 2 b\n")
}

func TestADrainAnswersEverythingThatHadArrived(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	const requests = 30
	client.SendString(strings.Repeat("REQ 1 "+strings.Repeat("x", 1000)+"\n", requests))
	g.proxy.Drain()
	g.settle()
	if got := strings.Count(g.takes(server), "\n"); got != requests {
		t.Fatalf("%d of %d requests were forwarded", got, requests)
	}
	g.says(server, strings.Repeat("ACK 1\n", requests))
	g.hears(client, strings.Repeat("ACK 1\n", requests))
	g.ended(client)
}

func TestADrainReadsAFloodForOneBudgetOnly(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	line := "REQ 1 " + strings.Repeat("x", 1000) + "\n"
	client.SendString(strings.Repeat(line, 30))
	g.proxy.Drain()
	got := 0
	for range 100 {
		client.SendString(strings.Repeat(line, 30))
		g.settle()
		got += len(g.takes(server))
	}
	if most := g.proxy.config.Client.TurnBytes; got > most {
		t.Errorf("%d bytes were read after the drain had begun, more than %d", got, most)
	}
}

func TestNothingIsCountedForAClientThatIsBeingClosed(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1 a\njunk\n")
	g.pours(client, strings.Repeat("y", 70_000))
	g.says(server, "ACK 1 a\nNAK 0 unknown type\nACK 7 z\n")
	got := g.takes(client)
	g.numbers().expect(t, numbers{"bytes_out": float64(len(got)), "strays": 0})
}

func TestRequestsOfAClientThatIsGoneReachAServerThatAcceptsLate(t *testing.T) {
	g := newStage(t)
	g.server.SetBacklog(-1)
	client := g.kernel.Dial(g.addr)
	g.settle()
	client.SendString("REQ 1 a\n")
	g.settle()
	client.Reset()
	g.settle()
	g.server.SetBacklog(10)
	g.pass(time.Second)
	server := g.server.Accept()
	if server == nil {
		t.Fatal("the link was thrown away")
	}
	g.hears(server, "REQ 1 a\n")
}

func TestTheSearchForRepliesIsPartOfTheBudget(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	for i := range DefaultMaxOutstanding {
		g.says(client, fmt.Sprintf("REQ %d\n", i+1))
	}
	g.takes(server)
	s := g.proxy.sessions[0]
	strays := []byte(strings.Repeat("ACK 5000000\n", 256))
	taken, lines := s.reply(strays, 256)
	if looked := taken / len("ACK 5000000\n") * DefaultMaxOutstanding; looked > 300*recordsPerLine || lines < 256 {
		t.Errorf("%d records were looked at for %d lines of the budget", looked, lines)
	}
}
