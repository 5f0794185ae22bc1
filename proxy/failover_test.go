// failover_test.go: servers die, are drained or fall silent, and their clients stay.

package proxy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// cluster is a proxy in front of several servers, by hand.
type cluster struct {
	*stage
	servers []*fake.Server
}

// newCluster opens a proxy that fails over between n servers, in turns. Their
// names are their numbers.
func newCluster(t testing.TB, n int, change ...func(*Config)) *cluster {
	t.Helper()
	c := &cluster{stage: &stage{t: t, kernel: fake.New()}}
	var servers []Server
	for i := range n {
		c.servers = append(c.servers, c.kernel.Listen(anyLoopback))
		servers = append(servers, Server{Name: fmt.Sprint(i), Addrs: addrsOf(c.servers[i])})
	}
	failover := func(config *Config) { config.OnServerClose = Failover }
	c.openServers(servers, append([]func(*Config){failover}, change...)...)
	return c
}

// client connects one, and gives the server's end and which server it is.
func (c *cluster) client() (client, server *fake.Peer, number int) {
	c.t.Helper()
	client = c.kernel.Dial(c.addr)
	c.settle()
	server, number = c.accepted()
	return client, server, number
}

// accepted is the connection that one of the servers has got.
func (c *cluster) accepted() (server *fake.Peer, number int) {
	c.t.Helper()
	for i, s := range c.servers {
		if server = s.Accept(); server != nil {
			c.settle()
			return server, i
		}
	}
	c.t.Fatal("no server was dialled")
	return nil, 0
}

// state is what the proxy says of a server.
func (c *cluster) state(number int) string { return c.proxy.upstreams[number].stateName() }

func TestALostLinkIsAnsweredAndTheRestGoesElsewhere(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprint("reset ", reset), func(t *testing.T) {
			c := newCluster(t, 3)
			client, server, first := c.client()
			c.says(client, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
			c.hears(server, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
			c.says(server, "ACK 1 a\nACK 2 torn")
			if reset {
				server.Reset()
			} else {
				server.Close()
			}
			c.settle()
			c.hears(client, "ACK 1 a\nNAK 2 upstream lost\nNAK 3 upstream lost\n")
			c.says(client, "REQ  4\td e \r\nREQ 5\n")
			next, second := c.accepted()
			if second == first && reset {
				t.Error("the server that resets gets the next link")
			}
			c.hears(next, "REQ  1\td e \r\nREQ 2\n")
			c.says(next, "ACK 9 stray\nNAK 2 no\r\nACK 1  d e\nACK 1 again\n")
			c.hears(client, "NAK 5 no\r\nACK 4  d e\n")
			if want := map[bool]string{true: "ejected", false: "up"}[reset]; c.state(first) != want {
				t.Errorf("the server is %s, not %s", c.state(first), want)
			}
			c.numbers().expect(t, numbers{"msg_req": 5, "answered": 5, "late": 2, "naks_local": 2, "abandoned": 0, "strays": 0})
		})
	}
}

// TestWhatHasNotLeftIsSentToAnother has the first server take only part of what
// waits: the request under way there is lost, those behind it are not.
func TestWhatHasNotLeftIsSentToAnother(t *testing.T) {
	for _, long := range []int{100, 70_000} {
		c := newCluster(t, 2, func(config *Config) {
			config.Socket.NotSentLowat = 250
			config.Client.MaxLine, config.Server.MaxLine = 100_000, 100_000
			config.Client.HighMark, config.Server.HighMark = 400_000, 400_000
		})
		client, server, _ := c.client()
		server.SetWindow(0)
		line := func(seq int) string { return fmt.Sprintf("REQ %d %s\n", seq, strings.Repeat("x", long)) }
		text := line(11) + line(12) + line(13) + line(14) + line(15)
		sent := c.pours(client, text)
		server.Reset()
		c.settle()
		lost := strings.Count(c.takes(client), "upstream lost")
		if lost == 0 || lost == 5 {
			t.Fatalf("%d of 5 requests are lost", lost)
		}
		next, _ := c.accepted()
		want := ""
		for i := range 5 - lost {
			want += strings.Replace(line(11+lost+i), fmt.Sprint("REQ ", 11+lost+i), fmt.Sprint("REQ ", i+1), 1)
		}
		got := c.takes(next)
		for n := 1; n > 0; sent += n {
			n = c.pours(client, text[sent:])
			got += c.takes(next)
		}
		if got != want {
			t.Fatalf("arrived: %s\n   want: %s", brief(got), brief(want))
		}
		c.says(next, "ACK 1\nACK 2\n")
		c.hears(client, fmt.Sprintf("ACK %d\nACK %d\n", 11+lost, 12+lost))
	}
}

func TestARefusedServerCostsNothing(t *testing.T) {
	c := newCluster(t, 3)
	c.servers[0].Close()
	for i := range 4 {
		client, server, _ := c.client()
		c.says(client, "REQ 7 x\n")
		c.hears(server, "REQ 7 x\n") // as the client numbers it: nothing has left before
		c.says(server, "ACK 7 x\n")
		c.hears(client, "ACK 7 x\n")
		if c.state(0) != "ejected" {
			t.Errorf("after client %d the dead server is %s", i, c.state(0))
		}
	}
}

func TestWithoutAServerEachRequestIsAnswered(t *testing.T) {
	c := newCluster(t, 2)
	client, server, _ := c.client()
	c.says(client, "REQ 1 a\n")
	for i := range c.servers {
		c.servers[i].Close()
	}
	server.Reset()
	c.settle()
	c.hears(client, "NAK 1 upstream lost\n")
	c.says(client, "REQ 2 b\nREQ 3 c\n")
	c.hears(client, "NAK 2 no server\nNAK 3 no server\n")
	c.servers[1] = c.kernel.Listen(c.servers[1].Addr())
	c.pass(dialPauseMax * 3)
	c.says(client, "REQ 4 d\n")
	next, _ := c.accepted()
	c.hears(next, "REQ 1 d\n")
	c.servers[1].Close()
	next.Reset()
	c.settle()
	c.hears(client, "NAK 4 upstream lost\n")
	c.says(client, "no request\nREQ 5\n")
	c.ended(client) // nobody knows what would have been the reply
	if n := c.numbers(); n["naks_local"] != 4 || n["lines_invalid"] != 1 {
		t.Errorf("numbers: %v", n)
	}
}

func TestRequestsWaitForTheOnlyServer(t *testing.T) {
	c := newCluster(t, 1, func(config *Config) { config.NoServerWait = 2 * time.Second })
	client, server, _ := c.client()
	c.says(client, "REQ 1 a\n")
	c.hears(server, "REQ 1 a\n")
	c.says(server, "ACK 1 a\n")
	addr := c.servers[0].Addr()
	c.servers[0].Close()
	server.Close()
	c.settle()
	c.says(client, "REQ 2 b\n")
	c.pass(500 * time.Millisecond)
	c.says(client, "REQ 3 c\n")
	c.hears(client, "ACK 1 a\n")
	c.servers[0] = c.kernel.Listen(addr)
	c.pass(dialPauseMax + shortageRetry)
	next, _ := c.accepted()
	c.hears(next, "REQ 1 b\nREQ 2 c\n")
	c.says(next, "ACK 1 b\nACK 2 c\n")
	c.hears(client, "ACK 2 b\nACK 3 c\n")
	// And now it stays away.
	c.servers[0].Close()
	next.Close()
	c.settle()
	c.says(client, "REQ 4\n")
	c.pass(time.Second)
	c.says(client, "REQ 5\n")
	c.pass(900 * time.Millisecond)
	c.hears(client, "")
	c.pass(200 * time.Millisecond)
	c.hears(client, "NAK 4 no server\n")
	c.pass(time.Second)
	c.hears(client, "NAK 5 no server\n")
}

func TestARequestHasItsTime(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.RequestTimeout = time.Second })
	client, server, _ := c.client()
	c.says(client, "REQ 1 a\nREQ 2 b\n")
	c.pass(600 * time.Millisecond)
	c.says(client, "REQ 3 c\n")
	c.says(server, "ACK 2 b\n")
	c.hears(client, "ACK 2 b\n")
	c.pass(390 * time.Millisecond)
	c.hears(client, "")
	c.pass(20 * time.Millisecond)
	c.hears(client, "NAK 1 timeout\n")
	c.says(server, "ACK 3 c\nACK 1 late\n")
	c.hears(client, "ACK 3 c\n")
	c.says(client, "REQ 4 d\n")
	c.says(server, "ACK 4 d\n")
	c.hears(client, "ACK 4 d\n")
	c.numbers().expect(t, numbers{"late": 1, "naks_local": 1, "answered": 4, "outstanding": 0})
	if c.proxy.sessions[0].owed() != 0 || c.proxy.records.live != 0 {
		t.Error("the request that was late is not forgotten")
	}
}

func TestASilentServerIsEjectedAndLeft(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.RequestTimeout, config.Check = time.Second, CheckTCP })
	client, server, first := c.client()
	c.says(client, "REQ 1\nREQ 2\n")
	c.pass(900 * time.Millisecond)
	c.says(client, "REQ 3\nREQ 4\n")
	c.hears(server, "REQ 1\nREQ 2\nREQ 3\nREQ 4\n")
	c.pass(150 * time.Millisecond)
	c.hears(client, "NAK 1 timeout\nNAK 2 timeout\n")
	if c.state(first) != "up" {
		t.Fatal("ejected for two timeouts")
	}
	c.pass(900 * time.Millisecond)
	c.hears(client, "NAK 3 timeout\nNAK 4 timeout\n")
	if c.state(first) != "ejected" {
		t.Fatalf("a server that does not reply is %s", c.state(first))
	}
	c.settle()
	if !server.Ended() {
		t.Error("its link is still there")
	}
	c.says(client, "REQ 5\n")
	for _, s := range c.servers {
		for p := s.Accept(); p != nil; p = s.Accept() {
			if got := c.takes(p); got != "" && got != "REQ 1\n" {
				t.Errorf("a server got %q", got)
			}
		}
	}
}

func TestADrainedServerIsLeftWithoutLoss(t *testing.T) {
	c := newCluster(t, 2)
	client, server, first := c.client()
	c.says(client, "REQ 1 a\nREQ 2 b\n")
	c.hears(server, "REQ 1 a\nREQ 2 b\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.says(client, "REQ 3 c\n")
	c.says(server, "ACK 1 a\n")
	c.hears(server, "")
	if server.Ended() {
		t.Fatal("left with a reply owed")
	}
	c.says(server, "ACK 2 b\n")
	c.hears(client, "ACK 1 a\nACK 2 b\n")
	next, second := c.accepted()
	if second == first || !server.Ended() {
		t.Fatalf("from server %d to %d, ended %v", first, second, server.Ended())
	}
	c.hears(next, "REQ 1 c\n")
	c.says(next, "ACK 1 c\n")
	c.hears(client, "ACK 3 c\n")
	for range 4 {
		if _, _, n := c.client(); n == first {
			t.Error("a drained server gets a client")
		}
	}
	c.proxy.enableUpstream(c.proxy.upstreams[first])
	var seen []int
	for range 4 {
		_, _, n := c.client()
		seen = append(seen, n)
	}
	if !slices.Contains(seen, first) {
		t.Error("an enabled server gets no clients")
	}
	c.numbers().expect(t, numbers{"naks_local": 0})
}

func TestLinesWithoutARecordKeepTheirServer(t *testing.T) {
	c := newCluster(t, 2)
	client, server, first := c.client()
	c.says(client, "hello\nREQ 1\n")
	c.proxy.drainUpstream(c.proxy.upstreams[first])
	c.settle()
	c.says(client, "REQ 2\n")
	c.hears(server, "hello\nREQ 1\nREQ 2\n")
	c.says(server, "NAK 0 what\nACK 1\nhalf")
	server.Close()
	c.settle()
	c.hears(client, "NAK 0 what\nACK 1\nhalf")
	c.ended(client)
}

func TestAServerMayCloseBehindAnEndWord(t *testing.T) {
	for text, relayed := range map[string]bool{"REQ 2 quit\n": true, "REQ 2 QUIT\n": true, "REQ 2 QUIT \n": false, "REQ 2 QUIET\n": false, "REQ 2\n": false} {
		c := newCluster(t, 2)
		client, server, _ := c.client()
		c.says(client, "REQ 1 QUIT\n")
		c.says(server, "ACK 1\n")
		c.says(client, text)
		c.says(server, "ACK 2 bye\n")
		server.Close()
		c.settle()
		c.hears(client, "ACK 1\nACK 2 bye\n")
		if client.Ended() != relayed {
			t.Errorf("after %q ended: %v", text, client.Ended())
		}
	}
}

func TestAServerKilledWhileIdleIsNotNoticed(t *testing.T) {
	c := newCluster(t, 2)
	client, server, _ := c.client()
	server.Close()
	c.settle()
	if client.Ended() {
		t.Fatal("the client is closed")
	}
	c.says(client, "REQ 1 a\n")
	next, _ := c.accepted()
	c.hears(next, "REQ 1 a\n")
	c.says(next, "ACK 1 a\n")
	c.hears(client, "ACK 1 a\n")
	if _, err := client, client.Err(); err != 0 {
		t.Error(err)
	}
}

// TestAServerThatResetsBehindItsClientIsNotBlamed: some close that way.
func TestAServerThatResetsBehindItsClientIsNotBlamed(t *testing.T) {
	c := newCluster(t, 2)
	client, server, number := c.client()
	c.says(client, "REQ 1 a\n")
	c.says(server, "ACK 1 a\n")
	client.CloseWrite()
	c.settle()
	server.Reset()
	c.settle()
	c.hears(client, "ACK 1 a\n")
	c.ended(client)
	if c.state(number) != "up" {
		t.Errorf("the server is %s", c.state(number))
	}
}

func TestAClientThatHasEndedGetsItsLastReplies(t *testing.T) {
	c := newCluster(t, 2)
	client, server, _ := c.client()
	c.says(client, "REQ 1 a\nREQ 2 b\n")
	client.CloseWrite()
	c.settle()
	c.says(server, "ACK 1 a\n")
	server.Reset()
	c.settle()
	c.hears(client, "ACK 1 a\nNAK 2 upstream lost\n")
	c.ended(client)
}
