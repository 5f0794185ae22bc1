// mux_sim_test.go: what simulated runs with shared links have found, each as small as
// it gets.

package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestARequestThatIsTakenBackTwiceIsNotForgotten: the second link has it behind one
// that its client has sent later.
func TestARequestThatIsTakenBackTwiceIsNotForgotten(t *testing.T) {
	c, links := newMuxed(t, 2, func(config *Config) { config.Socket.NotSentLowat = 64 })
	pad := strings.Repeat("x", 200)
	for _, l := range links {
		l.SetWindow(0)
	}
	a := c.dial()
	c.says(a, "REQ 1 "+pad+"\nREQ 2 "+pad+"\n") // half of each leaves
	c.says(a, "REQ 3 c\nREQ 4 d\n")             // nothing of these
	links[0].Reset()
	c.settle()
	links[1].Reset()
	c.settle()
	c.pass(ejectPauseMin * 2)
	c.hears(a, "NAK 1 upstream lost\nNAK 2 upstream lost\nNAK 3 no server\nNAK 4 no server\n")
	c.numbers().expect(t, numbers{"outstanding": 0})
}

// TestALinkThatIsTakenIntoUseAgainCountsOn: numbers that were taken back have not been
// used.
func TestALinkThatIsTakenIntoUseAgainCountsOn(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) {
		config.Socket.NotSentLowat, config.NoServerWait = 64, 10*time.Second
	})
	links[0].SetWindow(0)
	a := c.dial()
	c.says(a, "REQ 1 "+strings.Repeat("x", 100)+"\nREQ 2 b\nREQ 3 c\n")
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.settle()
	c.proxy.enableUpstream(c.proxy.upstreams[0])
	c.settle()
	links[0].SetWindow(1 << 16)
	c.settle()
	c.hears(links[0], "REQ 1 "+strings.Repeat("x", 100)+"\nREQ 2 b\nREQ 3 c\n")
	c.says(links[0], "ACK 3 c\nACK 2 b\nACK 1 a\n")
	c.hears(a, "ACK 3 c\nACK 2 b\nACK 1 a\n")
}

// TestALinkThatNobodyWaitsForTellsNobody closes one with a request whose NAK waits for
// its client's room.
func TestALinkThatNobodyWaitsForTellsNobody(t *testing.T) {
	c, links := newMuxed(t, 1, within(time.Second), func(config *Config) {
		config.Socket.NotSentLowat = 64
		config.Client.MaxLine, config.Client.HighMark, config.Client.LowMark = 128, 300, 150
	})
	a := c.dial()
	a.SetWindow(0)
	c.says(a, "REQ 1\nREQ 2\nREQ 3\nREQ 4\nREQ 5\n")
	pad, want := strings.Repeat("x", 100), ""
	for i := range 4 {
		reply := fmt.Sprintf("ACK %d %s\n", i+1, pad)
		c.says(links[0], reply)
		want += reply
	}
	c.pass(1100 * time.Millisecond)
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.settle()
	a.SetWindow(1 << 16)
	c.settle()
	c.hears(a, want+"NAK 5 timeout\n")
}
