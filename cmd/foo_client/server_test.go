// This file owns the tiny servers that the tests of this command talk to. They
// stand on the standard library alone.
package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// answerFunc makes the bytes that answer a line, given with its number on its
// connection. A false ends the connection once they are written.
type answerFunc func(number int, line string) (reply string, goOn bool)

// startServer serves every connection until the client half-closes it, and
// returns its port. All connections have ended when the test has.
func startServer(t *testing.T, answer answerFunc) string {
	t.Helper()
	return startRawServer(t, func(nc *net.TCPConn) {
		in, out := bufio.NewReader(nc), bufio.NewWriter(nc)
		defer out.Flush()
		for number := 1; ; number++ {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			reply, goOn := answer(number, strings.TrimSuffix(line, "\n"))
			if _, err := out.WriteString(reply); err != nil || !goOn {
				return
			}
			if in.Buffered() == 0 && out.Flush() != nil {
				return
			}
		}
	})
}

func startRawServer(t *testing.T, handle func(*net.TCPConn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			nc, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer nc.Close()
				handle(nc.(*net.TCPConn))
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func ackLine(line string) string { return strings.Replace(line, "REQ", "ACK", 1) + "\n" }

func ackAll(_ int, line string) (string, bool) { return ackLine(line), true }

func silent(int, string) (string, bool) { return "", true }

// result is what one run of the command left behind.
type result struct {
	code     int
	out, err string
}

func (r result) String() string {
	return fmt.Sprintf("exit code %d, stdout %q, stderr %q", r.code, r.out, r.err)
}

// runCommand runs the command in this process until it ends.
func runCommand(ctx context.Context, stdin io.Reader, args ...string) result {
	var out, err bytes.Buffer
	code := run(ctx, args, streams{stdin, &out, &err})
	return result{code, out.String(), err.String()}
}
