// loopback_test.go: the proxy under load on real sockets. What it measures is the
// whole machine; its worth is the profile that the compiler builds foo_proxy with.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"fooproxy/poller"
)

// echoLines answers whatever was read in one piece by one piece of the same
// length, so that the server costs little beside the proxy.
func echoLines(c *net.TCPConn, _ *bufio.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		for at := 0; at+3 < n; at++ {
			if at == 0 || buffer[at-1] == '\n' {
				copy(buffer[at:], "ACK")
			}
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// BenchmarkLoopback counts requests of clients that send a batch and wait for all
// of its replies.
func BenchmarkLoopback(b *testing.B) {
	for _, depth := range []int{1, 16} {
		b.Run(fmt.Sprintf("50 clients, %d outstanding", depth), func(b *testing.B) {
			const clients = 50
			s := startServer(b, 0, echoLines)
			l := startLive(b, []poller.Addr{s.addr})
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
