// This file owns the tests of the sending half.
package client

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"

	"fooproxy/foo"
)

func TestLinesThatCannotBeSent(t *testing.T) {
	c := serve(t, answer(ackLine))
	dataMax := foo.LineBytesMax - len("REQ 1 \n")
	for _, bad := range []struct {
		data string
		err  error
	}{{"a\nb", ErrLF}, {"\n", ErrLF}, {strings.Repeat("x", dataMax+1), foo.ErrLineTooLong}} {
		if seq, err := c.Send([]byte(bad.data)); seq != 0 || err != bad.err {
			t.Errorf("Send of %d bytes: %d, %v; want %v", len(bad.data), seq, err, bad.err)
		}
	}
	if err := c.SendLine([]byte("REQ 1\nREQ 2")); err != ErrLF {
		t.Errorf("SendLine: %v, want ErrLF", err)
	}
	// None of them took a Seq or left a byte.
	data := strings.Repeat("x", dataMax)
	if reply, err := c.Do(t.Context(), []byte(data)); err != nil || reply.Seq != 1 || string(reply.Data) != data {
		t.Errorf("the longest request: Seq %d, %d bytes, %v", reply.Seq, len(reply.Data), err)
	}
}

func TestSendLineSendsWhatItIsGiven(t *testing.T) {
	received := make(chan []byte, 1)
	c := serve(t, func(nc *net.TCPConn) {
		all, _ := io.ReadAll(nc)
		received <- all
	})
	long := strings.Repeat("y", 3*foo.LineBytesMax)
	var want bytes.Buffer
	for _, line := range []string{"GET / HTTP/1.1\r", "", "REQ 1 \xff\x00", long, "REQ 007"} {
		if err := c.SendLine([]byte(line)); err != nil {
			t.Fatal(err)
		}
		want.WriteString(line + "\n")
	}
	if seq, err := c.Send([]byte("hey")); seq != 1 || err != nil {
		t.Errorf("Seq %d, %v: SendLine must not count", seq, err)
	}
	want.WriteString("REQ 1 hey\n")
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got := <-received; !bytes.Equal(got, want.Bytes()) {
		t.Errorf("the server got %d bytes, want %d", len(got), want.Len())
	}
}

// stingy takes so many bytes, and fails then.
type stingy struct {
	net.Conn
	room int
}

func (s *stingy) Write(p []byte) (int, error) {
	n := min(s.room, len(p))
	s.room -= n
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

// TestWhatNoByteWasWrittenOfIsUnsent compares with a list of the lines at each
// place where the connection can break.
func TestWhatNoByteWasWrittenOfIsUnsent(t *testing.T) {
	lines := []string{"REQ 1 a", "REQ 2", "", "REQ 3 ccc"}
	whole := strings.Join(lines, "\n") + "\n"
	for room := range len(whole) {
		nc := &stingy{room: room}
		c := New(nc)
		for _, line := range lines {
			if err := c.SendLine([]byte(line)); err != nil {
				t.Fatal(err)
			}
		}
		if string(c.Unsent()) != whole {
			t.Fatalf("before Flush: %q", c.Unsent())
		}
		want, start := "", 0
		for _, line := range lines {
			if start >= room {
				want += line + "\n"
			}
			start += len(line) + 1
		}
		for range 2 { // the second finds a line that begins in its middle
			if err := c.Flush(); err == nil {
				t.Fatalf("room %d: no error", room)
			}
			if string(c.Unsent()) != want {
				t.Errorf("room %d: %q, want %q", room, c.Unsent(), want)
			}
		}
	}
}
