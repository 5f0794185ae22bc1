// mux_test.go: clients that share the connections to the servers.

package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// newMuxed opens a proxy whose clients share one link to each of n servers, and gives
// the servers' ends of them.
func newMuxed(t testing.TB, n int, change ...func(*Config)) (*cluster, []*fake.Peer) {
	t.Helper()
	c := newCluster(t, n, append([]func(*Config){func(config *Config) { config.Mux = 1 }}, change...)...)
	var links []*fake.Peer
	for i := range n {
		links = append(links, c.servers[i].Accept())
		if links[i] == nil {
			t.Fatal("a server was not dialled")
		}
	}
	return c, links
}

func (c *cluster) dial() *fake.Peer {
	c.t.Helper()
	client := c.kernel.Dial(c.addr)
	c.settle()
	return client
}

func TestClientsShareALink(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 7 a\nREQ  8\ta b \r\n")
	c.says(b, "REQ 7 b\n")
	c.hears(links[0], "REQ 1 a\nREQ  2\ta b \r\nREQ 3 b\n")
	c.says(links[0], "NAK 3\tno\nACK 1 a\n")
	c.hears(a, "ACK 7 a\n")
	c.hears(b, "NAK 7\tno\n")
	c.says(links[0], "ACK 2\n")
	c.hears(a, "ACK 8\n")
	a.CloseWrite()
	c.settle()
	c.ended(a)
	c.says(b, "REQ 9\n")
	c.hears(links[0], "REQ 4\n")
	c.says(links[0], "ACK 4\n")
	c.hears(b, "ACK 9\n")
	if c.servers[0].Accept() != nil {
		t.Error("a client has a link of its own")
	}
	c.numbers().expect(t, numbers{"msg_req": 4, "answered": 4, "outstanding": 0})
}

func TestASharedLinkGetsOnlyRequests(t *testing.T) {
	c, links := newMuxed(t, 1)
	a := c.dial()
	c.says(a, "REQ 1 a\nhello\nACK 2\nREQ 3 \xff\nREQ 4 d\n")
	c.hears(links[0], "REQ 1 a\nREQ 2 d\n")
	c.says(links[0], "ACK 1 a\nACK 2 d\n")
	c.hears(a, "ACK 1 a\nNAK 0 unknown type\nNAK 0 not a request\nNAK 3 data is not UTF-8\nACK 4 d\n")
	a.SendString("half")
	a.CloseWrite()
	c.settle()
	c.ended(a)
	c.hears(links[0], "")
}

// TestWhoLeavesTakesHisRequestsWithHim: replies that come later are nobody's.
func TestWhoLeavesTakesHisRequestsWithHim(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\n")
	c.says(b, "REQ 1 b\n")
	c.hears(links[0], "REQ 1 a\nREQ 2 b\n")
	a.Reset()
	c.settle()
	c.says(links[0], "ACK 1 a\nACK 2 b\n")
	c.hears(b, "ACK 1 b\n")
	c.numbers().expect(t, numbers{"late": 1, "abandoned": 1, "answered": 1, "connections": 1})
	if c.proxy.records.live != 0 {
		t.Error("its request is not forgotten")
	}
}

// TestALostSharedLinkIsAnswered for its own requests alone, and comes back.
func TestALostSharedLinkIsAnswered(t *testing.T) {
	for name, lose := range map[string]func(*fake.Peer){
		"reset":       func(p *fake.Peer) { p.Reset() },
		"end":         func(p *fake.Peer) { p.SendString("ACK 2 torn"); p.Close() },
		"wrong Seq":   func(p *fake.Peer) { p.SendString("ACK 3 wrong\nACK 2 b\n") },
		"twice":       func(p *fake.Peer) { p.SendString("ACK 1 a\nACK 2 b\n") },
		"NAK 0":       func(p *fake.Peer) { p.SendString("NAK 0 what\n") },
		"not a reply": func(p *fake.Peer) { p.SendString("REQ 2 b\n") },
		"garbage":     func(p *fake.Peer) { p.SendString("hello\nACK 2 b\n") },
		"long line":   func(p *fake.Peer) { p.SendString(strings.Repeat("x", 65_537)) },
	} {
		t.Run(name, func(t *testing.T) {
			c, links := newMuxed(t, 2)
			var clients []*fake.Peer
			for i := range 4 {
				clients = append(clients, c.dial())
				c.says(clients[i], fmt.Sprintf("REQ 5 %d\n", i))
			}
			c.hears(links[0], "REQ 1 0\nREQ 2 2\n")
			c.hears(links[1], "REQ 1 1\nREQ 2 3\n")
			c.says(links[0], "ACK 1 0\n")
			lose(links[0])
			c.settle()
			c.hears(clients[0], "ACK 5 0\n")
			c.hears(clients[2], "NAK 5 upstream lost\n")
			c.says(links[1], "ACK 1 1\nACK 2 3\n")
			c.hears(clients[1], "ACK 5 1\n")
			c.hears(clients[3], "ACK 5 3\n")
			for i, client := range clients {
				c.says(client, fmt.Sprintf("REQ 6 %d\n", i))
			}
			again := c.servers[0].Accept()
			if name != "reset" { // which ejects it
				c.hears(links[1], "REQ 3 1\nREQ 4 3\n")
				c.hears(again, "REQ 1 0\nREQ 2 2\n")
				return
			}
			c.hears(links[1], "REQ 3 0\nREQ 4 1\nREQ 5 2\nREQ 6 3\n")
			if again != nil || c.state(0) != "ejected" {
				t.Fatalf("a server that resets links is %s", c.state(0))
			}
			c.pass(ejectPauseMin * 3 / 2)
			again = c.servers[0].Accept()
			c.settle()
			if again == nil || c.state(0) != "up" {
				t.Fatalf("the link does not come back, the server is %s", c.state(0))
			}
			c.says(clients[0], "REQ 7\nREQ 8\n")
			if got := c.takes(again); got != "REQ 1\n" {
				t.Errorf("the new link gets %q", got)
			}
		})
	}
}

// TestWhatHasNotLeftASharedLinkGoesToAnother, in the order of each client.
func TestWhatHasNotLeftASharedLinkGoesToAnother(t *testing.T) {
	c, links := newMuxed(t, 2, func(config *Config) { config.Socket.NotSentLowat = 100 })
	c.proxy.drainUpstream(c.proxy.upstreams[1])
	links[0].SetWindow(0)
	a, b := c.dial(), c.dial()
	pad := strings.Repeat("x", 60)
	for i := range 5 {
		c.says(a, fmt.Sprintf("REQ %d a%s\n", i+1, pad))
		c.says(b, fmt.Sprintf("REQ %d b%s\n", i+1, pad))
	}
	c.proxy.enableUpstream(c.proxy.upstreams[1])
	c.settle()
	if links[1] = c.servers[1].Accept(); links[1] == nil {
		t.Fatal("the server is not dialled again")
	}
	links[0].Reset()
	c.settle()
	lostA, lostB := strings.Count(c.takes(a), "upstream lost"), strings.Count(c.takes(b), "upstream lost")
	if lostA+lostB == 0 || lostA+lostB > 6 {
		t.Fatalf("%d and %d requests are lost", lostA, lostB)
	}
	want, n := "", 0
	for name, lost := range []int{lostA, lostB} {
		for range 5 - lost {
			n++
			want += fmt.Sprintf("REQ %d %c%s\n", n, 'a'+name, pad)
		}
	}
	c.hears(links[1], want)
}

func TestEndWordsAreAnsweredBehindWhatIsOutstanding(t *testing.T) {
	c, links := newMuxed(t, 1)
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\nREQ 2 quit\nREQ 3 never\n")
	c.hears(links[0], "REQ 1 a\n")
	c.hears(a, "")
	c.says(links[0], "ACK 1 a\n")
	c.hears(a, "ACK 1 a\nACK 2\n")
	c.ended(a)
	c.says(b, "REQ 1 b\n")
	c.hears(links[0], "REQ 2 b\n")
	c.numbers().expect(t, numbers{"answered": 2, "msg_req": 3, "naks_local": 0})
}

func TestWithoutASharedLinkEachRequestIsAnswered(t *testing.T) {
	for _, wait := range []time.Duration{0, 2 * time.Second} {
		c, links := newMuxed(t, 1, func(config *Config) { config.NoServerWait = wait })
		a := c.dial()
		addr := c.servers[0].Addr()
		c.servers[0].Close()
		links[0].Reset()
		c.settle()
		c.says(a, "REQ 1 a\nREQ 2 quiet\n")
		if wait == 0 {
			c.hears(a, "NAK 1 no server\nNAK 2 no server\n")
		} else {
			c.hears(a, "")
		}
		c.servers[0] = c.kernel.Listen(addr)
		c.pass(dialPauseMax)
		server := c.servers[0].Accept()
		if wait == 0 {
			c.says(a, "REQ 3 b\n")
			c.hears(server, "REQ 1 b\n")
		} else {
			c.hears(server, "REQ 1 a\nREQ 2 quiet\n")
			c.says(server, "ACK 1\nACK 2\n")
			c.hears(a, "ACK 1\nACK 2\n")
		}
	}
}

// TestASlowReaderHoldsNobodyUp, and is not read any more.
func TestASlowReaderHoldsNobodyUp(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.Socket.NotSentLowat = 1000 })
	slow, quick := c.dial(), c.dial()
	slow.SetWindow(0)
	long := strings.Repeat("y", 30_000)
	sent := 0
	for i := range 200 {
		sent += slow.SendString(fmt.Sprintf("REQ %d\n", i+1))
		c.settle()
		for _, line := range strings.Split(c.takes(links[0]), "\n") {
			if seq, is := strings.CutPrefix(line, "REQ "); is {
				c.says(links[0], "ACK "+seq+" "+long+"\n")
			}
		}
	}
	c.says(quick, "REQ 1 x\n")
	seq, _ := strings.CutPrefix(c.takes(links[0]), "REQ ")
	c.says(links[0], "ACK "+seq)
	c.hears(quick, "ACK 1 x\n")
	if out := c.proxy.sessions[0].client.Appended() - c.proxy.sessions[0].client.Written(); out > 4*64<<10 {
		t.Errorf("%d bytes wait for the slow one", out)
	}
}
