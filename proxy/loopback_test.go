// loopback_test.go: the proxy under load on real sockets. What it measures is the
// whole machine; its worth is the profile that the compiler builds foo_proxy with.

package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"fooproxy/poller"
)

// echoLines answers the whole lines that were read in one piece by one piece of the
// same length, so that the server costs little beside the proxy.
func echoLines(c *net.TCPConn, _ *bufio.Reader) {
	buffer, kept := make([]byte, 64<<10), 0
	for {
		n, err := c.Read(buffer[kept:])
		if err != nil {
			return
		}
		kept += n
		whole := bytes.LastIndexByte(buffer[:kept], '\n') + 1
		for at := 0; at < whole; at += bytes.IndexByte(buffer[at:], '\n') + 1 {
			copy(buffer[at:], "ACK")
		}
		if _, err := c.Write(buffer[:whole]); err != nil {
			return
		}
		kept = copy(buffer, buffer[whole:kept])
	}
}

// BenchmarkLoopback counts requests of clients that send a batch and wait for all
// of its replies.
func BenchmarkLoopback(b *testing.B) {
	for _, kind := range []struct{ mux, clients, depth int }{{0, 50, 1}, {0, 50, 16}, {1, 50, 1}, {1, 500, 1}, {1, 50, 16}} {
		b.Run(fmt.Sprintf("mux %d, %d clients, %d outstanding", kind.mux, kind.clients, kind.depth), func(b *testing.B) {
			clients, depth := kind.clients, kind.depth
			s := startServer(b, 0, echoLines)
			l := startLive(b, []poller.Addr{s.addr}, func(c *Config) { c.Mux = kind.mux })
			l.on(func() { l.proxy.loop.OnTurn(l.proxy.endTurn) })
			var work sync.WaitGroup
			for i := range clients {
				c := dial(b, l.addr)
				work.Go(func() {
					defer c.Close()
					ask(c, depth, b.N/clients/depth+min(1, i))
				})
			}
			work.Wait()
		})
	}
}

// ask sends batches of numbered requests, and reads as many bytes after each.
func ask(c net.Conn, depth, batches int) {
	var text []byte
	seq := 0
	for range batches {
		text = text[:0]
		for range depth {
			seq++
			text = fmt.Appendf(text, "REQ %d %s\n", seq, strings.Repeat("x", 32))
		}
		if _, err := c.Write(text); err != nil {
			panic(err)
		}
		if _, err := io.ReadFull(c, text); err != nil {
			panic(err)
		}
	}
}
