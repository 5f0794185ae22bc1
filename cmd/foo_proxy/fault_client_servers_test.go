// fault_client_servers_test.go owns the servers behind the proxy that keep what
// has arrived, and the conversations that are held with them, directly and
// through the proxy. It stands on the standard library and the grammar of lines.

package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo"
)

// keeper serves like the servers of the field and keeps what has arrived on each
// connection.
type keeper struct {
	addr  string
	ended chan string // what came on each connection that has ended
}

// answering serves one connection, which is closed when it returns.
type answering func(in *bufio.Reader, out *bufio.Writer)

// startKeeper serves until the test ends; then all its clients must have left.
// It keeps the bytes of so many connections.
func startKeeper(t *testing.T, keep int, answers answering) *keeper {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{addr: listener.Addr().String(), ended: make(chan string, keep)}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { k.serve(c, answers) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return k
}

func (k *keeper) serve(c net.Conn, answers answering) {
	defer c.Close()
	var arrived strings.Builder
	in := io.Reader(c)
	if cap(k.ended) > 0 {
		in = io.TeeReader(c, &arrived)
	}
	answers(bufio.NewReaderSize(in, 64<<10), bufio.NewWriter(c))
	select {
	case k.ended <- arrived.String():
	default: // the test does not want it
	}
}

// arrived is what came on the next connection that ends.
func (k *keeper) arrived(t *testing.T) string {
	t.Helper()
	select {
	case text := <-k.ended:
		return text
	case <-time.After(proctest.Patience):
		t.Fatal("no connection of the server ends")
		return ""
	}
}

// answerTo is what the servers of the field say to a line that has no LF.
func answerTo(dst, line []byte) []byte {
	m, err := foo.Parse(line)
	switch {
	case err != nil || m.Type != foo.REQ:
		return append(dst, "NAK 0 cannot decode\n"...)
	case foo.CheckData(m.Data) != nil:
		return foo.AppendMessage(dst, foo.NAK, m.Seq, []byte("bad data"))
	}
	return foo.AppendMessage(dst, foo.ACK, m.Seq, m.Data)
}

// answersTo is what they say to a text: nothing to an unfinished line.
func answersTo(text string) string {
	var all []byte
	for {
		line, rest, found := strings.Cut(text, "\n")
		if !found {
			return string(all)
		}
		all, text = answerTo(all, []byte(line)), rest
	}
}

// answersAtOnce answers each line as soon as it is there.
func answersAtOnce(in *bufio.Reader, out *bufio.Writer) {
	var reply []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			out.Flush() // where the client is gone nobody misses it
			return
		}
		reply = answerTo(reply[:0], line[:len(line)-1])
		if _, err := out.Write(reply); err != nil {
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
}

// answersBehindTheEnd answers all lines when the client has ended its side.
func answersBehindTheEnd(in *bufio.Reader, out *bufio.Writer) {
	text, err := io.ReadAll(in)
	if err != nil {
		return
	}
	out.WriteString(answersTo(string(text)))
	out.Flush() // where the client is gone nobody misses it
}

// swallowsAll answers nothing, and ends when the client does.
func swallowsAll(in *bufio.Reader, _ *bufio.Writer) {
	io.Copy(io.Discard, in) // how the client ends is its own affair
}

// heard is what a client gets: the bytes, and how they end.
type heard struct{ bytes, end string }

// listen reads to the end.
func listen(c net.Conn) heard {
	bytes, err := io.ReadAll(c)
	switch {
	case err == nil:
		return heard{string(bytes), "FIN"}
	case errors.Is(err, syscall.ECONNRESET):
		return heard{string(bytes), "RST"}
	}
	return heard{string(bytes), err.Error()}
}

// converse sends the pieces, waits behind each but the last, ends its side and
// listens to the end.
func converse(t *testing.T, addr string, pieces []string, wait func(c net.Conn)) heard {
	t.Helper()
	c := proctest.Dial(t, addr)
	defer c.Close()
	got := make(chan heard, 1)
	go func() { got <- listen(c) }()
	for i, piece := range pieces {
		if i > 0 {
			wait(c)
		}
		if _, err := io.WriteString(c, piece); err != nil {
			t.Error(err)
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	return <-got
}

// brief shortens a text for a complaint.
func brief(text string) string {
	if len(text) <= 300 {
		return text
	}
	return text[:150] + " ... " + text[len(text)-150:]
}
