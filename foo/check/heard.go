// This file owns the transcript of a conversation: the bytes that came, and
// how that ended. It must not know which bytes are right.
package check

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"

	"fooproxy/foo"
)

// ending is how the server's side of a connection ended.
type ending uint8

const (
	endOpen    ending = iota // it had not when the client left
	endFIN                   // in order
	endReset                 // by a reset
	endSilence               // something was due, and did not come in time
	endFlood                 // the client stopped listening: far too much came
	endNoConn                // there was no connection at all
	endError                 // by some other error
)

// heard is a transcript. Timing is no part of it.
type heard struct {
	received []byte
	end      ending
	reason   string // of endNoConn and endError
}

// endOf tells how a stream ended from the error of its last read.
func endOf(err error) (ending, string) {
	switch {
	case err == io.EOF:
		return endFIN, ""
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return endReset, ""
	case errors.Is(err, net.ErrClosed):
		return endOpen, ""
	case errors.Is(err, os.ErrDeadlineExceeded):
		return endSilence, ""
	}
	return endError, err.Error()
}

func (e ending) String() string {
	switch e {
	case endOpen:
		return "no end"
	case endFIN:
		return "FIN"
	case endReset:
		return "a reset"
	case endSilence:
		return "silence"
	case endFlood:
		return "too much to listen to"
	case endNoConn:
		return "no connection"
	}
	return "an error"
}

// String is what a report says of a transcript, escaped and shortened.
func (h heard) String() string {
	what := "nothing"
	if n := len(h.received); n > 0 {
		what = foo.Quote(h.received)
	}
	what += ", then " + h.end.String()
	if h.reason != "" {
		what += ": " + h.reason
	}
	return what
}

// tally is what the lines of a transcript say.
type tally struct {
	replies  []foo.Message  // ACK and NAK with a Seq, as they came
	count    map[uint64]int // of the replies, by Seq
	zeros    int            // NAK 0
	odd      []byte         // the first line that is neither; nil where there is none
	fragment []byte         // behind the last LF
}

// sumUp reads the lines; the tally keeps slices of them.
func sumUp(received []byte) tally {
	t := tally{count: make(map[uint64]int), fragment: received}
	for {
		line, after, whole := bytes.Cut(t.fragment, []byte{'\n'})
		if !whole {
			return t
		}
		t.fragment = after
		message, err := foo.Parse(line)
		switch {
		case err == foo.ErrNakZero:
			t.zeros++
		case err == nil && message.Type != foo.REQ:
			t.replies = append(t.replies, message)
			t.count[message.Seq]++
		case t.odd == nil:
			t.odd = line
		}
	}
}

// answers puts the number of lines into words.
func (t tally) answers() string {
	return fmt.Sprintf("replies: %d, NAK 0: %d", len(t.replies), t.zeros)
}
