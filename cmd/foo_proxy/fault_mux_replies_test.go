// fault_mux_replies_test.go owns row U8a: a server that says on a shared link what
// nobody has asked for, so that nobody could say whose its next reply is.

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// unduly is one way to say on a shared link what is not due there. Request 1 has been
// answered; 2 and 3 are outstanding, but where it is said early.
type unduly struct {
	name, says string
	counted    string // among the failures of the server
	early      bool   // it is said before anything is outstanding
}

var undue = []unduly{
	{name: "a Seq that was never asked", says: "ACK 900 what\n", counted: "stray"},
	{name: "an extra reply", says: "ACK 1 hello\n", counted: "stray"},
	{name: "an extra reply behind a good one", says: "ACK 2 a\nACK 2 a\n", counted: "stray"},
	{name: "NAK of a Seq that was never asked", says: "NAK 77 what\n", counted: "stray"},
	{name: "a reply before its request", says: "ACK 2 early\n", counted: "stray", early: true},
	{name: "a greeting", says: "220 ready\n", counted: "invalid", early: true},
	{name: "garbage", says: "\x00\xff\x1b[2J\n", counted: "invalid"},
	{name: "half a line of garbage and a reply", says: "HTTP/1.1 400ACK 2 a\n", counted: "invalid"},
	{name: "a request of its own", says: "REQ 2 a\n", counted: "invalid"},
	{name: "NAK 0", says: "NAK 0 what?\n", counted: "nak0"},
	{name: "a line that does not end", says: strings.Repeat("x", 64<<10+1), counted: "line_too_long"},
}

// sharedLink is one connection of the proxy, as the server of a test has it.
type sharedLink struct {
	conn  *net.TCPConn
	lines *bufio.Reader
}

// hears expects the next line, without its LF.
func (k *sharedLink) hears(t *testing.T, want string) {
	t.Helper()
	line, err := k.lines.ReadString('\n')
	if err != nil || line != want+"\n" {
		t.Fatalf("the server got %q (%v), want %q", line, err, want)
	}
}

func (k *sharedLink) says(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(k.conn, text); err != nil {
		t.Fatal(err)
	}
}

// acceptLink takes the proxy's next connection.
func acceptLink(t *testing.T, listener *net.TCPListener) *sharedLink {
	t.Helper()
	if err := listener.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	c, err := listener.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	return &sharedLink{conn: c, lines: bufio.NewReader(c)}
}

// TestAnUndueReplyClosesItsSharedLinkOnly is row U8a. Two links of one server carry
// the requests of four clients by turns, and a fifth has none.
func TestAnUndueReplyClosesItsSharedLinkOnly(t *testing.T) {
	rounds := inForm(2, 20)
	var waits []time.Duration
	cases := 0
	for _, u := range undue {
		t.Run(u.name, func(t *testing.T) {
			for range rounds {
				waits = append(waits, u.say(t)...)
				cases++
			}
		})
	}
	p99, longest := ninetyNinth(waits)
	proctest.Figure(t, "U8a -mux 2", fmt.Sprintf("%d kinds of replies that are not due, on one of two links, %d times each", len(undue), rounds),
		fmt.Sprintf("the link is closed and its requests answered NAK in %d of %d cases, NAK p99 %.1f ms, longest %.1f ms; only what is due on the connections of three others; each counted once under its kind", cases, len(undue)*rounds, milliseconds(p99), milliseconds(longest)),
		"all; 10 ms; 0 bytes; a counter for each kind")
	if longest > 2*time.Second {
		t.Errorf("a NAK took %v", longest)
	}
}

// say has one of the links say it, and gives how long the clients on that link waited
// for their NAKs.
func (u unduly) say(t *testing.T) (waits []time.Duration) {
	t.Helper()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	p := watchProxy(t, listener.Addr().String(), "-mux", "2")
	bad, good := acceptLink(t, listener), acceptLink(t, listener)
	p.untilLinks(2)
	var clients []net.Conn
	for range 5 {
		clients = append(clients, p.Dial())
	}
	ask := func(client int, on *sharedLink, seq int, data string) {
		if _, err := fmt.Fprintf(clients[client], "REQ 5 %s\n", data); err != nil {
			t.Fatal(err)
		}
		on.hears(t, fmt.Sprintf("REQ %d %s", seq, data))
	}
	ask(0, bad, 1, "hello") // the first link is first
	ask(1, good, 1, "hello")
	for i, k := range []*sharedLink{bad, good} {
		k.says(t, "ACK 1 hello\n")
		proctest.Ask(t, clients[i], "", "ACK 5 hello\n")
	}
	due := map[int]string{} // on the bad link's end
	if !u.early {
		ask(0, bad, 2, "a")
		ask(1, good, 2, "b")
		ask(2, bad, 3, "c")
		ask(3, good, 3, "d")
		due[0], due[2] = "NAK 5 upstream lost\n", "NAK 5 upstream lost\n"
		if strings.HasPrefix(u.says, "ACK 2 a\n") {
			due[0] = "ACK 5 a\n"
		}
	}
	begin := time.Now()
	bad.says(t, u.says)
	for i, want := range due {
		proctest.Ask(t, clients[i], "", want)
		waits = append(waits, time.Since(begin))
	}
	rest, err := io.ReadAll(bad.lines) // the end may be a reset
	if netErr, ok := err.(net.Error); len(rest) > 0 || ok && netErr.Timeout() {
		t.Errorf("the server got %q more (%v)", rest, err)
	}
	again := acceptLink(t, listener)
	p.untilLinks(2)
	if !u.early {
		good.says(t, "ACK 3 d\nACK 2 b\n")
		proctest.Ask(t, clients[1], "", "ACK 5 b\n")
		proctest.Ask(t, clients[3], "", "ACK 5 d\n")
	}
	ask(0, again, 1, "back")
	again.says(t, "ACK 1 back\n")
	proctest.Ask(t, clients[0], "", "ACK 5 back\n")
	u.judge(t, p, clients, due)
	return waits
}

// judge looks at the counters, and that nobody gets anything else.
func (u unduly) judge(t *testing.T, p watched, clients []net.Conn, due map[int]string) {
	t.Helper()
	s, naks := p.servers(), 0
	for _, text := range due {
		naks += strings.Count(text, "NAK")
	}
	for kind, n := range s.Upstreams[0].Failures {
		if n != strings.Count(u.counted, kind) {
			t.Errorf("%d times %s", n, kind)
		}
	}
	if s.Upstreams[0].Failures[u.counted] != 1 || s.Naks["upstream lost"] != naks || s.Outstanding != 0 || s.Late != 0 {
		t.Errorf("%+v", s)
	}
	for i, c := range clients {
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("client %d got %q as well (%v)", i, rest, err)
		}
	}
}
