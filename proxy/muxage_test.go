// muxage_test.go: idle links are asked, and old ones replaced.

package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// probed opens a proxy that checks its server, whose checks are answered as time
// passes.
func probed(t *testing.T, change ...func(*Config)) (c *cluster, link *fake.Peer) {
	c, links := newMuxed(t, 1, append([]func(*Config){checkFoo}, change...)...)
	return c, links[0]
}

func (c *cluster) passChecked(d time.Duration) {
	for end := c.kernel.Now() + int64(d); c.kernel.Now() < end; {
		c.pass(10 * time.Millisecond)
		if p := c.servers[0].Accept(); p != nil {
			c.settle()
			c.hears(p, checkRequest)
			c.says(p, "ACK 1\n")
		}
	}
}

// passUntilAsked passes time until something comes over the link.
func (c *cluster) passUntilAsked(link *fake.Peer) {
	for range 200 {
		if link.Buffered() > 0 {
			return
		}
		c.passChecked(10 * time.Millisecond)
	}
	c.t.Fatal("the link is not asked")
}

func TestAnIdleSharedLinkIsAsked(t *testing.T) {
	c, link := probed(t)
	a := c.dial()
	c.says(a, "REQ 1 a\n")
	c.passChecked(2 * time.Second)
	c.hears(link, "REQ 1 a\n") // it owes a reply, and is not idle
	c.says(link, "ACK 1 a\n")
	c.hears(a, "ACK 1 a\n")
	c.passUntilAsked(link)
	c.hears(link, "REQ 2\n")
	c.says(a, "REQ 2 b\n")
	c.hears(link, "REQ 3 b\n")
	c.says(link, "ACK 3 b\nNAK 2 busy\n") // any reply is good, in any order
	c.hears(a, "ACK 2 b\n")
	c.passUntilAsked(link)
	c.hears(link, "REQ 4\n")
	c.says(link, "ACK 4\n")
	c.numbers().expect(t, numbers{"msg_req": 2, "msg_ack": 2, "msg_nak": 0, "answered": 2, "late": 0})
	if n := c.proxy.upstreams[0].requests; n != 2 {
		t.Errorf("%d requests are counted", n)
	}
	c.says(link, "ACK 4\n") // there is no such request any more
	if link.Err() == 0 && !link.Ended() {
		t.Error("a second reply to a probe is taken")
	}
}

// TestADeadSharedLinkIsFoundOut before a request is lost on it.
func TestADeadSharedLinkIsFoundOut(t *testing.T) {
	c, link := probed(t)
	a := c.dial()
	c.passUntilAsked(link)
	c.hears(link, "REQ 1\n")
	for end := c.kernel.Now() + int64(time.Second); c.kernel.Now() < end && link.Err() == 0 && !link.Ended(); {
		c.pass(10 * time.Millisecond)
	}
	if link.Err() == 0 && !link.Ended() {
		t.Fatal("the link that does not answer is still there")
	}
	found := false
	var others []*fake.Peer
	for range 50 {
		c.pass(10 * time.Millisecond)
		for p := c.servers[0].Accept(); p != nil; p = c.servers[0].Accept() {
			if c.settle(); c.takes(p) == checkRequest {
				c.says(p, "ACK 1\n")
			} else {
				others = append(others, p)
			}
		}
	}
	c.says(a, "REQ 1 a\n")
	for _, p := range others {
		found = found || strings.HasSuffix(c.takes(p), "REQ 1 a\n")
	}
	if !found {
		t.Error("there is no other link that gets the request")
	}
	if n := c.proxy.upstreams[0].failures[failureCheck]; n == 0 {
		t.Error("that is not counted")
	}
}

// TestALinkThatIsTakenIntoUseAgainHasNoMoreTimeToAnswer than it had when it was asked.
func TestALinkThatIsTakenIntoUseAgainHasNoMoreTimeToAnswer(t *testing.T) {
	c, link := probed(t)
	a := c.dial()
	c.passUntilAsked(link)
	c.hears(link, "REQ 1\n")
	c.says(a, "REQ 1 a\n")
	c.hears(link, "REQ 2 a\n") // so that it does not end at once
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.passChecked(2 * DefaultCheckTimeout)
	if link.Err() != 0 || link.Ended() {
		t.Fatal("it is not left to its time")
	}
	c.proxy.enableUpstream(c.proxy.upstreams[0])
	c.passChecked(100 * time.Millisecond)
	if link.Err() == 0 && !link.Ended() {
		t.Error("it is in use, and does not answer")
	}
	c.hears(a, "NAK 1 upstream lost\n")
}

func TestAnOldSharedLinkIsReplaced(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.LinkMaxAge = 10 * time.Second })
	a := c.dial()
	c.pass(7 * time.Second)
	c.says(a, "REQ 1 a\n")
	c.hears(links[0], "REQ 1 a\n")
	if c.servers[0].Accept() != nil {
		t.Fatal("it is replaced too early")
	}
	c.pass(3 * time.Second)
	next := c.servers[0].Accept()
	if next == nil {
		t.Fatal("it is not replaced")
	}
	c.settle()
	c.says(a, "REQ 2 b\n")
	c.hears(next, "REQ 1 b\n")
	if links[0].Ended() {
		t.Fatal("the old one is closed with a reply owed")
	}
	c.says(links[0], "ACK 1 a\n")
	c.says(next, "ACK 1 b\n")
	c.hears(a, "ACK 1 a\nACK 2 b\n")
	c.ended(links[0])
	links[0].Close()
	c.settle()
	if n := len(c.proxy.upstreams[0].bundle.links); n != 1 {
		t.Errorf("there are %d links", n)
	}
}

// TestALinkOfRequestsThatNobodyWaitsForIsReplaced: their clients have left, and the
// server does not answer them.
func TestALinkOfRequestsThatNobodyWaitsForIsReplaced(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	for i := range muxUnwantedMax + 100 {
		a.SendString(fmt.Sprintf("REQ %d\n", i+1))
		if i%100 == 99 {
			c.settle()
			c.takes(links[0])
		}
	}
	c.settle()
	a.Reset()
	c.says(b, "REQ 1 b\n")
	c.takes(links[0])
	c.pass(2 * DefaultCheckInterval)
	next := c.servers[0].Accept()
	if next == nil {
		t.Fatal("there is no other link")
	}
	c.says(b, "REQ 2 b\n")
	c.hears(next, "REQ 1 b\n")
	if links[0].Ended() || links[0].Err() != 0 {
		t.Fatal("the old link is closed although somebody waits for a reply")
	}
	c.says(links[0], fmt.Sprintf("ACK %d b\n", muxUnwantedMax+101))
	c.hears(b, "ACK 1 b\n")
	c.ended(links[0])
}

// TestAnOldSharedLinkStaysWhereNoOtherStands.
func TestAnOldSharedLinkStaysWhereNoOtherStands(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.LinkMaxAge = time.Second })
	a := c.dial()
	c.servers[0].Close()
	for i := range 20 {
		c.pass(time.Second)
		c.says(a, fmt.Sprintf("REQ %d\n", i+1))
		c.hears(links[0], fmt.Sprintf("REQ %d\n", i+1))
		c.says(links[0], fmt.Sprintf("ACK %d\n", i+1))
		c.hears(a, fmt.Sprintf("ACK %d\n", i+1))
	}
}
