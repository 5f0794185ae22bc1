package proxy

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// shares are the sessions of each server.
func (c *cluster) shares() (all []int32) {
	for _, u := range c.proxy.upstreams {
		all = append(all, u.load.sessions)
	}
	return all
}

// TestAServerThatComesBackGetsItsShare drains one of three under many clients, half of
// which have a request outstanding, and enables it again.
func TestAServerThatComesBackGetsItsShare(t *testing.T) {
	for _, rebalance := range []bool{true, false} {
		c := newCluster(t, 3, func(config *Config) { config.Rebalance = rebalance })
		const clients = 60
		var all []*fake.Peer
		servers := map[*fake.Peer]bool{}
		for i := range clients {
			client, server, _ := c.client()
			all = append(all, client)
			servers[server] = true
			if i%2 == 0 {
				c.says(client, "REQ 1 a\n")
			}
		}
		c.proxy.drainUpstream(c.proxy.upstreams[0])
		answer := func() {
			for i := range c.servers {
				for p := c.servers[i].Accept(); p != nil; p = c.servers[i].Accept() {
					servers[p] = true
				}
			}
			for p := range servers {
				for _, line := range strings.Split(c.takes(p), "\n") {
					if seq, is := strings.CutPrefix(line, "REQ "); is {
						c.says(p, "ACK "+seq+"\n")
					}
				}
			}
		}
		answer()
		c.settle()
		if got := c.shares(); got[0] != 0 {
			t.Fatalf("a drained server keeps %v sessions", got)
		}
		for i, client := range all {
			c.says(client, fmt.Sprintf("REQ %d b\n", i%2+9))
		}
		answer()
		c.proxy.enableUpstream(c.proxy.upstreams[0])
		moved := 0
		for range 10 {
			before := c.shares()[0]
			c.pass(time.Second)
			answer()
			moved = max(moved, int(c.shares()[0]-before))
		}
		switch got := c.shares(); {
		case !rebalance && got[0] != 0:
			t.Errorf("sessions moved without being asked to: %v", got)
		case rebalance && (got[0] != 20 || got[1] != 20 || got[2] != 20):
			t.Errorf("after 10 s the shares are %v", got)
		case moved > clients*5/100+1:
			t.Errorf("%d of %d sessions moved in a second", moved, clients)
		}
		if n := c.numbers(); n["naks_local"] != 0 || n["outstanding"] != 0 {
			t.Errorf("numbers: %v", n)
		}
	}
}

// TestAServerIsDrainedByItsName, from another goroutine than the loop's.
func TestAServerIsDrainedByItsName(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startServing(t, Server{Name: "one", Addrs: s.addrs()}, func(c *Config) { c.OnServerClose = Failover })
	c := dial(t, l.addr)
	send(t, c, "REQ 1 a\n")
	receive(t, c, "ACK 1 a\n")
	if err := l.proxy.DrainServer(context.Background(), "two"); err == nil || err.Error() != `there is no server "two"` {
		t.Errorf("another name: %v", err)
	}
	if err := l.proxy.DrainServer(context.Background(), "one"); err != nil {
		t.Fatal(err)
	}
	send(t, c, "REQ 2 b\n")
	receive(t, c, "NAK 2 no server\n")
	if err := l.proxy.EnableServer(context.Background(), "one"); err != nil {
		t.Fatal(err)
	}
	send(t, c, "REQ 3 c\n")
	receive(t, c, "ACK 3 c\n")
}

// TestADrainHasAnEnd for sessions that stay, and for replies that never come.
func TestADrainHasAnEnd(t *testing.T) {
	c := newCluster(t, 2)
	odd, oddServer, first := c.client()
	c.says(odd, "hello\n")
	waiting, _, second := c.client()
	c.says(waiting, "REQ 1\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.proxy.drainUpstream(c.proxy.upstreams[second])
	c.says(waiting, "REQ 2\n")
	c.pass(DefaultDrain - time.Millisecond)
	c.hears(waiting, "")
	if odd.Ended() || oddServer.Ended() {
		t.Fatal("it had more time")
	}
	c.pass(2 * time.Millisecond)
	c.ended(odd)
	c.hears(waiting, "NAK 1 upstream lost\nNAK 2 no server\n")
}

// TestSlowRepliesMakeNobodyMoveInVain: who is told to leave and waits for his replies
// is as good as gone.
func TestSlowRepliesMakeNobodyMoveInVain(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.Rebalance = true })
	c.proxy.drainUpstream(c.proxy.upstreams[1])
	const clients = 40
	for range clients {
		client, _, _ := c.client()
		c.says(client, "REQ 1\n")
	}
	c.proxy.enableUpstream(c.proxy.upstreams[1])
	c.pass(30 * time.Second)
	leaving := 0
	for _, s := range c.proxy.sessions {
		if s.link.state == linkLeaving {
			leaving++
		}
	}
	if leaving < clients/2-1 || leaving > clients/2 {
		t.Errorf("%d of %d sessions are told to leave a server for one without any", leaving, clients)
	}
}
