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

// TestAnEndWordEndsItsSessionDuringADrain: the client waits for the close that
// follows its reply.
func TestAnEndWordEndsItsSessionDuringADrain(t *testing.T) {
	c := newCluster(t, 2)
	client, server, first := c.client()
	c.says(client, "REQ 1 QUIT\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.says(server, "ACK 1 bye\n")
	server.Close()
	c.settle()
	c.hears(client, "ACK 1 bye\n")
	c.ended(client)
}

// TestAnEndWordThatEndsNothingKeepsNobody: the server does not close, and the
// client goes on.
func TestAnEndWordThatEndsNothingKeepsNobody(t *testing.T) {
	for _, before := range []bool{false, true} {
		for _, text := range []string{"REQ 2 x\n", "hello\n"} {
			c := newCluster(t, 2)
			client, server, first := c.client()
			c.says(client, "REQ 1 QUIT\n")
			answer := func() { c.says(server, "ACK 1\n") }
			if before {
				answer()
			}
			c.proxy.drainUpstream(c.proxy.upstreams[first])
			c.settle()
			if !before {
				answer()
			}
			c.says(client, text)
			next, second := c.accepted()
			if second == first {
				t.Fatal("a drained server gets the next request")
			}
			c.hears(next, strings.Replace(text, "REQ 2", "REQ 1", 1))
			c.hears(client, "ACK 1\n")
		}
	}
}

// TestAServerThatResetsForOddLinesIsNotEjected: one client could otherwise take out
// half of the servers, again and again.
func TestAServerThatResetsForOddLinesIsNotEjected(t *testing.T) {
	c := newCluster(t, 2)
	client, server, number := c.client()
	c.says(client, "GET / HTTP/1.1\n")
	server.Reset()
	c.settle()
	c.ended(client)
	if c.state(number) != "up" {
		t.Errorf("the server is %s", c.state(number))
	}
}
