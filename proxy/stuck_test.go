// stuck_test.go: clients that are not read while there is no server are read again.

package proxy

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// TestAClientIsReadAgainWhenItsQueueHasBeenRefused sends more than is queued.
func TestAClientIsReadAgainWhenItsQueueHasBeenRefused(t *testing.T) {
	c := newCluster(t, 1, func(config *Config) { config.NoServerWait = time.Second })
	client, server, _ := c.client()
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.settle()
	c.ended(server)
	var text, want strings.Builder
	for i := range 200 {
		fmt.Fprintf(&text, "REQ %d %s\n", i+1, strings.Repeat("x", 1000))
		fmt.Fprintf(&want, "NAK %d no server\n", i+1)
	}
	sent := c.pours(client, text.String())
	got := ""
	for range 50 {
		c.pass(200 * time.Millisecond)
		got += c.takes(client)
		sent += c.pours(client, text.String()[sent:])
	}
	if got != want.String() {
		t.Errorf("%d of %d bytes are read, arrived: %s", sent, text.Len(), brief(got))
	}
}

// TestAClientThatWaitedForADescriptorIsReadAgain finds no server afterwards.
func TestAClientThatWaitedForADescriptorIsReadAgain(t *testing.T) {
	for _, text := range []string{"hello\n", "REQ 1\nREQ 2\n"} {
		c := newCluster(t, 1, func(config *Config) { config.MaxOutstanding = 1 })
		c.client()
		descriptors := c.kernel.Limit
		c.kernel.Limit = c.kernel.Open() + 3 + 1 // one for the client, none for its link
		client := c.kernel.Dial(c.addr)
		c.settle()
		c.says(client, text)
		c.proxy.drainUpstream(c.proxy.upstreams[0])
		c.kernel.Limit = descriptors
		c.pass(3 * shortageRetry)
		if strings.HasPrefix(text, "REQ") {
			c.hears(client, "NAK 1 no server\nNAK 2 no server\n")
		} else {
			c.ended(client)
		}
	}
}

// TestACrowdThatMustWaitAsksOnce: when one gets no descriptor, nobody does.
func TestACrowdThatMustWaitAsksOnce(t *testing.T) {
	c := newCluster(t, 1)
	const clients, faults = 300, 5000
	for range faults {
		c.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EMFILE})
	}
	for range clients {
		c.kernel.Dial(c.addr)
	}
	c.settle()
	c.pass(10 * shortageRetry)
	if asked := faults - c.kernel.Pending(fake.CallConnect); asked < clients || asked > clients+20 {
		t.Errorf("%d clients have asked %d times in 10 rounds", clients, asked)
	}
}
