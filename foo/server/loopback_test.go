// loopback_test.go: the server under load on real sockets. What it measures is the
// whole machine; its worth is the profile that the compiler builds foo_server with.

package server

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"fooproxy/foo"
)

// BenchmarkLoopback counts requests of clients that send a batch and wait for all of
// its replies.
func BenchmarkLoopback(b *testing.B) {
	for _, kind := range []struct{ clients, depth int }{{50, 1}, {50, 16}} {
		b.Run(fmt.Sprintf("%d clients, %d outstanding", kind.clients, kind.depth), func(b *testing.B) {
			r := start(b, nil)
			var work sync.WaitGroup
			for range kind.clients {
				c, err := net.Dial("tcp", r.addr.String())
				if err != nil {
					b.Fatal(err)
				}
				work.Go(func() {
					defer c.Close()
					if err := converse(c, kind.depth, max(1, b.N/kind.clients/kind.depth)); err != nil {
						b.Error(err)
					}
				})
			}
			work.Wait()
		})
	}
}

// converse sends batches of numbered requests, and reads as many bytes after each.
func converse(c net.Conn, depth, batches int) error {
	var text []byte
	data := []byte(strings.Repeat("x", 32))
	for batch := range batches {
		text = text[:0]
		for i := range depth {
			text = foo.AppendMessage(text, foo.REQ, uint64(batch*depth+i+1), data)
		}
		if _, err := c.Write(text); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, text); err != nil {
			return err
		}
	}
	return nil
}
