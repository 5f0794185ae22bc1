// failover_sim_test.go: what simulated runs with several servers have found, each
// as small as it gets.

package proxy

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func TestAnEndWordUnderWayEndsASessionThatLeaves(t *testing.T) {
	c := newCluster(t, 2)
	client, server, first := c.client()
	c.says(client, "REQ 1 QUIT\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.settle()
	c.says(server, "ACK 1 bye\n")
	server.Close()
	c.settle()
	c.hears(client, "ACK 1 bye\n")
	c.ended(client)
}

func TestAClientAtItsLimitGoesOnWhenItsServerIsGivenUp(t *testing.T) {
	c := newCluster(t, 1, func(config *Config) { config.MaxOutstanding = 1 })
	c.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EMFILE})
	client := c.kernel.Dial(c.addr)
	c.says(client, "REQ 1 a\nREQ 2 b\n")
	c.pass(shortageRetry / 2)
	c.servers[0].Close()
	c.kernel.Dial(c.addr) // finds that nobody listens, so that nobody is dialled for a while
	c.pass(shortageRetry)
	c.hears(client, "NAK 1 no server\nNAK 2 no server\n")
}

func TestSeqsBeginAnewBehindRequestsWhoseTimeWasOver(t *testing.T) {
	c := newCluster(t, 1, func(config *Config) { config.RequestTimeout = 500 * time.Millisecond })
	c.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
	client := c.kernel.Dial(c.addr)
	c.says(client, "REQ 1 a\n")
	c.pass(600 * time.Millisecond)
	c.hears(client, "NAK 1 timeout\n")
	c.pass(DefaultConnectTimeout + dialPauseMax)
	c.says(client, "REQ 2 b\n")
	server, _ := c.accepted()
	c.hears(server, "REQ 1 b\n")
	c.says(server, "ACK 1 b\n")
	c.hears(client, "ACK 2 b\n")
}

// TestHalfAReplyIsNobodyElses has a session share its server's fate on a link with
// numbers of its own, or with a reply that is late.
func TestHalfAReplyIsNobodyElses(t *testing.T) {
	c := newCluster(t, 2)
	client, server, _ := c.client()
	c.says(client, "REQ 1 a\n")
	c.hears(server, "REQ 1 a\n")
	server.Close()
	c.settle()
	c.hears(client, "NAK 1 upstream lost\n")
	c.says(client, "hello\nREQ 2 b\n")
	next, _ := c.accepted()
	c.hears(next, "hello\nREQ 1 b\n")
	c.says(next, "NAK 0 what\nACK 1 tor")
	next.Close()
	c.settle()
	c.hears(client, "NAK 0 what\n")
	c.ended(client)

	c = newCluster(t, 2, func(config *Config) { config.RequestTimeout = time.Second })
	client, server, _ = c.client()
	c.says(client, "hello\nREQ 1 a\n")
	c.pass(2 * time.Second)
	c.hears(client, "NAK 1 timeout\n")
	c.says(server, "NAK 0 what\nACK 1 tor")
	server.Close()
	c.settle()
	c.hears(client, "NAK 0 what\n")
	c.ended(client)
}

// TestADrainForgetsWhoHasLeftBehindADrainedServer has a client leave while half a
// line is under way to a server that its session was to leave.
func TestADrainForgetsWhoHasLeftBehindADrainedServer(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.Socket.NotSentLowat = 64 })
	client, server, first := c.client()
	server.SetWindow(10)
	c.says(client, "REQ 1 a\nREQ 2 "+strings.Repeat("b", 100)+"\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.settle()
	client.Reset()
	c.settle()
	c.proxy.beginDrain()
	c.settle()
	c.takes(server)
	server.Close()
	c.settle()
	if left := len(c.proxy.sessions); left != 0 {
		t.Errorf("%d sessions are left", left)
	}
}

// TestAServerIsNotBlamedForTheTimeBeforeItHadARequest has requests wait for a
// server for most of their time.
func TestAServerIsNotBlamedForTheTimeBeforeItHadARequest(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.RequestTimeout, config.NoServerWait = 3*time.Second, 10*time.Second })
	addr := c.servers[0].Addr()
	c.servers[0].Close()
	c.servers[1].Close()
	client := c.kernel.Dial(c.addr)
	c.says(client, "REQ 1\nREQ 2\nREQ 3\n")
	c.servers[0] = c.kernel.Listen(addr)
	c.pass(2800 * time.Millisecond)
	server, _ := c.accepted()
	c.hears(server, "REQ 1\nREQ 2\nREQ 3\n")
	c.pass(300 * time.Millisecond)
	c.hears(client, "NAK 1 timeout\nNAK 2 timeout\nNAK 3 timeout\n")
	if c.state(0) != "up" {
		t.Errorf("the server that has just come back is %s", c.state(0))
	}
}
