// failover_sim_test.go: what simulated runs with several servers have found, each
// as small as it gets.

package proxy

import (
	"testing"
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
