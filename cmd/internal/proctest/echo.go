package proctest

// This file owns the server that tests put behind a proxy. It stands on the
// standard library alone and shares no grammar with what it is to test.

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
)

// echoLineMax bounds a line, in bytes: longer than any that a test sends.
const echoLineMax = 4 << 20

// StartEcho serves until the test ends, in goroutines of its own. It answers as
// the servers of the field do: each REQ with ACK and its data, every other line
// with NAK 0. Two words are for tests: data that ends in "hold" gets no reply,
// and a line of "bye" the end of the connection.
func StartEcho(t testing.TB) (addr string) {
	t.Helper()
	addr, _ = StartCounter(t)
	return addr
}

// StartCounter is StartEcho, which also tells how many lines it was sent.
func StartCounter(t testing.TB) (addr string, lines func() int64) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	var count atomic.Int64
	work.Go(func() { serveEcho(listener, &work, &count) })
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return listener.Addr().String(), count.Load
}

func serveEcho(listener net.Listener, work *sync.WaitGroup, count *atomic.Int64) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		work.Go(func() {
			defer c.Close()
			echo(c, count)
		})
	}
}

// echo answers all lines of a read in one write. Its buffer begins small: there
// may be thousands of connections.
func echo(c net.Conn, count *atomic.Int64) {
	in, filled := make([]byte, 512), 0
	var out []byte
	for {
		n, err := c.Read(in[filled:])
		filled += n
		out = out[:0]
		rest := in[:filled]
		for end := bytes.IndexByte(rest, '\n'); end >= 0; end = bytes.IndexByte(rest, '\n') {
			if string(bytes.TrimSuffix(rest[:end], []byte("\r"))) == "bye" {
				c.Write(out) // the end of the connection tells the rest
				return
			}
			count.Add(1)
			out = appendAnswer(out, rest[:end])
			rest = rest[end+1:]
		}
		filled = copy(in, rest)
		if len(out) > 0 {
			if _, err := c.Write(out); err != nil {
				return
			}
		}
		if err != nil || filled == echoLineMax {
			return
		}
		if filled == len(in) {
			in = append(in, make([]byte, len(in))...)
		}
	}
}

// appendAnswer appends the reply to a line, which comes without its LF.
func appendAnswer(dst, line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\r"))
	rest, isRequest := bytes.CutPrefix(line, []byte("REQ"))
	if !isRequest || len(rest) > 0 && rest[0] != ' ' && rest[0] != '\t' {
		return append(dst, "NAK 0 unknown type\n"...)
	}
	rest = bytes.TrimLeft(rest, " \t")
	seq := rest[:len(rest)-len(bytes.TrimLeft(rest, "0123456789"))]
	data := rest[len(seq):]
	switch {
	case len(seq) == 0, seq[0] == '0', len(data) > 0 && data[0] != ' ' && data[0] != '\t',
		len(seq) > 19, len(seq) == 19 && string(seq) > "9223372036854775807":
		return append(dst, "NAK 0 bad Seq\n"...)
	case bytes.HasSuffix(data, []byte("hold")):
		return dst
	}
	dst = append(append(dst, "ACK "...), seq...)
	if data = bytes.TrimLeft(data, " \t"); len(data) > 0 {
		dst = append(append(dst, ' '), data...)
	}
	return append(dst, '\n')
}

// playEcho asks the test binary for the server instead of the command; its value
// is where to listen.
const playEcho = "FOO_TEST_PLAYS_THE_ECHO"

// OrEcho is for a TestMain whose tests want servers that are processes, which can
// be stopped and killed.
//
//	func TestMain(m *testing.M) { proctest.Main(m, proctest.OrEcho(main)) }
//	server := proctest.Launch(t, proctest.EchoCommand("127.0.0.1:0"))
func OrEcho(main func()) func() {
	return func() {
		addr := os.Getenv(playEcho)
		if addr == "" {
			main()
			return
		}
		listener, err := net.Listen("tcp", addr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Fprintf(os.Stderr, "{\"msg\":\"listening\",\"address\":%q}\n", listener.Addr())
		var work sync.WaitGroup
		serveEcho(listener, &work, new(atomic.Int64))
	}
}

// EchoCommand is the server of StartEcho as a process, not started.
func EchoCommand(addr string) *exec.Cmd {
	cmd := Command()
	cmd.Env = append(cmd.Env, playEcho+"="+addr)
	return cmd
}
