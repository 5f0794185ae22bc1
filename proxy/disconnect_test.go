// disconnect_test.go: either side ends, well or badly, and the other side hears
// of it as it would without a proxy.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// descriptors is how many descriptors the process has open.
func descriptors(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// gone waits until no session is left and as many descriptors are open as there
// were.
func (l *live) gone(before int) {
	l.t.Helper()
	l.until("all sessions are gone", func() bool { return len(l.proxy.sessions) == 0 })
	for deadline := time.Now().Add(patience); descriptors(l.t) > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("%d descriptors are open, %d were before", descriptors(l.t), before)
		}
	}
}

func TestAHalfCloseBehindAThousandRequestsStillGetsEveryReply(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs())
	var asks strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&asks, "REQ %d something\n", i+1)
	}
	for range 50 {
		c := dial(t, l.addr)
		send(t, c, asks.String())
		if err := c.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		receiveEnd(t, c, strings.ReplaceAll(asks.String(), "REQ", "ACK"))
		c.Close()
	}
	l.numbers().expect(t, numbers{"msg_req": 50_000, "answered": 50_000, "abandoned": 0})
}

func TestAHalfCloseIsPassedOn(t *testing.T) {
	ended := make(chan struct{})
	s := startServer(t, 1, func(c *net.TCPConn, in *bufio.Reader) {
		asked, _ := io.ReadAll(in) // only at its end there is something to say
		<-ended
		io.WriteString(c, strings.ReplaceAll(string(asked), "REQ", "ACK"))
	})
	l := startLive(t, s.addrs())
	c := dial(t, l.addr)
	send(t, c, "REQ 1\nREQ 2\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	l.until("the end is known", func() bool { return len(l.proxy.sessions) == 1 && l.proxy.sessions[0].state == sessionFinishing })
	close(ended)
	receiveEnd(t, c, "ACK 1\nACK 2\n")
}

func TestAClientThatLeavesFreesEverything(t *testing.T) {
	cases := []struct {
		name  string
		serve handler
		leave func(c *net.TCPConn)
	}{
		{"close, server answers", answers, func(c *net.TCPConn) { c.Close() }},
		{"reset, server answers", answers, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }},
		{"close, server is silent", swallows, func(c *net.TCPConn) { c.Close() }},
		{"reset, server is silent", swallows, func(c *net.TCPConn) { c.SetLinger(0); c.Close() }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, 0, c.serve)
			l := startLive(t, s.addrs())
			other := dial(t, l.addr)
			l.until("the other client is there", func() bool { return len(l.proxy.sessions) == 1 })
			for range 20 {
				client := dial(t, l.addr)
				send(t, client, strings.Repeat("REQ 1 never read\n", 500))
				c.leave(client)
			}
			l.until("all have come and gone", func() bool {
				return l.proxy.lastID == 21 && len(l.proxy.sessions) == 1
			})
			send(t, other, "REQ 1 x\n")
			if strings.HasSuffix(c.name, "answers") {
				receive(t, other, "ACK 1 x\n")
			}
			l.numbers().expect(t, numbers{"connections": 1})
		})
	}
}

func TestARepliesReceiverThatResetsWhileItIsNotReadIsNoticed(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs())
	before := descriptors(t)
	c := dial(t, l.addr)
	send(t, c, strings.Repeat(line("REQ 1 ", 1000), 20))
	l.until("the client owes", func() bool { return len(l.proxy.sessions) == 1 })
	c.SetLinger(0)
	c.Close()
	l.gone(before)
}

// TestTheServersEndReachesTheClient: an idle one, too, since the next request
// must not go into a dead connection.
func TestTheServersEndReachesTheClient(t *testing.T) {
	for _, reset := range []bool{false, true} {
		for _, outstanding := range []int{0, 3} {
			t.Run(fmt.Sprintf("reset %v/%d outstanding", reset, outstanding), func(t *testing.T) {
				end := make(chan struct{})
				s := startServer(t, 0, func(c *net.TCPConn, in *bufio.Reader) {
					for range outstanding + 1 {
						if _, err := in.ReadSlice('\n'); err != nil {
							return
						}
					}
					io.WriteString(c, "ACK 1\n")
					<-end
					if reset {
						c.SetLinger(0)
					}
				})
				l := startLive(t, s.addrs())
				before := descriptors(t)
				c := dial(t, l.addr)
				for i := range outstanding + 1 {
					send(t, c, fmt.Sprintf("REQ %d\n", i+1))
				}
				receive(t, c, "ACK 1\n")
				close(end)
				receiveEnd(t, c, "")
				l.numbers().expect(t, numbers{"answered": 1, "abandoned": float64(outstanding), "naks_local": 0})
				c.Close()
				l.gone(before)
			})
		}
	}
}

// TestTheServersLastWordsWaitForTheClient has the server send much and reset
// while the client does not read.
func TestTheServersLastWordsWaitForTheClient(t *testing.T) {
	for _, reset := range []bool{false, true} {
		t.Run(fmt.Sprint("reset ", reset), func(t *testing.T) {
			g := newStage(t)
			client, server := g.connect()
			client.SetWindow(1)
			g.says(client, "REQ 1\nREQ 2\nREQ 3\n")
			text := line("ACK 1 ", 50_000) + line("ACK 2 ", 50_000) + "ACK 3 ha"
			if sent := g.pours(server, text); sent != len(text) {
				t.Fatalf("%d bytes were sent", sent)
			}
			if reset {
				server.Reset()
			} else {
				server.Close()
			}
			g.settle()
			client.SetWindow(64 << 10)
			g.hears(client, text)
			g.ended(client)
			g.numbers().expect(t, numbers{"answered": 2, "abandoned": 1, "lines_invalid": 1})
		})
	}
}

func TestTheResetOfAClientThatIsNotReadIsNoticed(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxOutstanding = 1 })
	client, server := g.connect()
	g.says(client, "REQ 1 x\nREQ 2 y\n")
	g.hears(server, "REQ 1 x\n")
	client.Reset()
	g.settle()
	g.numbers().expect(t, numbers{"connections": 0, "abandoned": 1})
	g.ended(server)
}

// TestAServerThatHasEndedIsNotWaitedFor: it sends no more, and does not read what
// is still to be sent to it.
func TestAServerThatHasEndedIsNotWaitedFor(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	server.SetWindow(1)
	g.pours(client, strings.Repeat(line("REQ 1 ", 1000), 60))
	server.CloseWrite()
	g.settle()
	g.ended(client)
	client.Close()
	g.settle()
	if n := len(g.proxy.sessions); n != 0 {
		t.Error("its connection is still there")
	}
}

func TestWhatWasReadOfAClientThatResetsIsForwarded(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1 a\nREQ 2")
	client.Reset()
	g.settle()
	g.hears(server, "REQ 1 a\nREQ 2")
	g.ended(server)
	g.says(server, "ACK 1 a\n") // for nobody
	g.numbers().expect(t, numbers{"msg_req": 1, "abandoned": 1, "answered": 0, "strays": 0, "msg_ack": 0, "connections": 0})
}

// TestALinkThatIsClosingIsGivenUp: the server of a client that has left may
// say nothing for ever; its connection is not kept for ever.
func TestALinkThatIsClosingIsGivenUp(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1 a\n")
	g.hears(server, "REQ 1 a\n")
	client.Reset()
	g.settle()
	g.ended(server)
	linger := g.proxy.config.Server.LingerTimeout
	g.pass(linger - time.Millisecond)
	if len(g.proxy.sessions) != 1 {
		t.Fatal("given up too early")
	}
	g.pass(2 * time.Millisecond)
	if len(g.proxy.sessions) != 0 {
		t.Error("the connection to the server is still there")
	}
}

// TestTenThousandConnectionsLeaveNothing ends many of them with a reset, since a
// whole FIN leaves a port of this host unusable for a minute.
func TestTenThousandConnectionsLeaveNothing(t *testing.T) {
	const connections, workers = 10_000, 8
	s := startServer(t, 0, func(c *net.TCPConn, in *bufio.Reader) {
		answers(c, in)
		c.SetLinger(0)
	})
	l := startLive(t, s.addrs())
	before := descriptors(t)
	failed := make(chan error, workers)
	for w := range workers {
		go func() {
			for i := range connections / workers {
				if err := comeAndGo(l.addr, (w+i)%4); err != nil {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range workers {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	l.gone(before)
	l.on(func() {
		if l.proxy.lastID != connections {
			t.Errorf("%d clients were served", l.proxy.lastID)
		}
	})
	l.numbers().expect(t, numbers{"connections": 0, "outstanding": 0})
}

// comeAndGo makes one connection and ends it in one of four ways.
func comeAndGo(addr string, how int) error {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return err
	}
	c := nc.(*net.TCPConn)
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if how == 0 {
		return nil // without a word
	}
	if _, err := io.WriteString(c, "REQ 1 x\n"); err != nil {
		return err
	}
	switch how {
	case 1:
		return c.SetLinger(0) // the reset comes while a reply is on its way
	case 2:
		if err := c.CloseWrite(); err != nil {
			return err
		}
	}
	reply, err := bufio.NewReader(c).ReadString('\n')
	if reply != "ACK 1 x\n" {
		return fmt.Errorf("the reply was %q, %v", reply, err)
	}
	return c.SetLinger(0)
}
