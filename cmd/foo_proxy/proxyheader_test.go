// proxyheader_test.go: who the client is behind several proxies, this project's own
// and HAProxy, where that is installed.

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// clientOf reads the request log on a proxy's stdout as far as the next connect, and
// gives the client that it names.
func clientOf(t *testing.T, p *proctest.Process) string {
	t.Helper()
	for {
		text, err := p.Stdout.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var line logLine
		if err := json.Unmarshal(text, &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if line.Event == "connect" {
			return line.Client
		}
	}
}

func TestTheLastOfTwoProxiesKnowsTheClient(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		last := start(t, startServer(t), "-accept-proxy", "127.0.0.1", "-log-requests", "-")
		first := start(t, last.Addr, "-send-proxy", version)
		c := first.Dial()
		proctest.Ask(t, c, "REQ 1 a\nREQ 2 b\n", "ACK 1 a\nACK 2 b\n")
		if got, want := clientOf(t, last), c.LocalAddr().String(); got != want {
			t.Errorf("%s: the client is %s, want %s", version, got, want)
		}
		// A client that comes without the first proxy is none.
		stray := last.Dial()
		proctest.Ask(t, stray, "REQ 1 a\n", "")
		atEnd(t, stray)
		stray.Close()
		for _, p := range []*proctest.Process{first, last} {
			p.Send(syscall.SIGTERM)
		}
		atEnd(t, c)
		c.Close()
		first.ExpectExit(0)
		if log := last.ExpectExit(0); strings.Count(log, `"why":"no PROXY header"`) != 1 {
			t.Errorf("%s: the log says %s", version, log)
		}
	}
}

// TestAProxyThatComesOverAUnixSocketNamesItsClient has the first proxy come over a unix socket:
// the client's address arrives all the same.
func TestAProxyThatComesOverAUnixSocketNamesItsClient(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	last := startUnix(t, path, startServer(t), "-accept-proxy", "unix", "-log-requests", "-")
	first := start(t, last.Addr, "-send-proxy", "v2")
	c := first.Dial()
	proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
	if got, want := clientOf(t, last), c.LocalAddr().String(); got != want {
		t.Errorf("the client is %s, want %s", got, want)
	}
}

// TestServersThatInsistOnAHeaderAreHealthy: checks bring one as well, and so does the
// link that a session gets after its server was killed. The servers are proxies, which
// count what comes without.
func TestServersThatInsistOnAHeaderAreHealthy(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		one, two := watchProxy(t, startServer(t), "-accept-proxy", "127.0.0.1"), watchProxy(t, startServer(t), "-accept-proxy", "127.0.0.1")
		first := start(t, one.Addr+","+two.Addr, "-send-proxy", version, "-check-interval", "20ms")
		clients := []net.Conn{first.Dial(), first.Dial()} // one on each
		for _, c := range clients {
			proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
		}
		for _, w := range []watched{one, two} {
			w.untilNumbers("it has answered checks", func(n map[string]float64) bool { return n["answered"] > 5 })
			if n := w.numbers(); n["refused_header"] != 0 || n["lines_invalid"] != 0 {
				t.Errorf("%s: %v came without a header, %v bad lines", version, n["refused_header"], n["lines_invalid"])
			}
		}
		one.Process.Process.Kill()
		_ = one.Wait() // it was killed
		for _, c := range clients {
			in, reply := bufio.NewReader(c), "NAK"
			for seq := 2; strings.HasPrefix(reply, "NAK"); seq++ { // what crossed the end of its server
				fmt.Fprintf(c, "REQ %d b\n", seq)
				var err error
				if reply, err = in.ReadString('\n'); err != nil {
					t.Fatal(err)
				}
			}
			c.Close()
		}
		if n := two.numbers(); n["refused_header"] != 0 || n["lines_invalid"] != 0 {
			t.Errorf("%s: %v came without a header, %v bad lines", version, n["refused_header"], n["lines_invalid"])
		}
	}
}

// startHAProxy runs one that listens on an address of the test's choice, or on a
// port of its own where that is empty, and gives where. bind and server are what its
// configuration says beside the addresses.
func startHAProxy(t *testing.T, at, bind, to, server string) (addr string) {
	t.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed")
	}
	cmd := exec.Command(path, "-db", "-f", "/dev/stdin")
	if at == "" {
		// It inherits the listener, so that nobody else can take the port meanwhile.
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		file, err := listener.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		cmd.ExtraFiles = []*os.File{file}
		at, addr = "fd@3", listener.Addr().String()
	}
	cmd.Stdin = strings.NewReader(fmt.Sprintf("global\n  nbthread 1\ndefaults\n  mode tcp\n  timeout client 30s\n  timeout server 30s\n  timeout connect 5s\n"+
		"listen foo\n  bind %s %s\n  server s %s %s\n", at, bind, to, server))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("haproxy said %s", said.String())
		}
	})
	return addr
}

// untilServed asks until a proxy that has just been started answers, and gives the
// connection.
func untilServed(t *testing.T, network, addr string) net.Conn {
	t.Helper()
	for deadline := time.Now().Add(proctest.Patience); ; time.Sleep(5 * time.Millisecond) {
		c, err := net.Dial(network, addr)
		if err == nil {
			return c
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestBehindHAProxyTheClientIsKnown(t *testing.T) {
	for _, header := range []string{"send-proxy", "send-proxy-v2", "send-proxy-v2-ssl-cn"} {
		t.Run(header, func(t *testing.T) {
			p := start(t, startServer(t), "-accept-proxy", "10.0.0.0/8,127.0.0.1", "-log-requests", "-")
			c := untilServed(t, "tcp", startHAProxy(t, "", "", p.Addr, header))
			defer c.Close()
			proctest.Ask(t, c, "REQ 1 a\nREQ 2 b\n", "ACK 1 a\nACK 2 b\n")
			if got, want := clientOf(t, p), c.LocalAddr().String(); got != want {
				t.Errorf("the client is %s, want %s", got, want)
			}
		})
	}
}

// TestBehindHAProxyAClientOfAUnixSocketIsServed: it has no address, so HAProxy's own
// is the client's.
func TestBehindHAProxyAClientOfAUnixSocketIsServed(t *testing.T) {
	for _, header := range []string{"send-proxy", "send-proxy-v2"} {
		t.Run(header, func(t *testing.T) {
			p := start(t, startServer(t), "-accept-proxy", "127.0.0.1", "-log-requests", "-")
			path := filepath.Join(t.TempDir(), "s")
			startHAProxy(t, "unix@"+path, "", p.Addr, header)
			c := untilServed(t, "unix", path)
			defer c.Close()
			proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
			if got := clientOf(t, p); !strings.HasPrefix(got, "127.0.0.1:") {
				t.Errorf("the client is %s", got)
			}
		})
	}
}

// TestHAProxyUnderstandsOurHeader has it pass on what it was told, in the form that
// can be read.
func TestHAProxyUnderstandsOurHeader(t *testing.T) {
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			p := start(t, startHAProxy(t, "", "accept-proxy", listener.Addr().String(), "send-proxy"), "-send-proxy", version)
			c := p.Dial()
			if _, err := io.WriteString(c, "REQ 1 a\n"); err != nil {
				t.Fatal(err)
			}
			server, err := listener.Accept()
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			in := bufio.NewReader(server)
			client, to := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
			for _, want := range []string{fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", client.Port, to.Port), "REQ 1 a\n"} {
				if got, err := in.ReadString('\n'); got != want || err != nil {
					t.Errorf("the server gets %q (%v), want %q", got, err, want)
				}
			}
		})
	}
}

// TestHealthChecksOfHAProxyAreNoRefusals: they connect and leave, without a header
// where they are of the plain kind.
func TestHealthChecksOfHAProxyAreNoRefusals(t *testing.T) {
	for _, check := range []string{"check inter 20ms port %s", "check inter 20ms check-send-proxy", "check inter 20ms send-proxy-v2"} {
		t.Run(check, func(t *testing.T) {
			p := start(t, startServer(t), "-accept-proxy", "127.0.0.1")
			_, port, err := net.SplitHostPort(p.Addr)
			if err != nil {
				t.Fatal(err)
			}
			check = strings.ReplaceAll(check, "%s", port) // a check of a port of its own has no header
			c := untilServed(t, "tcp", startHAProxy(t, "", "", p.Addr, "send-proxy "+check))
			defer c.Close()
			for i := range 20 { // while checks come
				proctest.Ask(t, c, fmt.Sprintf("REQ %d a\n", i+1), fmt.Sprintf("ACK %d a\n", i+1))
				time.Sleep(10 * time.Millisecond)
			}
			p.Send(syscall.SIGUSR1)
			line, err := p.Stdout.ReadBytes('\n')
			if err != nil {
				t.Fatal(err)
			}
			if _, values := readNumbers(t, line); values["refused_header"] != 0 || values["msg_req"] != 20 {
				t.Errorf("%v connections were refused, %v requests came", values["refused_header"], values["msg_req"])
			}
		})
	}
}
