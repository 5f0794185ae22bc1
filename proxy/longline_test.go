// longline_test.go: lines at and above the limit, from either side, and how the
// client learns of its own.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// line makes a line of so many bytes, LF included.
func line(head string, bytes int) string {
	return head + strings.Repeat("x", bytes-len(head)-1) + "\n"
}

const longest = 64 << 10

func TestTheLongestLineIsForwardedAndOneByteMoreIsRefused(t *testing.T) {
	for _, isStrict := range []bool{false, true} {
		for _, more := range []int{-1, 0, 1, 2, 5000} {
			for _, cut := range []int{0, 1, longest - 1, longest} {
				t.Run(fmt.Sprintf("strict %v/%+d/cut at %d", isStrict, more, cut), func(t *testing.T) {
					g := newStage(t, func(c *Config) { c.Strict = isStrict })
					client, server := g.connect()
					client.SetFarWindow(1 << 20)
					text := line("REQ 1 ", longest+more)
					cut := min(cut, len(text))
					g.says(client, text[:cut])
					client.SendString(text[cut:])
					g.settle()
					if more <= 0 {
						g.hears(server, text)
						g.numbers().expect(t, numbers{"lines_invalid": 0, "msg_req": 1})
						return
					}
					g.hears(server, "")
					g.hears(client, "NAK 0 line too long\n")
					g.ended(client)
					g.numbers().expect(t, numbers{"lines_invalid": 1, "msg_req": 0, "naks_local": 1, "msg_nak": 1, "nak_zero": 1})
				})
			}
		}
	}
}

func TestASmallerLimitHoldsForLinesThatComeTogether(t *testing.T) {
	g := newStage(t, small)
	client, server := g.connect()
	short, exact, long := line("REQ 1 ", 100), line("REQ 2 ", 1024), line("REQ 3 ", 1025)
	g.says(client, short+exact+short+long+short)
	g.hears(server, short+exact+short)
	g.hears(client, "")
	g.says(server, "ACK 1\nACK 2\nACK 1\n")
	g.hears(client, "ACK 1\nACK 2\nACK 1\nNAK 0 line too long\n")
	g.ended(client)
}

// TestAnEndlessLineIsRefused stops as soon as the line cannot become a good one
// any more, and reads on after that only to throw away.
func TestAnEndlessLineIsRefused(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	sent := 0
	for sent < 4<<20 {
		n := client.SendString(strings.Repeat("x", 1000))
		if n == 0 {
			t.Fatalf("the client is not read any more after %d bytes", sent)
		}
		sent += n
		g.settle()
		if held := g.proxy.sessions[0].client.Held(); held > 2*longest {
			t.Fatalf("%d bytes are held", held)
		}
		if sent < longest && client.Buffered() > 0 {
			t.Fatalf("refused after %d bytes", sent)
		}
	}
	g.hears(client, "NAK 0 line too long\n")
	g.ended(client)
	g.hears(server, "")
	client.Close()
	g.settle()
	g.ended(server)
}

func TestTheNAKOfALongLineStandsBehindTheRepliesThatAreOwed(t *testing.T) {
	for _, isStrict := range []bool{false, true} {
		t.Run(fmt.Sprint("strict ", isStrict), func(t *testing.T) {
			g := newStage(t, func(c *Config) { c.Strict = isStrict })
			client, server := g.connect()
			g.says(client, "REQ 1 a\nREQ 2 b\n")
			g.pours(client, line("REQ 3 ", longest+1)+"REQ 4 never read\n")
			g.hears(client, "")
			g.hears(server, "REQ 1 a\nREQ 2 b\n")
			g.says(server, "ACK 2 b\n")
			g.hears(client, "ACK 2 b\n")
			g.says(server, "ACK 1 a\n")
			g.hears(client, "ACK 1 a\nNAK 0 line too long\n")
			g.ended(client)
			g.ended(server)
			g.numbers().expect(t, numbers{"msg_req": 2, "answered": 2, "lines_invalid": 1, "naks_local": 1})
		})
	}
}

func TestTheNAKOfALongLineWaitsForRoom(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	client.SetWindow(1)
	g.says(client, "REQ 1\nREQ 2\n")
	replies := line("ACK 1 ", longest) + line("ACK 2 ", longest)
	g.pours(server, replies)
	g.pours(client, line("REQ 3 ", longest+1))
	client.SetWindow(1 << 10)
	g.hears(client, replies+"NAK 0 line too long\n")
	g.ended(client)
}

func TestALongLineOfTheServerIsDeliveredAsFarAsItCame(t *testing.T) {
	for _, isStrict := range []bool{false, true} {
		for _, more := range []int{0, 1, 3000} {
			t.Run(fmt.Sprintf("strict %v/%+d", isStrict, more), func(t *testing.T) {
				g := newStage(t, func(c *Config) { c.Strict = isStrict })
				client, server := g.connect()
				g.says(client, "REQ 1\nREQ 2\n")
				text := "ACK 2\n" + line("ACK 1 ", longest+more)
				for sent := 0; sent < len(text); {
					n := server.SendString(text[sent:min(sent+1000, len(text))])
					g.settle()
					if held := g.proxy.sessions[0].held(); held > 3*longest {
						t.Fatalf("%d bytes are held", held)
					}
					if sent += n; n == 0 {
						break
					}
				}
				if more == 0 {
					g.hears(client, text)
					g.numbers().expect(t, numbers{"answered": 2, "lines_invalid": 0})
					return
				}
				got := g.takes(client)
				if len(got) < longest+len("ACK 2\n") || !strings.HasPrefix(text, got) {
					t.Errorf("arrived: %s", brief(got))
				}
				g.ended(client)
				g.numbers().expect(t, numbers{"answered": 1, "abandoned": 1, "lines_invalid": 1})
			})
		}
	}
}

// TestTheNAKReachesAClientThatHasMuchMoreToSend has more on its way to the
// client than its receive window holds: a close with input unread would throw
// that away.
func TestTheNAKReachesAClientThatHasMuchMoreToSend(t *testing.T) {
	const requests, replyBytes = 60, 1000
	s := startServer(t, 1, func(c *net.TCPConn, in *bufio.Reader) {
		for i := 1; i <= requests; i++ {
			if _, err := in.ReadSlice('\n'); err != nil {
				return
			}
		}
		for i := 1; i <= requests; i++ {
			io.WriteString(c, line(fmt.Sprintf("ACK %d ", i), replyBytes))
		}
		io.Copy(io.Discard, in)
	})
	l := startLive(t, s.addrs())
	c := dial(t, l.addr)
	if err := c.SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	want := ""
	for i := 1; i <= requests; i++ {
		send(t, c, fmt.Sprintf("REQ %d\n", i))
		want += line(fmt.Sprintf("ACK %d ", i), replyBytes)
	}
	// All that is owed has been appended, the NAK as well, and nothing was read.
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, strings.Repeat("x", longest+1<<20))
		sent <- err
	}()
	l.until("the client is being closed", func() bool {
		return len(l.proxy.sessions) == 1 && l.proxy.sessions[0].state == sessionEnding
	})
	if err := <-sent; err != nil {
		t.Errorf("the rest of the line could not be sent: %v", err)
	}
	receiveEnd(t, c, want+"NAK 0 line too long\n")
}

func TestAnEndlessReplyEndsItsSessionOnRealSockets(t *testing.T) {
	s := startServer(t, 1, func(c *net.TCPConn, in *bufio.Reader) {
		for {
			if _, err := io.WriteString(c, strings.Repeat("x", 10000)); err != nil {
				return // as it must come
			}
		}
	})
	l := startLive(t, s.addrs())
	got, end := rest(dial(t, l.addr))
	if len(got) < longest || len(got) > 3*longest || strings.Trim(got, "x") != "" || end != "FIN" {
		t.Errorf("%d bytes arrived, then %s", len(got), end)
	}
}
