// leave_test.go: sessions leave servers that are drained or ejected, at moments at
// which that is not easy.

package proxy

import (
	"strings"
	"testing"
)

// TestAHalfWrittenRequestIsFinishedBeforeItsLinkIsLeft has a client that has ended
// already: what is left of its line must go out before the FIN that follows it.
func TestAHalfWrittenRequestIsFinishedBeforeItsLinkIsLeft(t *testing.T) {
	for _, ended := range []bool{false, true} {
		c := newCluster(t, 2, func(config *Config) { config.Socket.NotSentLowat = 250 })
		client, server, first := c.client()
		server.SetWindow(0)
		line := func(seq string) string { return "REQ " + seq + " " + strings.Repeat("x", 1000) + "\n" }
		c.says(client, line("1")+line("2"))
		if ended {
			client.CloseWrite()
			c.settle()
		}
		c.proxy.drainUpstream(c.proxy.upstreams[first])
		c.settle()
		server.SetWindow(1 << 20)
		c.settle()
		c.hears(server, line("1"))
		c.says(server, "ACK 1\n")
		next, _ := c.accepted()
		c.hears(next, line("1"))
		c.says(next, "ACK 1\n")
		c.hears(client, "ACK 1\nACK 2\n")
	}
}
