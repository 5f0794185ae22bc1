// names_test.go: what servers' names mean changes while sessions are under way.

package proxy

import (
	"context"
	"syscall"
	"testing"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// newNamed opens a proxy that fails over between the addresses of one name.
func newNamed(t testing.TB, n int, change ...func(*Config)) *cluster {
	t.Helper()
	c := &cluster{stage: &stage{t: t, kernel: fake.New()}}
	for range n {
		c.servers = append(c.servers, c.kernel.Listen(anyLoopback))
	}
	resolve := func(context.Context) ([]poller.Addr, error) { return c.addrs(), nil }
	failover := func(config *Config) { config.OnServerClose = Failover }
	c.openServers([]Server{{Name: "a name", Addrs: c.addrs(), Resolve: resolve}}, append([]func(*Config){failover}, change...)...)
	return c
}

// addrs are the addresses of some of the servers, all where none is named.
func (c *cluster) addrs(numbers ...int) (addrs []poller.Addr) {
	if len(numbers) == 0 {
		for i := range c.servers {
			numbers = append(numbers, i)
		}
	}
	for _, i := range numbers {
		addrs = append(addrs, c.servers[i].Addr())
	}
	return addrs
}

// TestAServerThatIsOutIsNotTriedAgainAtOnceWhereFewAreLeft: with half of the servers
// out, the name loses the other half.
func TestAServerThatIsOutIsNotTriedAgainAtOnceWhereFewAreLeft(t *testing.T) {
	c := newNamed(t, 4)
	for range 4 {
		_, server, number := c.client()
		if number < 2 {
			server.Reset()
			c.settle()
		}
	}
	if c.state(0) != "ejected" || c.state(1) != "ejected" {
		t.Fatal("two servers should be out")
	}
	c.proxy.setAddrs(0, c.addrs(0, 1))
	c.settle()
	c.pass(2 * ejectPauseMin)
	const faults = 1000
	for range faults {
		c.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.ENETUNREACH})
	}
	client := c.kernel.Dial(c.addr)
	c.settle()
	c.says(client, "REQ 1\n")
	if tried := faults - c.kernel.Pending(fake.CallConnect); tried > 4 {
		t.Fatalf("two dead servers are dialled %d times", tried)
	}
	c.hears(client, "NAK 1 no server\n")
}

// TestANameThatMovesKeepsItsRequests has the only address change while a request
// waits for it.
func TestANameThatMovesKeepsItsRequests(t *testing.T) {
	c := newNamed(t, 2)
	c.proxy.setAddrs(0, c.addrs(0))
	c.settle()
	c.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
	client := c.kernel.Dial(c.addr)
	c.settle()
	c.says(client, "REQ 1 a\n")
	c.proxy.setAddrs(0, c.addrs(1))
	c.settle()
	server, number := c.accepted()
	if number != 1 {
		t.Fatal("dialled at the old address")
	}
	c.hears(server, "REQ 1 a\n")
	c.says(server, "ACK 1 a\n")
	c.hears(client, "ACK 1 a\n")
}
