// trial_test.go: what it costs that a server dies, or seems to: one dial for all, and no
// blame for a close that a request met.

package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// crowd is so many clients, each with a request outstanding, and the servers' ends.
func (c *cluster) crowd(n int) (clients, links []*fake.Peer) {
	c.t.Helper()
	for range n {
		client, link, _ := c.client()
		c.says(client, "REQ 1 x\n")
		c.hears(link, "REQ 1 x\n")
		clients, links = append(clients, client), append(links, link)
	}
	return clients, links
}

// loseAll ends the links of a crowd. All of it hears so, and says its second request
// at one moment.
func (c *cluster) loseAll(clients, links []*fake.Peer) {
	c.t.Helper()
	for _, l := range links {
		l.Close()
	}
	c.settle()
	for _, client := range clients {
		c.hears(client, "NAK 1 upstream lost\n")
	}
	for _, client := range clients {
		client.SendString("REQ 2 x\n")
	}
}

// TestOneSessionTriesADeadServerForAll has all clients lose the only server, and
// then ask again at one moment.
func TestOneSessionTriesADeadServerForAll(t *testing.T) {
	const n = 20
	c := newCluster(t, 1)
	clients, links := c.crowd(n)
	c.servers[0].Close()
	before := c.kernel.Count(fake.CallConnect)
	c.loseAll(clients, links)
	c.pass(10 * time.Millisecond)
	for _, client := range clients {
		c.hears(client, "NAK 2 no server\n")
	}
	if dials := c.kernel.Count(fake.CallConnect) - before; dials != 1 {
		t.Errorf("%d dials", dials)
	}
}

// TestWhoWaitsForATrialFollowsIt: the server lives, and only ended its connections.
func TestWhoWaitsForATrialFollowsIt(t *testing.T) {
	const n = 20
	c := newCluster(t, 1)
	clients, links := c.crowd(n)
	c.loseAll(clients, links)
	c.pass(time.Duration(n) * 2 * time.Millisecond)
	for range n {
		link, _ := c.accepted()
		c.hears(link, "REQ 1 x\n")
		c.says(link, "ACK 1 x\n")
	}
	for _, client := range clients {
		c.hears(client, "ACK 2 x\n")
	}
}

// TestAServerThatDiesAndStillAcceptsIsPassedOver: its listener may outlive its
// connections for a moment.
func TestAServerThatDiesAndStillAcceptsIsPassedOver(t *testing.T) {
	c := newCluster(t, 3, func(config *Config) { config.Balance = Hash })
	client, link, first := c.client()
	for seq := 1; seq < 10; seq++ {
		c.says(client, fmt.Sprintf("REQ %d x\n", seq))
		c.takes(link)
		if seq == 1 {
			link.Close() // the client is hashed to this server
			c.settle()
			c.hears(client, "NAK 1 upstream lost\n")
			continue
		}
		if seq == 2 {
			var number int
			if link, number = c.accepted(); number == first {
				t.Fatal("the next link is to the server that has just lost one")
			}
			c.hears(link, "REQ 1 x\n")
		}
		c.says(link, fmt.Sprintf("ACK %d x\n", seq-1))
		c.hears(client, fmt.Sprintf("ACK %d x\n", seq))
	}
	c.pass(doubtTime)
	if _, _, number := c.client(); number != first {
		t.Error("the server gets no sessions though it has long been well")
	}
}

// TestABackupIsTriedAsWell, and nobody is told that there is no server before its
// outcome.
func TestABackupIsTriedAsWell(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	dead, backup := g.kernel.Listen(anyLoopback), g.kernel.Listen(anyLoopback)
	c := &cluster{stage: g, servers: []*fake.Server{backup}}
	servers := []Server{{Name: "dead", Addrs: addrsOf(dead)}, {Name: "backup", Addrs: addrsOf(backup), Backup: true}}
	dead.Close()
	g.openServers(servers, func(config *Config) { config.OnServerClose = Failover })
	clients, links := c.crowd(5)
	before := c.kernel.Count(fake.CallConnect)
	c.loseAll(clients, links)
	c.settle()
	if dials := c.kernel.Count(fake.CallConnect) - before; dials != len(clients) {
		t.Errorf("%d dials", dials)
	}
	for range clients {
		link, _ := c.accepted()
		c.says(link, "ACK 1 x\n")
	}
	for _, client := range clients {
		c.hears(client, "ACK 2 x\n")
	}
}

// TestACloseThatARequestMeetsIsNoReset: the server closed an idle link, and its
// kernel refuses what was on its way. A server that resets is ejected.
func TestACloseThatARequestMeetsIsNoReset(t *testing.T) {
	for name, x := range map[string]struct {
		end   func(link *fake.Peer)
		reply string
		state string
	}{
		"closed": {func(link *fake.Peer) { link.Close() }, "NAK 1 upstream lost\n", "up"},
		"reset":  {func(link *fake.Peer) { link.Reset() }, "", "ejected"}, // the request has not left
	} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, 2)
			client, link, number := c.client()
			c.kernel.Trace = func(call string, _ ...any) {
				if strings.HasPrefix(call, "read of") { // and the write comes next
					c.kernel.Trace = nil
					x.end(link)
				}
			}
			c.says(client, "REQ 1 x\n")
			c.hears(client, x.reply)
			if got := c.state(number); got != x.state {
				t.Errorf("the server is %s, not %s", got, x.state)
			}
		})
	}
}

// TestWhoWaitsForATrialIsNotPutOffByOthers: connections that come to stand all the
// time must not move the moment at which a session asks again.
func TestWhoWaitsForATrialIsNotPutOffByOthers(t *testing.T) {
	c := newCluster(t, 1)
	clients, links := c.crowd(2)
	c.loseAll(clients, links)
	c.settle()
	for range 20 {
		c.proxy.upstreams[0].reached() // by somebody else
		c.pass(500 * time.Microsecond)
	}
	for range clients {
		link, _ := c.accepted()
		c.hears(link, "REQ 1 x\n")
	}
}

// TestNobodyWaitsLongForATrial: servers that say nothing at all are found out by all
// clients together, each of which has its NAK as soon as it would have it alone.
func TestNobodyWaitsLongForATrial(t *testing.T) {
	const servers, clients = 4, 12
	c := newCluster(t, servers, func(config *Config) {
		config.Check, config.RequestTimeout, config.Server.ConnectTimeout = CheckOff, 0, time.Second
	})
	for _, s := range c.servers {
		s.SetBacklog(-1) // a black hole
	}
	var all []*fake.Peer
	for range clients {
		all = append(all, c.kernel.Dial(c.addr))
	}
	c.settle()
	c.pass(5 * time.Second) // all are known to be silent, and ejected as far as that goes
	for _, client := range all {
		client.SendString("REQ 1 x\n")
	}
	c.pass(servers*time.Second + trialTime*2)
	for i, client := range all {
		if got := c.takes(client); got != "NAK 1 no server\n" {
			t.Errorf("client %d got %q", i, got)
		}
	}
}

// TestALineWithoutARecordDoesNotWaitForATrial: only a connection can keep such a line,
// so its session dials a server that somebody else is trying; its client was closed.
func TestALineWithoutARecordDoesNotWaitForATrial(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) {
		config.Check, config.Server.ConnectTimeout = CheckOff, 3*time.Second
	})
	for range c.servers {
		c.client()
	}
	for _, s := range c.servers {
		s.SetBacklog(-1) // they are silent
	}
	c.kernel.Dial(c.addr) // somebody, who dials one of them
	c.settle()
	client := c.kernel.Dial(c.addr) // and this one the other
	c.settle()
	other := c.proxy.sessions[len(c.proxy.sessions)-1].link.upstream
	number := slices.Index(c.proxy.upstreams, other)
	c.says(client, "hello\n")
	c.pass(950 * time.Millisecond)
	tried := c.proxy.upstreams[1-number]
	c.servers[number].Close() // it is refused when it asks again, after a second
	tried.triedAt = c.kernel.Now()
	tried.lost(failureReset, 0)
	c.pass(80 * time.Millisecond)
	if client.Ended() || tried.opening != 2 {
		t.Errorf("its client is closed: %v; %d sessions dial the other server", client.Ended(), tried.opening)
	}
}

// TestAServerUnderTrialCountsForRebalancing: it has fewer sessions than the others, and
// that it is being dialled now does not make them even.
func TestAServerUnderTrialCountsForRebalancing(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.Rebalance = true })
	back := c.proxy.upstreams[0]
	c.proxy.drainUpstream(back)
	for range 20 {
		c.client()
	}
	c.proxy.enableUpstream(back)
	c.servers[0].SetBacklog(-1) // its dial takes its time
	back.health.pause = 1       // it refused before, and has not replied yet
	for back.opening == 0 {
		c.kernel.Dial(c.addr)
		c.settle()
	}
	if !back.isTried(c.kernel.Now()) || !c.proxy.moveOne() {
		t.Error("the servers pass for even")
	}
}
