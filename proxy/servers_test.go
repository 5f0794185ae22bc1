// servers_test.go owns the servers that tests put behind the proxy. They stand
// on the standard library alone and answer as a test likes.

package proxy

import (
	"bufio"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"fooproxy/foo"
	"fooproxy/poller"
)

// server serves each connection in a goroutine, and keeps what arrived.
type server struct {
	addr     poller.Addr
	listener *net.TCPListener
	work     sync.WaitGroup
	ended    chan string // what arrived on each connection that has ended
}

// handler serves one connection, which is closed when it returns.
type handler func(c *net.TCPConn, in *bufio.Reader)

// startServer serves until the test ends. keep is how many connections' bytes
// are kept for arrived.
func startServer(t testing.TB, keep int, handle handler) *server {
	t.Helper()
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(anyLoopback.TCP()))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: poller.TCPAddr(listener.Addr().(*net.TCPAddr).AddrPort()), listener: listener, ended: make(chan string, keep)}
	s.work.Go(func() {
		for {
			c, err := listener.AcceptTCP()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(c, handle) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.work.Wait()
	})
	return s
}

func (s *server) serve(c *net.TCPConn, handle handler) {
	defer c.Close()
	// A handler that waits for ever would keep the test from ending.
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		panic(err)
	}
	log := &transcript{}
	handle(c, bufio.NewReaderSize(io.TeeReader(c, log), 64<<10))
	select {
	case s.ended <- string(log.bytes):
	default: // the test does not want it
	}
}

type transcript struct{ bytes []byte }

func (l *transcript) Write(p []byte) (int, error) {
	l.bytes = append(l.bytes, p...)
	return len(p), nil
}

// arrived is what came on the next connection that ends.
func (s *server) arrived(t testing.TB) string {
	t.Helper()
	select {
	case text := <-s.ended:
		return text
	case <-time.After(patience):
		t.Fatal("no connection of the server ends")
		return ""
	}
}

func (s *server) addrs() []poller.Addr { return []poller.Addr{s.addr} }

// answer is what the servers of the field say to a line: they echo the data of a
// request and tell of every other line with NAK 0.
func answer(dst, line []byte) []byte {
	m, err := foo.Parse(line)
	switch {
	case err != nil || m.Type != foo.REQ:
		return append(dst, "NAK 0 cannot decode\n"...)
	case foo.CheckData(m.Data) != nil:
		return foo.AppendMessage(dst, foo.NAK, m.Seq, []byte("bad data"))
	}
	return foo.AppendMessage(dst, foo.ACK, m.Seq, m.Data)
}

// answers serves like the field's servers: it ends when the client does, and
// throws an unfinished line away.
func answers(c *net.TCPConn, in *bufio.Reader) {
	out := bufio.NewWriter(c)
	var reply []byte
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			break
		}
		reply = answer(reply[:0], line[:len(line)-1])
		if _, err := out.Write(reply); err != nil {
			return
		}
		if in.Buffered() == 0 && out.Flush() != nil {
			return
		}
	}
	out.Flush() // where the client is gone nobody misses it
}

// answersInBytes sends every byte in a segment of its own.
func answersInBytes(c *net.TCPConn, in *bufio.Reader) {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		for _, b := range answer(nil, line[:len(line)-1]) {
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	}
}

// answersThen answers so many lines, says a last word and closes.
func answersThen(lines int, lastWord string) handler {
	return func(c *net.TCPConn, in *bufio.Reader) {
		for range lines {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if _, err := c.Write(answer(nil, line[:len(line)-1])); err != nil {
				return
			}
		}
		io.WriteString(c, lastWord) // where the client is gone nobody misses it
	}
}

// swallows reads everything and answers nothing, until the client ends.
func swallows(_ *net.TCPConn, in *bufio.Reader) { io.Copy(io.Discard, in) }
