// process_test.go owns foo_proxy as a process of its own, for what only a process
// can show. The test binary starts itself again as the command.

package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, main) }

// start runs one on a port that the kernel picks, in front of the given server.
func start(t *testing.T, server string, args ...string) *proctest.Process {
	t.Helper()
	return proctest.Launch(t, proctest.Command(append([]string{"-listen", "127.0.0.1:0", "-forward", server}, args...)...))
}

// atEnd expects the end of the stream, with nothing before it.
func atEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("got %q (%v)", rest, err)
	}
}

// startServer echoes lines as replies, on the standard library alone. Data of
// "hold" gets no reply, a line of "bye" the end of the connection.
func startServer(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { echo(c) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return listener.Addr().String()
}

func echo(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "bye":
			return
		case strings.HasSuffix(line, "hold"):
			continue
		case strings.HasPrefix(line, "REQ "):
			line = "ACK " + line[4:]
		default:
			line = "NAK 0 unknown type"
		}
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return
		}
	}
}
