// transcript_test.go: a client cannot tell the proxy from the server. What it
// receives, how that ends, and what arrives at the server are the same with the
// proxy between them and without it.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// script holds every kind of line, and ends in the middle of one.
var script = func() string {
	var b strings.Builder
	for _, line := range clientLines {
		b.WriteString(line.line + "\n")
	}
	return b.String() + "REQ 99 ha"
}()

var scriptLines = strings.Count(script, "\n")

// said is what a client saw of a conversation.
type said struct{ received, end string }

// talk sends the pieces, with a pause between two, shuts the write side where
// that is asked for, and reads to the end.
func talk(t testing.TB, addr string, pieces []string, halfClose bool, pause func()) said {
	c := dial(t, addr)
	defer c.Close()
	heard := make(chan said, 1)
	go func() {
		received, end := rest(c)
		heard <- said{received, end}
	}()
	for i, piece := range pieces {
		if i > 0 {
			pause()
		}
		if _, err := io.WriteString(c, piece); err != nil {
			t.Error(err)
		}
	}
	if halfClose {
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	return <-heard
}

// compare talks to the server directly and through the proxy, and looks at both
// ends.
func compare(t *testing.T, s *server, l *live, pieces []string, halfClose bool) {
	t.Helper()
	direct := talk(t, s.addr.String(), pieces, halfClose, func() {})
	sent := s.arrived(t)
	proxied := talk(t, l.addr, pieces, halfClose, l.sync)
	if proxied != direct {
		t.Errorf("through the proxy: %s, %s\n         directly: %s, %s", brief(proxied.received), proxied.end, brief(direct.received), direct.end)
	}
	if arrived := s.arrived(t); arrived != sent {
		t.Errorf("through the proxy the server got %s\n                     directly %s", brief(arrived), brief(sent))
	}
}

func TestEveryCutOfTheScriptIsForwardedAlike(t *testing.T) {
	s := startServer(t, len(script)+1, answers)
	l := startLive(t, s.addrs())
	direct := talk(t, s.addr.String(), []string{script}, true, nil)
	if direct.end != "FIN" || strings.Count(direct.received, "\n") != scriptLines {
		t.Fatalf("directly: %q, %s", direct.received, direct.end)
	}
	cuts := make(chan int, len(script))
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			for cut := range cuts {
				if got := talk(t, l.addr, []string{script[:cut], script[cut:]}, true, l.sync); got != direct {
					t.Errorf("cut at %d: %s, %s", cut, brief(got.received), got.end)
				}
			}
		})
	}
	for cut := 1; cut < len(script); cut++ {
		cuts <- cut
	}
	close(cuts)
	work.Wait()
	for range len(script) {
		if arrived := s.arrived(t); arrived != script {
			t.Fatalf("the server got %s", brief(arrived))
		}
	}
	lines := float64(scriptLines * (len(script) - 1))
	n := l.numbers()
	if got := n["msg_req"] + n["lines_invalid"]; got != lines+float64(len(script)-1) {
		t.Errorf("%v lines and fragments were counted, %v lines were sent in %d scripts", got, lines, len(script)-1)
	}
	n.expect(t, numbers{"outstanding": 0, "abandoned": 0, "connections": 0})
}

func TestTranscriptsAreTheSame(t *testing.T) {
	whole := []string{script}
	cases := []struct {
		name      string
		serve     handler
		pieces    []string
		halfClose bool
	}{
		{"byte by byte", answers, strings.Split(script, ""), true},
		{"replies in single bytes", answersInBytes, whole, true},
		{"nothing is sent", answers, []string{""}, true},
		{"a fragment alone", answers, []string{"REQ 1"}, true},
		{"CR LF alone", answers, []string{"\r\n", "\r", "\n"}, true},
		{"server closes first", answersThen(scriptLines, ""), []string{script[:strings.LastIndex(script, "\n")+1]}, false},
		{"server ends in half a line", answersThen(3, "ACK 4 ha"), []string{"REQ 1\nREQ 2\n", "REQ 3\n"}, false},
		{"server ends in half a line of nothing asked", answersThen(0, "x"), []string{""}, false},
		{"server greets", func(c *net.TCPConn, in *bufio.Reader) {
			io.WriteString(c, "220 hello\r\nACK 1 before it was asked\n")
			answers(c, in)
		}, whole, true},
		{"server closes at once", answersThen(0, ""), []string{""}, false},
		{"server sends everything out of order, and strays", func(c *net.TCPConn, in *bufio.Reader) {
			io.Copy(io.Discard, in)
			io.WriteString(c, "ACK 5\nREQ 7\nNAK 0 x\nACK 1\r\n\n\x00\xff\nACK 1\nno end")
		}, []string{"REQ 1\nREQ 5\nREQ 9\n"}, true},
		{"longest line", answers, []string{"REQ 1 " + strings.Repeat("x", 64<<10-7) + "\n", "REQ 2\n"}, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := startServer(t, 2, c.serve)
			compare(t, s, startLive(t, s.addrs()), c.pieces, c.halfClose)
		})
	}
}

// TestStrictLeavesGoodLinesAlone: who sends requests only sees no difference.
func TestStrictLeavesGoodLinesAlone(t *testing.T) {
	good := ""
	for _, line := range clientLines {
		if line.nak == "" {
			good += line.line + "\n"
		}
	}
	s := startServer(t, 2, answers)
	compare(t, s, startLive(t, s.addrs(), strict), strings.SplitAfter(good, " "), true)
}

func TestManyRequestsInOneGoAreForwardedAlike(t *testing.T) {
	var b strings.Builder
	for i := 1; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "REQ %d %s\r\n", i, strings.Repeat("x", i%100))
	}
	s := startServer(t, 2, answers)
	l := startLive(t, s.addrs())
	compare(t, s, l, []string{b.String()}, true)
	asked := float64(strings.Count(b.String(), "\n"))
	l.numbers().expect(t, numbers{"msg_req": asked, "answered": asked, "msg_ack": asked, "strays": 0, "bytes_in": float64(b.Len())})
}

// TestWhatTheServerSentBeforeItsResetIsDelivered knows the one difference: the
// reset itself reaches the client as FIN.
func TestWhatTheServerSentBeforeItsResetIsDelivered(t *testing.T) {
	reset := make(chan struct{}, 1)
	s := startServer(t, 2, func(c *net.TCPConn, in *bufio.Reader) {
		answersThen(2, "ACK 3 ha")(c, in)
		<-reset
		c.SetLinger(0)
	})
	l := startLive(t, s.addrs())
	for _, addr := range []string{s.addr.String(), l.addr} {
		c := dial(t, addr)
		send(t, c, "REQ 1\nREQ 2\n")
		want := "ACK 1\nACK 2\n"
		if addr == s.addr.String() {
			want += "ACK 3 ha" // the proxy keeps half a line until it is whole, or ended
		}
		receive(t, c, want)
		reset <- struct{}{}
		got, end := rest(c)
		if want += got; want != "ACK 1\nACK 2\nACK 3 ha" {
			t.Errorf("%s: %q, %s", addr, want, end)
		}
		if addr == l.addr && end != "FIN" {
			t.Errorf("ended with %s", end)
		}
	}
}
