// sendproxy_failover_test.go: where a session goes from server to server, each of its
// links begins with the header, and no line is torn by it.

package proxy

import (
	"fmt"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func TestEachLinkOfASessionBeginsWithTheHeader(t *testing.T) {
	for version := 1; version <= 2; version++ {
		c := newCluster(t, 3, sends(version))
		client, server, _ := c.client()
		header := c.announcement(version, client)
		c.hears(server, header)
		c.says(client, "REQ 1 a\nREQ 2 b\n")
		c.hears(server, "REQ 1 a\nREQ 2 b\n")
		c.says(server, "ACK 1 a\n")
		server.Close()
		c.settle()
		c.hears(client, "ACK 1 a\nNAK 2 upstream lost\n")
		for seq := 3; seq < 6; seq++ { // a new link each, that counts from 1
			c.says(client, fmt.Sprintf("REQ %d\n", seq))
			server, _ = c.accepted()
			c.hears(server, header+"REQ 1\n")
			c.says(server, "ACK 1\n")
			c.hears(client, fmt.Sprintf("ACK %d\n", seq))
			server.Close()
			c.settle()
		}
	}
}

// TestAServerThatOnlyGotTheHeaderLeavesTheNumbersAlone: no request has left, so the
// next server gets the client's own.
func TestAServerThatOnlyGotTheHeaderLeavesTheNumbersAlone(t *testing.T) {
	c := newCluster(t, 2, sends(2))
	client, server, _ := c.client()
	c.hears(server, c.announcement(2, client))
	server.Close()
	c.settle()
	c.says(client, "REQ 7\n")
	server, _ = c.accepted()
	c.hears(server, c.announcement(2, client)+"REQ 7\n")
}

// TestALineBehindAHeaderIsTakenBackWhole has lines of any length wait for a server,
// and then for a dial to one that is drained meanwhile. The header before them holds
// line ends itself.
func TestALineBehindAHeaderIsTakenBackWhole(t *testing.T) {
	for version := 1; version <= 2; version++ {
		for _, bytes := range []int{9, 1000, longLength - 1, longLength, longest} {
			c := newCluster(t, 2, sends(version), func(config *Config) {
				config.NoServerWait = time.Minute
				config.Server.HighMark = 4 * longest
			})
			first, second := c.proxy.upstreams[0], c.proxy.upstreams[1]
			c.proxy.drainUpstream(first)
			c.proxy.drainUpstream(second)
			client := c.kernel.Dial(c.addr)
			c.settle()
			lines := line("REQ 1 ", bytes) + "REQ 2 b\n"
			if sent := c.pours(client, lines); sent != len(lines) {
				t.Fatalf("only %d of %d bytes were taken", sent, len(lines))
			}
			c.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
			c.proxy.enableUpstream(first)
			c.pass(DefaultConnectTimeout / 2)
			if s := c.proxy.sessions[0]; s.link.state != linkDialling || s.link.requests.count != 2 {
				t.Fatalf("the link is in state %d with %d requests", s.link.state, s.link.requests.count)
			}
			c.proxy.enableUpstream(second)
			c.proxy.drainUpstream(first)
			c.pass(time.Millisecond)
			server, _ := c.accepted()
			if got, want := c.takes(server), c.announcement(version, client)+lines; got != want {
				t.Errorf("version %d, a line of %d bytes: arrived %s\nwant %s", version, bytes, brief(got), brief(want))
			}
		}
	}
}
