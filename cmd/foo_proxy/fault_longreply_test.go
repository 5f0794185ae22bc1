// fault_longreply_test.go owns row U8c: a server whose reply is longer than
// -max-line, where its end is relayed and where others take over.

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// handServer gives a test the connections that come to it, to be played by hand.
type handServer struct {
	t     *testing.T
	addr  string
	conns chan net.Conn
}

func startHandServer(t *testing.T) *handServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s := &handServer{t: t, addr: listener.Addr().String(), conns: make(chan net.Conn, 1000)}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			s.conns <- c
		}
	}()
	return s
}

// next is the connection that came next.
func (s *handServer) next() net.Conn {
	s.t.Helper()
	select {
	case c := <-s.conns:
		s.t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
			s.t.Fatal(err)
		}
		return c
	case <-time.After(proctest.Patience):
		s.t.Fatal("nobody comes to the server")
		return nil
	}
}

// longReplyModes are the two ways in which a server may end.
var longReplyModes = []struct {
	name string
	args []string
}{
	{"relay", []string{"-on-server-close", "relay"}},
	{"failover", []string{"-on-server-close", "failover"}},
}

// startBehind runs a proxy whose first session goes to a server that is played by
// hand, and all others of failover to one that answers.
func startBehind(t *testing.T, args []string) (watched, *handServer) {
	t.Helper()
	hand := startHandServer(t)
	forward := hand.addr
	if strings.Contains(strings.Join(args, " "), "failover") {
		forward += "," + proctest.StartEcho(t)
	}
	return watchProxy(t, forward, append(args, "-check", "off", "-request-timeout", "0")...), hand
}

// beginBehind has one client ask four times, and the server has got it.
func beginBehind(t *testing.T, p watched, hand *handServer) (client, server net.Conn) {
	t.Helper()
	client = p.Dial()
	const asks = "REQ 1 a\nREQ 2 b\nREQ 3 c\nREQ 4 d\n"
	if _, err := io.WriteString(client, asks); err != nil {
		t.Fatal(err)
	}
	server = hand.next()
	got := make([]byte, len(asks))
	if _, err := io.ReadFull(server, got); err != nil || string(got) != asks {
		t.Fatalf("the server got %q (%v)", got, err)
	}
	if _, err := io.WriteString(server, "ACK 1 a\n"); err != nil {
		t.Fatal(err)
	}
	proctest.Ask(t, client, "", "ACK 1 a\n")
	return client, server
}

// TestAReplyIsTooLongFromOneByteOn is row U8c.
func TestAReplyIsTooLongFromOneByteOn(t *testing.T) {
	for _, mode := range longReplyModes {
		t.Run(mode.name, func(t *testing.T) {
			p, hand := startBehind(t, mode.args)
			client, server := beginBehind(t, p, hand)
			good := lineOf("ACK 2 ", longestLine)
			sendAndAwait(t, server, client, good)
			decided := replyDecision(t, p, server)
			if decided < longestLine || decided > longestLine+1 {
				t.Errorf("decided at byte %d", decided)
			}
			delivered := 0
			if mode.name == "relay" {
				got := listen(client)
				if delivered = len(got.bytes); got.end != "FIN" || got.bytes != strings.Repeat("y", delivered) || delivered < longestLine {
					t.Errorf("the client got %d bytes, %q, then %s", delivered, brief(got.bytes), got.end)
				}
			} else {
				proctest.Ask(t, client, "REQ 5 e\n", "NAK 3 upstream lost\nNAK 4 upstream lost\nACK 5 e\n")
			}
			all := map[string]string{"relay": fmt.Sprintf("%d bytes of it delivered, then FIN", delivered), "failover": "0 bytes of it delivered, 2 of 2 outstanding requests got NAK upstream lost, the next one an ACK"}
			proctest.Figure(t, "U8c", fmt.Sprintf("a reply of -max-line bytes, and one of more, -on-server-close %s", mode.name),
				fmt.Sprintf("%d bytes delivered, decided at byte %d; %s", longestLine, decided, all[mode.name]), fmt.Sprintf("by byte %d", longestLine+1))
		})
	}
}

// sendAndAwait has one side send a text that the other one gets.
func sendAndAwait(t *testing.T, from, to net.Conn, text string) {
	t.Helper()
	wrote := make(chan error, 1)
	go func() {
		_, err := io.WriteString(from, text)
		wrote <- err
	}()
	got := make([]byte, len(text))
	n, err := io.ReadFull(to, got)
	if string(got[:n]) != text {
		t.Fatalf("arrived: %q (%v)", brief(string(got[:n])), err)
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
}

// replyDecision sends a reply without LF and tells at which byte the link is given
// up.
func replyDecision(t *testing.T, p watched, server net.Conn) (sent int) {
	t.Helper()
	for _, n := range []int{longestLine - 1, 1, 1} {
		if _, err := io.WriteString(server, strings.Repeat("y", n)); err != nil {
			t.Fatal(err)
		}
		sent += n
		until(t, "it has arrived", func() bool {
			return p.toldServers()[0].Failures["line_too_long"] > 0 || queueOf(t, server.LocalAddr(), server.RemoteAddr()).send == 0 && queueOf(t, server.RemoteAddr(), server.LocalAddr()).receive == 0
		})
		if p.numbers(); p.toldServers()[0].Failures["line_too_long"] > 0 {
			return sent
		}
	}
	t.Error("an endless reply is not given up")
	return sent
}

// TestAnEndlessReplyCostsLittle is the bound of row U8c: as many replies as there
// are clients are one byte short of being too long, and then become endless.
func TestAnEndlessReplyCostsLittle(t *testing.T) {
	const clients = 100
	for _, mode := range longReplyModes {
		t.Run(mode.name, func(t *testing.T) {
			p, hand := startBehind(t, append(mode.args, "-balance", "hash"))
			var servers []net.Conn
			for range clients {
				c := p.Dial()
				if _, err := io.WriteString(c, "REQ 1 a\n"); err != nil {
					t.Fatal(err)
				}
			}
			p.untilToldServers("all have asked", func(all []toldServer) bool {
				n := int64(0)
				for _, s := range all {
					n += s.Requests
				}
				return n == clients
			})
			mine := int(p.toldServers()[0].Sessions)
			if mine == 0 {
				t.Skip("the hash of this address goes to the other server")
			}
			for range mine {
				servers = append(servers, hand.next())
			}
			before := p.resident()
			peak := p.startMemoryPeak()
			for _, c := range servers {
				if _, err := io.WriteString(c, strings.Repeat("y", longestLine-1)); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range servers {
				until(t, "it has arrived", func() bool { return queueOf(t, c.RemoteAddr(), c.LocalAddr()).receive == 0 })
			}
			held := p.resident() - before
			for _, c := range servers {
				// It may be cut off in the middle, which is the point.
				_, _ = io.WriteString(c, strings.Repeat("y", 512<<10))
			}
			p.untilToldServers("all are given up", func(all []toldServer) bool { return all[0].Failures["line_too_long"] == int64(mine) })
			most := peak() - before
			proctest.Figure(t, "U8c", fmt.Sprintf("%d servers whose reply never ends, -on-server-close %s", mine, mode.name),
				fmt.Sprintf("all given up; memory %d KiB each with replies of %d bytes unfinished, %d KiB at the peak", kibibytes(held/mine), longestLine-1, kibibytes(most/mine)), "128 KiB each")
			if most > 10*2*longestLine*mine {
				t.Errorf("the memory grew by %d KiB", kibibytes(most))
			}
		})
	}
}
