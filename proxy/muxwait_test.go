// muxwait_test.go: who waits for credits of shared links, whom others pass, and who
// keeps credits from others without using them.

package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// newScarce has clients share one link with so many credits.
func newScarce(t *testing.T, credits int32, change ...func(*Config)) (*cluster, *fake.Peer) {
	t.Helper()
	c, links := newMuxed(t, 1, change...)
	c.proxy.mux.credits = credits
	return c, links[0]
}

// ask sends a request and gives nothing the time to answer it.
func (c *cluster) ask(p *fake.Peer, text string) {
	c.t.Helper()
	if n := p.SendString(text); n != len(text) {
		c.t.Fatalf("only %d of %d bytes could be sent", n, len(text))
	}
}

// TestNoCreditIsKeptForThoseWhoseLinesAreGone: their time was over while they waited,
// and behind them somebody else waits. Each would cost a turn, and no turn comes.
func TestNoCreditIsKeptForThoseWhoseLinesAreGone(t *testing.T) {
	const credits = 5
	c, links := newMuxed(t, 2, within(100*time.Millisecond), func(config *Config) { config.Socket.NotSentLowat = 64 })
	c.proxy.mux.credits = credits
	links[1].SetWindow(0)
	first, next := c.dial(), c.dial()
	c.says(first, strings.Repeat("REQ 1 "+strings.Repeat("x", 200)+"\n", 2)) // one to each
	for range credits - 1 {
		c.says(first, "REQ 2 x\n")
		c.says(c.dial(), "REQ 1 gone\n")
	}
	if got := c.takes(links[0]); strings.Count(got, "\n") != credits || strings.Contains(got, "gone") {
		t.Fatalf("the first link gets %q", got)
	}
	c.pass(60 * time.Millisecond)
	for i := range credits {
		c.says(links[0], fmt.Sprint("ACK ", i+1, "\n"))
		c.says(first, "REQ 3 x\n")
	}
	c.takes(links[0])
	c.proxy.drainUpstream(c.proxy.upstreams[1]) // what has not left waits for the other link
	c.settle()
	c.pass(50 * time.Millisecond)
	c.says(next, "REQ 1 next\n")
	c.ask(links[0], fmt.Sprint("ACK ", credits+1, "\n"))
	for range 3 { // the reply, the line that waits, the call
		c.proxy.loop.Turn(c.kernel.Now())
	}
	c.hears(links[0], fmt.Sprint("REQ ", 2*credits+1, " next\n"))
}

// TestWhoHasRequestsQueuedDoesNotPass those who wait: after each that goes, his place
// is at the end.
func TestWhoHasRequestsQueuedDoesNotPass(t *testing.T) {
	c, _ := newScarce(t, 1, func(config *Config) { config.NoServerWait = 10 * time.Second })
	a, b := c.dial(), c.dial()
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.settle()
	c.says(a, "REQ 1 a\nREQ 2 a\nREQ 3 a\nREQ 4 a\n")
	c.proxy.enableUpstream(c.proxy.upstreams[0])
	c.settle()
	c.pass(shortageRetry)
	link := c.servers[0].Accept()
	if link == nil {
		t.Fatal("the server was not dialled again")
	}
	c.settle()
	got := c.takes(link)
	c.says(b, "REQ 1 b\nREQ 2 b\n")
	for i := range 5 {
		c.says(link, fmt.Sprint("ACK ", i+1, "\n"))
		got += c.takes(link)
	}
	if want := "REQ 1 a\nREQ 2 a\nREQ 3 b\nREQ 4 a\nREQ 5 b\nREQ 6 a\n"; got != want {
		t.Errorf("the server gets %q", got)
	}
}

// TestNobodyKeepsHisCreditsForLater: he was called for more lines than he had, since
// the first one was short.
func TestNobodyKeepsHisCreditsForLater(t *testing.T) {
	const credits = 10
	c, link := newScarce(t, credits)
	crowd, a, b := [2]*fake.Peer{c.dial(), c.dial()}, c.dial(), c.dial()
	answered := 0
	reply := func(n int) {
		for range n {
			answered++
			c.ask(link, fmt.Sprint("ACK ", answered, "\n"))
		}
	}
	c.says(crowd[0], strings.Repeat("REQ 1\n", 8))
	c.says(crowd[1], strings.Repeat("REQ 1\n", 2))
	c.says(a, "REQ 1\nREQ 2 "+strings.Repeat("x", 200)+"\n")
	reply(credits)
	c.settle()
	c.says(crowd[0], strings.Repeat("REQ 1\n", 8))
	if got := strings.Count(c.takes(link), "\n"); got != 2*credits {
		t.Fatalf("%d requests went out", got)
	}
	c.says(b, "REQ 1 b\n")
	reply(1)
	c.ask(a, "REQ 3 a\n")
	c.settle()
	c.hears(link, fmt.Sprintf("REQ %d b\n", 2*credits+1))
}

// TestWhatIsAnsweredHereNeedsNoCredit: a client may go, and hears that its line is no
// request, although others wait for a server.
func TestWhatIsAnsweredHereNeedsNoCredit(t *testing.T) {
	c, link := newScarce(t, 1)
	first, next, bad, last := c.dial(), c.dial(), c.dial(), c.dial()
	c.says(first, "REQ 1 first\n")
	c.says(next, "REQ 1 next\n")
	c.says(bad, "what\nREQ 1 bad\n")
	c.hears(bad, "NAK 0 unknown type\n")
	c.says(last, "REQ 1 quit\n")
	c.hears(last, "ACK 1\n")
	c.ended(last)
	c.hears(link, "REQ 1 first\n")
	c.says(link, "ACK 1\n")
	c.says(link, "ACK 2\n")
	c.hears(link, "REQ 2 next\nREQ 3 bad\n")
}
