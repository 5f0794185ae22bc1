// drain_test.go: the end of a proxy. What was received is answered, everybody
// gets a FIN, and it is over in time.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func (l *live) ended(within time.Duration) {
	l.t.Helper()
	select {
	case <-l.done:
	case <-time.After(within):
		l.t.Fatal("the proxy does not end")
	}
}

func TestADrainAnswersWhatWasReceivedAndEnds(t *testing.T) {
	release := make(chan struct{})
	s := startServer(t, 0, func(c *net.TCPConn, in *bufio.Reader) {
		<-release
		answers(c, in)
	})
	l := startLive(t, s.addrs())
	idle, busy := dial(t, l.addr), dial(t, l.addr)
	var asks strings.Builder
	for i := range 100 {
		fmt.Fprintf(&asks, "REQ %d x\n", i+1)
	}
	send(t, busy, asks.String())
	l.until("all requests are here", func() bool { return l.proxy.records.live == 100 && len(l.proxy.sessions) == 2 })
	l.proxy.Drain()
	l.proxy.Drain()
	receiveEnd(t, idle, "") // at once, while the other one waits
	l.until("nobody is accepted any more", func() bool { return l.proxy.listenersClosed() })
	if c, err := net.DialTimeout("tcp", l.addr, patience); err == nil {
		c.Close()
		t.Error("a new client is accepted")
	}
	send(t, busy, "REQ 101 too late\n")
	close(release)
	receiveEnd(t, busy, strings.ReplaceAll(asks.String(), "REQ", "ACK"))
	idle.Close()
	busy.Close()
	l.ended(patience)
	if logs := l.logs.FilterMessage("draining").All(); len(logs) != 1 {
		t.Errorf("logged %d times", len(logs))
	}
}

func TestADrainAcceptsWhoWaitsAndAnswersThem(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs(), func(c *Config) { c.MaxConns, c.Drain = 1, time.Hour })
	first := dial(t, l.addr)
	send(t, first, "REQ 1 x\n")
	receive(t, first, "ACK 1 x\n")
	var waiting []*net.TCPConn
	for range 5 {
		c := dial(t, l.addr)
		send(t, c, "REQ 1 waited\n")
		waiting = append(waiting, c)
	}
	l.sync()
	l.proxy.Drain()
	for _, c := range waiting {
		receiveEnd(t, c, "ACK 1 waited\n")
		c.Close()
	}
	receiveEnd(t, first, "")
	first.Close()
	l.ended(patience)
}

// TestADrainEndsInTime has a server that never answers, clients that do not go,
// and one that does not even take its FIN.
func TestADrainEndsInTime(t *testing.T) {
	s := startServer(t, 0, swallows)
	l := startLive(t, s.addrs(), func(c *Config) {
		c.Drain, c.Client.LingerTimeout = 200*time.Millisecond, time.Hour
	})
	c := dial(t, l.addr)
	send(t, c, "REQ 1 never answered\n")
	l.until("the request is here", func() bool { return l.proxy.records.live == 1 })
	begin := time.Now()
	l.proxy.Drain()
	receiveEnd(t, c, "")
	if waited := time.Since(begin); waited < 100*time.Millisecond {
		t.Errorf("closed after %v", waited)
	}
	l.ended(patience) // the client is still there
	if n := l.logs.FilterMessage("the drain's time is over").Len(); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestTheStepsOfADrainInTime(t *testing.T) {
	g := newStage(t)
	silent, server := g.connect()
	odd, oddServer := g.connect()
	cut, cutServer := g.connect()
	g.says(silent, "REQ 1 x\n")
	g.hears(server, "REQ 1 x\n")
	g.says(odd, "no request, and no record\n")
	cut.SendString("REQ 1 x\nREQ 2 unfinis")
	g.proxy.beginDrain()
	g.settle()
	// The unfinished line is nobody's; the finished one was read and is answered.
	g.hears(cutServer, "REQ 1 x\n")
	g.says(cutServer, "ACK 1 x\n")
	g.hears(cut, "ACK 1 x\n")
	g.ended(cut)
	g.ended(cutServer)
	// Only the server knows when it has said all to lines without a record.
	g.hears(oddServer, "no request, and no record\n")
	g.ended(oddServer)
	if odd.Ended() {
		t.Error("closed before the server has said all")
	}
	g.says(oddServer, "NAK 0 what?\n")
	oddServer.Close()
	g.settle()
	g.hears(odd, "NAK 0 what?\n")
	g.ended(odd)
	odd.Close()
	// A request that nobody answers holds the drain up, for nine tenths of it.
	g.pass(DefaultDrain*9/10 - time.Millisecond)
	if silent.Ended() || server.Ended() {
		t.Error("closed too early")
	}
	g.pass(2 * time.Millisecond)
	g.hears(silent, "")
	g.ended(silent)
	g.ended(server)
	g.numbers().expect(t, numbers{"msg_req": 2, "answered": 1, "abandoned": 1})
}

func TestADrainLetsAClientThatIsNotReadHaveItsReplies(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxOutstanding = 3 })
	client, server := g.connect()
	g.says(client, "REQ 1\nREQ 2\nREQ 3\nREQ 4\nREQ 5\n") // 4 and 5 are kept
	g.proxy.beginDrain()
	g.settle()
	asked := ""
	for range 5 {
		more := g.takes(server)
		asked += more
		g.says(server, strings.ReplaceAll(more, "REQ", "ACK"))
	}
	if n := strings.Count(asked, "\n"); n != 5 {
		t.Errorf("%d requests were forwarded", n)
	}
	g.hears(client, "ACK 1\nACK 2\nACK 3\nACK 4\nACK 5\n")
	g.ended(client)
}

func TestALongLineBehindRepliesEndsADrainToo(t *testing.T) {
	g := newStage(t, small)
	client, server := g.connect()
	g.says(client, "REQ 1\n"+strings.Repeat("x", 2000))
	g.proxy.beginDrain()
	g.settle()
	g.says(server, "ACK 1\n")
	g.hears(client, "ACK 1\nNAK 0 line too long\n")
	g.ended(client)
}

func TestADrainWithoutClientsEndsAtOnce(t *testing.T) {
	l := startLive(t, startServer(t, 0, answers).addrs())
	l.proxy.Drain()
	l.ended(patience)
}

func TestClientsThatEndDuringADrainAreServedAsAlways(t *testing.T) {
	release := make(chan struct{})
	s := startServer(t, 0, func(c *net.TCPConn, in *bufio.Reader) {
		<-release
		answers(c, in)
	})
	l := startLive(t, s.addrs())
	half, gone := dial(t, l.addr), dial(t, l.addr)
	for _, c := range []*net.TCPConn{half, gone} {
		send(t, c, "REQ 1 x\n")
	}
	l.until("both requests are here", func() bool { return l.proxy.records.live == 2 })
	l.proxy.Drain()
	if err := half.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	gone.SetLinger(0)
	gone.Close()
	l.until("one has gone", func() bool { return l.proxy.records.live == 1 })
	close(release)
	receiveEnd(t, half, "ACK 1 x\n")
	if _, err := half.Read(make([]byte, 1)); err != io.EOF {
		t.Error(err)
	}
	half.Close()
	l.ended(patience)
}
