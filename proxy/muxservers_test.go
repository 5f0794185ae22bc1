// muxservers_test.go: servers behind shared links are late, drained, out, or come back.

package proxy

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

func within(timeout time.Duration) func(*Config) {
	return func(c *Config) { c.RequestTimeout = timeout }
}

func TestALateReplyOnASharedLinkIsNobodys(t *testing.T) {
	c, links := newMuxed(t, 1, within(time.Second))
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\n")
	c.pass(500 * time.Millisecond)
	c.says(b, "REQ 1 b\n")
	c.pass(600 * time.Millisecond)
	c.hears(a, "NAK 1 timeout\n")
	c.says(links[0], "ACK 1 a\nACK 2 b\n")
	c.hears(a, "")
	c.hears(b, "ACK 1 b\n")
	c.says(a, "REQ 2 c\n")
	c.hears(links[0], "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
	c.says(links[0], "ACK 3 c\n")
	c.hears(a, "ACK 2 c\n")
	c.numbers().expect(t, numbers{"late": 1, "naks_local": 1, "answered": 3})
}

// TestALateReplyBeforeItsNAK: the NAK waits for an older request, and the reply comes
// meanwhile.
func TestALateReplyBeforeItsNAK(t *testing.T) {
	c, links := newMuxed(t, 2, within(time.Second), func(config *Config) { config.NoServerWait = 3 * time.Second })
	a := c.dial()
	c.says(a, "REQ 1 a\n") // to the first server
	c.pass(900 * time.Millisecond)
	c.says(links[0], "ACK 1 a\n")
	c.says(a, "REQ 2 b\nREQ 3 c\n")
	c.pass(1100 * time.Millisecond)
	c.hears(a, "ACK 1 a\nNAK 2 timeout\nNAK 3 timeout\n")
	c.says(links[1], "ACK 1 b\n")
	c.says(links[0], "ACK 2 c\n")
	c.hears(a, "")
	c.numbers().expect(t, numbers{"late": 2})
}

// TestAServerThatDoesNotReplyIsLeft, and is dialled again when its time is over.
func TestAServerThatDoesNotReplyIsLeft(t *testing.T) {
	c, links := newMuxed(t, 2, within(100*time.Millisecond))
	a := c.dial()
	for i := range 6 {
		c.says(a, fmt.Sprintf("REQ %d\n", i+1))
		if got := c.takes(links[1]); got != "" {
			c.says(links[1], "ACK"+got[3:])
		}
	}
	c.pass(200 * time.Millisecond)
	if c.state(0) != "ejected" {
		t.Fatalf("the server is %s", c.state(0))
	}
	c.hears(a, "ACK 2\nACK 4\nACK 6\nNAK 1 timeout\nNAK 3 timeout\nNAK 5 timeout\n")
	c.takes(links[0])
	c.ended(links[0]) // nobody waits for its replies
	links[0].Close()
	c.pass(2 * ejectPauseMin)
	again := c.servers[0].Accept()
	c.settle()
	if again == nil || c.state(0) != "up" {
		t.Fatalf("it is not dialled again, and is %s", c.state(0))
	}
}

// TestAServerWhoseLinkStandsIsNotOutForWantOfPorts: a second one to it is what has none.
func TestAServerWhoseLinkStandsIsNotOutForWantOfPorts(t *testing.T) {
	c, links := newMuxed(t, 2, func(config *Config) { config.Mux = 2 })
	second := c.servers[0].Accept()
	if second == nil {
		t.Fatal("there is no second link")
	}
	a := c.dial()
	c.says(a, "REQ 1\n")
	second.Close()
	c.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EADDRNOTAVAIL})
	for turns := 0; c.kernel.Pending(fake.CallConnect) != 0; turns++ {
		if turns == 200 {
			t.Fatal("the second link was not dialled")
		}
		c.pass(10 * time.Millisecond)
	}
	if c.state(0) != "up" {
		t.Errorf("the server is %s", c.state(0))
	}
	c.pass(2 * shortageRetry)
	if c.servers[0].Accept() == nil {
		t.Error("the second link was not dialled again")
	}
	c.says(links[0], "ACK 1\n")
	c.hears(a, "ACK 1\n")
}

// TestALinkFullOfWhatNobodyWaitsForIsGivenUp: its server has lost them.
func TestALinkFullOfWhatNobodyWaitsForIsGivenUp(t *testing.T) {
	c, links := newMuxed(t, 1, within(100*time.Millisecond))
	a := c.dial()
	for i := range muxUnwantedMax + 1 {
		a.SendString(fmt.Sprintf("REQ %d\n", i+1))
		if i%256 == 255 {
			c.settle()
		}
	}
	c.settle()
	c.takes(links[0])
	c.pass(200 * time.Millisecond)
	if n := strings.Count(c.takes(a), "timeout"); n < muxUnwantedMax-1 {
		t.Fatalf("%d requests are answered", n)
	}
	c.pass(200 * time.Millisecond)
	c.takes(a)
	c.takes(links[0])
	if !links[0].Ended() && links[0].Err() == 0 {
		t.Fatal("the link is still there")
	}
	c.pass(time.Second)
	if c.servers[0].Accept() == nil {
		t.Fatal("there is no other one")
	}
}

func TestADrainedServerAnswersItsSharedLinks(t *testing.T) {
	for _, replies := range []bool{true, false} {
		c, links := newMuxed(t, 2)
		a := c.dial()
		c.says(a, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
		c.proxy.drainUpstream(c.proxy.upstreams[0])
		c.settle()
		c.says(a, "REQ 4 d\n")
		c.hears(links[0], "REQ 1 a\nREQ 2 c\n")
		c.hears(links[1], "REQ 1 b\nREQ 2 d\n")
		c.says(links[1], "ACK 1 b\nACK 2 d\n")
		c.says(links[0], "ACK 1 a\n")
		c.hears(a, "ACK 2 b\nACK 4 d\nACK 1 a\n")
		if links[0].Ended() {
			t.Fatal("its link is closed with a reply owed")
		}
		if replies {
			c.says(links[0], "ACK 2 c\n")
			c.hears(a, "ACK 3 c\n")
			c.ended(links[0])
			links[0].Close()
		} else {
			c.pass(c.proxy.config.Drain + time.Second)
			c.hears(a, "NAK 3 upstream lost\n")
		}
		c.settle()
		if c.servers[0].Accept() != nil {
			t.Fatal("a drained server is dialled")
		}
		c.proxy.enableUpstream(c.proxy.upstreams[0])
		c.pass(dialPauseMax)
		if c.servers[0].Accept() == nil {
			t.Fatal("a server that is enabled is not dialled")
		}
	}
}

// TestAServerThatIsBackKeepsItsSharedLink: what it still owes comes, and more goes
// there.
func TestAServerThatIsBackKeepsItsSharedLink(t *testing.T) {
	c, links := newMuxed(t, 1)
	a := c.dial()
	c.says(a, "REQ 1 a\n")
	c.proxy.drainUpstream(c.proxy.upstreams[0])
	c.settle()
	c.says(a, "REQ 2 b\n")
	c.hears(a, "")
	c.proxy.enableUpstream(c.proxy.upstreams[0])
	c.settle()
	c.says(a, "REQ 3 c\n")
	c.hears(links[0], "REQ 1 a\nREQ 2 c\n")
	c.says(links[0], "ACK 1 a\nACK 2 c\n")
	c.hears(a, "ACK 1 a\nNAK 2 no server\nACK 3 c\n")
}

func TestWhatNobodyWaitsForDoesNotLeaveInADrain(t *testing.T) {
	c, link := newNarrow(t)
	a := c.dial()
	line := "REQ 1 " + strings.Repeat("x", narrowLine-7) + "\n"
	c.says(a, strings.Repeat(line, 5))
	if c.proxy.upstreams[0].load.outstanding != 5 {
		t.Fatal("not all of them were offered to the link")
	}
	a.Reset()
	c.proxy.beginDrain()
	c.settle()
	link.SetWindow(1 << 16)
	c.settle()
	if got := c.takes(link); len(got) > 2*narrowLine {
		t.Errorf("the server got %d bytes, most of which nobody waits for", len(got))
	}
	c.ended(link)
}

func TestADrainOfTheProxyWaitsForSharedLinks(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\n")
	b.SendString("REQ 7 b\n")
	c.proxy.beginDrain()
	c.settle()
	c.hears(links[0], "REQ 1 a\nREQ 2 b\n")
	c.says(links[0], "ACK 1 a\n")
	c.hears(a, "ACK 1 a\n")
	c.ended(a)
	a.Close()
	c.settle()
	if links[0].Ended() {
		t.Fatal("the link is closed with a reply owed")
	}
	c.says(links[0], "ACK 2 b\n")
	c.hears(b, "ACK 7 b\n")
	c.ended(b)
	b.Close()
	c.settle()
	c.ended(links[0])
	links[0].Close()
	c.settle()
	if !c.proxy.loop.Stopped() {
		t.Error("the loop goes on")
	}
}

// TestAHalfClosedClientGetsItsRepliesOverASharedLink, which stays.
func TestAHalfClosedClientGetsItsRepliesOverASharedLink(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	a.SendString("REQ 1 a\nREQ 2 b\n")
	a.CloseWrite()
	c.settle()
	c.hears(links[0], "REQ 1 a\nREQ 2 b\n")
	c.says(links[0], "ACK 2 b\n")
	c.hears(a, "ACK 2 b\n")
	if a.Ended() {
		t.Fatal("a client is closed with a reply outstanding")
	}
	c.says(links[0], "ACK 1 a\n")
	c.hears(a, "ACK 1 a\n")
	c.ended(a)
	c.says(b, "REQ 1 x\n")
	c.hears(links[0], "REQ 3 x\n")
}

// TestRequestsWaitForADialUnderWay: whoever comes first is not told that there is no
// server.
func TestRequestsWaitForADialUnderWay(t *testing.T) {
	c := &cluster{stage: &stage{t: t, kernel: fake.New()}}
	c.servers = []*fake.Server{c.kernel.Listen(anyLoopback)}
	c.servers[0].SetBacklog(-1) // nobody answers
	c.openServers([]Server{{Name: "0", Addrs: addrsOf(c.servers[0])}}, func(config *Config) { config.Mux = 2 })
	a := c.dial()
	c.says(a, "REQ 1 a\n")
	c.hears(a, "")
	if n := c.kernel.Open(); n > 7 {
		t.Errorf("%d descriptors are open: more than one link goes ahead", n)
	}
	c.servers[0].SetBacklog(10)
	c.pass(DefaultConnectTimeout + 2*dialPauseMax)
	first := c.servers[0].Accept()
	if first == nil || c.servers[0].Accept() == nil {
		t.Fatal("the links are not dialled")
	}
	if got := c.takes(a); got != "" && got != "NAK 1 no server\n" {
		t.Errorf("the client gets %q", got)
	}
}

// TestOneSharedLinkOfTwoIsLost: the other one's requests are not its own.
func TestOneSharedLinkOfTwoIsLost(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.Mux = 2 })
	second := c.servers[0].Accept()
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\n")
	c.says(b, "REQ 1 b\n")
	c.hears(links[0], "REQ 1 a\n")
	c.hears(second, "REQ 1 b\n")
	links[0].Close()
	c.settle()
	c.hears(a, "NAK 1 upstream lost\n")
	c.says(second, "ACK 1 b\n")
	c.hears(b, "ACK 1 b\n")
}

func TestWhatCannotGoWithSharedLinksIsRefused(t *testing.T) {
	for _, change := range []func(*Config){
		func(c *Config) { c.Mux = -1 },
		func(c *Config) { c.Mux, c.SendProxy = 1, 1 },
	} {
		config := DefaultConfig()
		change(&config)
		if config.check() == nil {
			t.Errorf("mux %d with a header of version %d is not refused", config.Mux, config.SendProxy)
		}
	}
	config := DefaultConfig()
	config.Mux = 3
	if n := config.maxConns(1000, 2); n != 1000-32-6 {
		t.Errorf("of 1000 descriptors %d are for clients", n)
	}
}
