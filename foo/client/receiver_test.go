// This file owns the tests of the receiving half.
package client

import (
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"fooproxy/foo"
)

func TestReceiveJudgesLines(t *testing.T) {
	c := serve(t, say("ACK 9\r\nHTTP/1.1 400\x1b\nREQ 1 x\n\nNAK 0 why\nACK 01\nACK 2 x\nACK 3"))
	for i, want := range []struct {
		message string
		err     error
	}{
		{"ACK 9 ", nil},
		{"", foo.ErrType},
		{"", ErrNotReply},
		{"", foo.ErrEmpty},
		{"NAK 0 why", nil},
		{"", foo.ErrSeqLeadingZero},
		{"ACK 2 x", nil},
		{"", io.ErrUnexpectedEOF},
		{"", io.ErrUnexpectedEOF},
	} {
		reply, err := c.Receive(t.Context())
		if !errors.Is(err, want.err) {
			t.Fatalf("line %d: error %v, want %v", i, err, want.err)
		}
		if err != nil {
			if strings.Contains(err.Error(), "\x1b") {
				t.Errorf("line %d: the peer's bytes are not escaped: %q", i, err)
			}
			continue
		}
		if got := fmt.Sprintf("%v %d %s", reply.Type, reply.Seq, reply.Data); got != want.message {
			t.Errorf("line %d: %q, want %q", i, got, want.message)
		}
	}
}

func TestReceiveLineReturnsWhatCame(t *testing.T) {
	c := serve(t, say("ACK 1 x \r\n\n\x00\xff\nrest"))
	var got []string
	for {
		line, err := c.ReceiveLine(t.Context())
		got = append(got, string(line))
		if err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			break
		}
	}
	if want := []string{"ACK 1 x \r", "", "\x00\xff", "rest"}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
}

func TestReadyTellsWhetherAReplyIsThere(t *testing.T) {
	mine, other := net.Pipe()
	c := New(mine)
	written := make(chan struct{})
	go func() {
		defer close(written)
		// One write is one read on a pipe that has room for it.
		_, _ = io.WriteString(other, "ACK 1\nACK 2\nAC")
	}()
	if c.Ready() {
		t.Error("ready before anything was read")
	}
	for i, want := range []bool{true, false} {
		if reply, err := c.Receive(t.Context()); err != nil || reply.Seq != uint64(i+1) {
			t.Fatalf("reply %d: %+v, %v", i, reply, err)
		}
		if c.Ready() != want {
			t.Errorf("after reply %d: ready %v, want %v", i, !want, want)
		}
	}
	<-written
	other.Close()
	if _, err := c.Receive(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	if !c.Ready() {
		t.Error("not ready at the end of the stream")
	}
}

func TestReplyOfTheGreatestLengthAndOneLonger(t *testing.T) {
	longest := "ACK 1 " + strings.Repeat("x", foo.LineBytesMax-len("ACK 1 \n"))
	c := serve(t, say(longest+"\n"+longest+"x\nACK 2\n"))
	if line, err := c.ReceiveLine(t.Context()); err != nil || string(line) != longest {
		t.Fatalf("the longest line: %d bytes, %v", len(line), err)
	}
	for range 2 {
		if _, err := c.Receive(t.Context()); !errors.Is(err, foo.ErrLineTooLong) {
			t.Fatalf("a longer one: %v, want ErrLineTooLong", err)
		}
	}
}

func TestRepliesBeforeAResetAreDelivered(t *testing.T) {
	c := serve(t, func(nc *net.TCPConn) {
		_, _ = io.ReadFull(nc, make([]byte, len("REQ 1\n")))
		_, _ = io.WriteString(nc, "ACK 1\nACK 2")
		nc.SetLinger(0)
	})
	if reply, err := c.Do(t.Context(), nil); err != nil || reply.Seq != 1 {
		t.Fatalf("%+v, %v", reply, err)
	}
	if _, err := c.Receive(t.Context()); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("error %v, want ECONNRESET", err)
	}
}
