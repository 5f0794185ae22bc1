package main

// This file owns the tests of foo_server's words through the proxy: whoever types them
// cannot tell the two apart, but for the clients that WHO names.

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo/proxyheader"
	"fooproxy/foo/server"
)

// everyWord is what somebody at telnet may type.
var everyWord = strings.Join([]string{"WHERE", "why", "HELP", "help set", "set chelsea rules", "get chelsea", "show", "data c", "incr n", "cas n 1 5",
	"get n", "delete n", "get n", "set k", "REQ 1 WHERE", "REQ 2 why", "REQ 3 help", "REQ 4 set chelsea rules", "REQ 5 get chelsea", "REQ 6 show",
	"REQ 7 incr n", "REQ 8 cas n 1 5", "REQ 9 delete n", "REQ 10 get n", "REQ 11 who is it", "frob", "REQ 12 frob", "delete chelsea", ""}, "\r\n")

// transcript is all that comes until the server ends.
func transcript(t *testing.T, addr, said string) string {
	t.Helper()
	conn := proctest.Dial(t, addr).(*net.TCPConn)
	if _, err := io.WriteString(conn, said); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.ToLower(said), "quit") {
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
	}
	heard, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(heard)
}

func TestWordsAreTheSameThroughTheProxy(t *testing.T) {
	server, second := startFooServer(t), startFooServer(t)
	wanted := transcript(t, server, everyWord)
	if strings.Count(wanted, "\n") < 30 || strings.Count(wanted, "NAK 0") != 1 {
		t.Fatalf("the server says %q", wanted)
	}
	one := start(t, server)
	if got := transcript(t, one.Addr, everyWord); got != wanted {
		t.Errorf("through the proxy: %q, not %q", got, wanted)
	}
	several := start(t, server, "-forward", second)
	name := transcript(t, server, "where\n")
	for range 2 { // each of the servers
		got := transcript(t, several.Addr, everyWord)
		other, _, _ := strings.Cut(got, "\n")
		if got = strings.ReplaceAll(got, other, strings.TrimSpace(name)); got != wanted {
			t.Errorf("through the proxy of several: %q, not %q", got, wanted)
		}
	}
}

// TestQuitEndsThroughEveryKindOfProxy has what was asked before answered, and what
// comes behind not.
func TestQuitEndsThroughEveryKindOfProxy(t *testing.T) {
	server, second := startFooServer(t), startFooServer(t)
	for name, args := range map[string][]string{
		"one": nil, "several": {"-forward", second}, "shared": {"-forward", second, "-mux", "1"}, "strict": {"-strict"},
	} {
		p := start(t, server, args...)
		for n := range 5 {
			said, wanted := "REQ 1 set k v\nREQ 2 get k\nREQ 3 quit\nREQ 4 set k w\n", "ACK 1 ok\nACK 2 v\nACK 3\n"
			if name == "shared" { // each request goes to the server with the least to do
				said, wanted = "REQ 1 a\nREQ 2 quit\nREQ 3 b\n", "ACK 1 a\nACK 2\n"
			}
			if got := transcript(t, p.Addr, said); got != wanted {
				t.Errorf("%s, %d: %q, not %q", name, n, got, wanted)
			}
		}
		if name == "one" || name == "several" {
			if got := transcript(t, p.Addr, "why\nquit\nwhy\n"); got != "42\nbye\n" {
				t.Errorf("%s: %q", name, got)
			}
		}
	}
	if got := transcript(t, server, "get k\n"); got != "v\n" {
		t.Errorf("what stood behind QUIT was done: %q", got)
	}
}

// TestWhoNamesTheClientsOfAProxyThatTellsThem as they see themselves.
func TestWhoNamesTheClientsOfAProxyThatTellsThem(t *testing.T) {
	trustLoopback := func(c *server.Config) {
		c.AcceptProxy = proxyheader.Trusted{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	}
	told := start(t, startFooServer(t, trustLoopback), "-send-proxy", "v1")
	conn := told.Dial()
	proctest.Ask(t, conn, "REQ 1 WHO\n", fmt.Sprintf("ACK 1 %s (1 here, 1 in all)\n", conn.LocalAddr()))
}
