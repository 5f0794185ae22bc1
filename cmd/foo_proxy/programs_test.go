// programs_test.go: people's own programs cannot tell the proxy from the server.

package main

import (
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
)

// run gives what a program prints that is started with host and port as its last
// arguments and reads text from its stdin, which ends only with the program
// where hold is set.
func run(t *testing.T, addr, text string, hold bool, program string, args ...string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not installed", program)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, append(args, host, port)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	cmd.Stdout = &stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(stdin, text); err != nil {
		t.Error(err)
	}
	if !hold {
		if err := stdin.Close(); err != nil {
			t.Error(err)
		}
	}
	_ = cmd.Wait() // what it printed says it all
	return stdout.String()
}

const session = "REQ 1 hey\nREQ 2 how are you?\n\nreq 3 lower case\nREQ 0 zero\nREQ 9223372036854775808 much\nREQ  4 \t two  blanks \nACK 1\n"

func TestTelnetSeesTheServer(t *testing.T) {
	server := startServer(t)
	p := start(t, server)
	direct := run(t, server, session+"bye\n", true, "telnet")
	if !strings.Contains(direct, "ACK 2 how are you?") {
		t.Fatalf("directly: %q", direct)
	}
	if proxied := run(t, p.Addr, session+"bye\n", true, "telnet"); proxied != direct {
		t.Errorf("through the proxy: %q\n         directly: %q", proxied, direct)
	}
}

func TestNetcatSeesTheServer(t *testing.T) {
	server := startServer(t)
	p := start(t, server)
	text := session + strings.Repeat("REQ 7 "+strings.Repeat("x", 1000)+"\r\n", 1000)
	direct := run(t, server, text, false, "nc", "-N")
	if !strings.Contains(direct, "ACK 2 how are you?") {
		t.Skipf("this nc has no -N: %q", direct)
	}
	if proxied := run(t, p.Addr, text, false, "nc", "-N"); proxied != direct {
		t.Errorf("through the proxy came %d bytes, directly %d", len(proxied), len(direct))
	}
}
