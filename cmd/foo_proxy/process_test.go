// process_test.go owns foo_proxy as a process of its own, for what only a process
// can show. The test binary starts itself again as the command.

package main

import (
	"io"
	"net"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, proctest.OrEcho(orWitness(orConnects(orTurns)))) }

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

// startServer echoes lines as replies. Data of "hold" gets no reply, a line of
// "bye" the end of the connection.
func startServer(t *testing.T) (addr string) {
	t.Helper()
	return proctest.StartEcho(t)
}
