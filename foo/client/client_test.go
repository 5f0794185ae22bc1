// This file owns the tests of the client against a tiny server of their own.
// They must not use the project's server: the client is what that is measured
// against.
package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/foo"
)

// serve runs handle for one connection, on a goroutine that has ended when
// the test has, and returns a client of it.
func serve(t *testing.T, handle func(nc *net.TCPConn)) *Conn {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		nc, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		handle(nc.(*net.TCPConn))
	}()
	c, err := Dial(t.Context(), listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-ended
		listener.Close()
	})
	return c
}

// answer reads lines and writes what reply makes of each, until the client
// ends.
func answer(reply func(line string) string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		lines := bufio.NewScanner(nc)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			if _, err := io.WriteString(nc, reply(lines.Text())); err != nil {
				return
			}
		}
	}
}

// say writes a text in one go, and waits for the client to end.
func say(text string) func(*net.TCPConn) {
	return func(nc *net.TCPConn) {
		// The client may have gone already, which is its affair.
		_, _ = io.WriteString(nc, text)
		_ = nc.CloseWrite()
		_, _ = io.Copy(io.Discard, nc)
	}
}

func ackLine(line string) string { return strings.Replace(line, "REQ", "ACK", 1) + "\n" }

func TestDoCountsFromOneAndReturnsTheReply(t *testing.T) {
	c := serve(t, answer(ackLine))
	var replies []foo.Message
	for i := range 3 {
		reply, err := c.Do(t.Context(), fmt.Append(nil, "hey ", i))
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, reply)
	}
	// Compared at the end: each Data must have survived the later calls.
	for i, reply := range replies {
		if reply.Type != foo.ACK || reply.Seq != uint64(i+1) || string(reply.Data) != fmt.Sprint("hey ", i) {
			t.Errorf("reply %d: %v %d %q", i, reply.Type, reply.Seq, reply.Data)
		}
	}
}

func TestDoReportsANak(t *testing.T) {
	for _, c := range []struct {
		line, text string
		seq        uint64
	}{
		{"NAK 1 no\x1b such word\n", `NAK 1 "no\x1b such word"`, 1},
		{"NAK 0 unknown type\n", `NAK 0 "unknown type"`, 0},
		{"NAK 1\n", `NAK 1 ""`, 1},
	} {
		conn := serve(t, answer(func(string) string { return c.line }))
		reply, err := conn.Do(t.Context(), []byte("hey"))
		var nak *NAKError
		if !errors.As(err, &nak) || nak.Seq != c.seq || err.Error() != c.text {
			t.Errorf("%q: error %v, want %s", c.line, err, c.text)
		}
		if reply.Type != foo.NAK || reply.Seq != c.seq || string(reply.Data) != nak.Reason {
			t.Errorf("%q: reply %+v", c.line, reply)
		}
	}
}

func TestDoRefusesTheReplyToSomethingElse(t *testing.T) {
	for _, line := range []string{"ACK 2 x\n", "NAK 7 x\n"} {
		c := serve(t, answer(func(string) string { return line }))
		if _, err := c.Do(t.Context(), nil); !errors.Is(err, ErrWrongSeq) {
			t.Errorf("%q: %v, want ErrWrongSeq", line, err)
		}
	}
	c := serve(t, answer(func(line string) string { return ackLine(line) + "ACK 1 again\n" }))
	if _, err := c.Do(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), nil); !errors.Is(err, ErrWrongSeq) {
		t.Errorf("a reply that came twice: %v, want ErrWrongSeq", err)
	}
}

func TestDoGivesUpWithItsContextAndGoesOnLater(t *testing.T) {
	release := make(chan struct{})
	c := serve(t, answer(func(line string) string {
		if strings.HasPrefix(line, "REQ 1") {
			<-release
		}
		return ackLine(line)
	}))
	cancelled, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := c.Do(cancelled, []byte("slow")); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want context.Canceled", err)
	}
	expired, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Do(expired, []byte("slow too")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v, want context.DeadlineExceeded", err)
	}
	close(release)
	reply, err := c.Do(t.Context(), []byte("third"))
	if err != nil || reply.Seq != 3 || string(reply.Data) != "third" {
		t.Fatalf("the next request got %+v, %v", reply, err)
	}
}

func TestContextThatHasEndedIsHonouredAtOnce(t *testing.T) {
	c := serve(t, say("ACK 1\n"))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Receive(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Receive: %v, want context.Canceled", err)
	}
	if reply, err := c.Receive(t.Context()); err != nil || reply.Seq != 1 {
		t.Errorf("then: %+v, %v", reply, err)
	}
}

func TestContextEndsAWriteThatNobodyReads(t *testing.T) {
	mine, other := net.Pipe()
	defer other.Close()
	c := New(mine)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := c.Do(ctx, []byte("hey")); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("error %v, want context.DeadlineExceeded", err)
	}
	// What was not written still waits.
	go c.Flush()
	line, err := bufio.NewReader(other).ReadString('\n')
	if err != nil || line != "REQ 1 hey\n" {
		t.Errorf("the peer got %q, %v", line, err)
	}
}

func TestPipeliningWithTwoGoroutines(t *testing.T) {
	const requests = 100_000 // Far more than the kernel holds in both directions.
	c := serve(t, func(nc *net.TCPConn) {
		// Answered without a look at the lines: what leaves is what came.
		_, _ = io.Copy(nc, &typeChanger{nc})
	})
	sent := make(chan error, 1)
	go func() {
		sent <- func() error {
			for i := range requests {
				if seq, err := c.Send(fmt.Append(nil, "request ", i+1)); err != nil || seq != uint64(i+1) {
					return fmt.Errorf("request %d: Seq %d, %w", i, seq, err)
				}
			}
			return c.CloseWrite()
		}()
	}()
	for i := range requests {
		reply, err := c.Receive(t.Context())
		if err != nil || reply.Seq != uint64(i+1) || string(reply.Data) != fmt.Sprint("request ", i+1) {
			t.Fatalf("reply %d: %+v, %v", i, reply, err)
		}
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
	if _, err := c.Receive(t.Context()); err != io.EOF {
		t.Errorf("after the last reply: %v, want io.EOF", err)
	}
}

// typeChanger makes "ACK" of "REQ" in what it reads. It stands on whole
// triples, and every read is allowed to be short.
type typeChanger struct{ source io.Reader }

func (c *typeChanger) Read(p []byte) (int, error) {
	n, err := c.source.Read(p)
	for i, b := range p[:n] {
		// R, E and Q stand nowhere else: Data is in lower case.
		switch b {
		case 'R':
			p[i] = 'A'
		case 'E':
			p[i] = 'C'
		case 'Q':
			p[i] = 'K'
		}
	}
	return n, err
}

func TestCloseWakesTheReceiver(t *testing.T) {
	c := serve(t, func(nc *net.TCPConn) { _, _ = io.Copy(io.Discard, nc) })
	woken := make(chan error, 1)
	go func() {
		_, err := c.Receive(context.Background())
		woken <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-woken; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Receive: %v, want net.ErrClosed", err)
	}
	for name, err := range map[string]error{"Close": c.Close(), "Send": sendAndFlush(c), "CloseWrite": c.CloseWrite()} {
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: %v, want net.ErrClosed", name, err)
		}
	}
}

func sendAndFlush(c *Conn) error {
	if _, err := c.Send([]byte("hey")); err != nil {
		return err
	}
	return c.Flush()
}

func TestConnectionWithoutHalfClose(t *testing.T) {
	mine, other := net.Pipe()
	defer other.Close()
	defer mine.Close()
	if err := New(mine).CloseWrite(); err != ErrNoCloseWrite {
		t.Errorf("error %v, want ErrNoCloseWrite", err)
	}
}

func TestDialOfADeadAddress(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	addr := conn.LocalAddr().String() // nobody listens here, and nobody can while conn lasts
	if _, err := Dial(t.Context(), addr); !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), addr) {
		t.Errorf("error %v, want ECONNREFUSED with the address", err)
	}
}
