// muxbench_test.go: what a message costs where links are shared, and that it costs no
// allocation.

package proxy

import (
	"bytes"
	"fmt"
	"testing"

	"fooproxy/poller/fake"
)

// exchangeShared makes a function that has a batch of each of so many clients go over
// one shared link and back.
func exchangeShared(t testing.TB, clients, each int, change ...func(*Config)) func() {
	c, links := newMuxed(t, 1, change...)
	c.proxy.loop.OnTurn(c.proxy.endTurn)
	var all []*fake.Peer
	for range clients {
		all = append(all, c.dial())
	}
	asks := []byte{}
	for i := range each {
		asks = append(asks, line(fmt.Sprintf("REQ %d ", i+1), lineBytes)...)
	}
	return func() {
		for _, client := range all {
			client.Send(asks)
		}
		c.sys.Settle(c.proxy.loop)
		got := links[0].Receive()
		for at := 0; at < len(got); at += bytes.IndexByte(got[at:], '\n') + 1 {
			copy(got[at:], "ACK")
		}
		links[0].Send(got)
		c.sys.Settle(c.proxy.loop)
		for i, client := range all {
			if n := len(client.Receive()); n != len(asks) {
				t.Fatalf("%d bytes of %d came back to client %d", n, len(asks), i)
			}
		}
	}
}

func TestAMessageOnASharedLinkCostsNoAllocation(t *testing.T) {
	if n := allocations(t, exchangeShared(t, 10, 4)); n != 0 {
		t.Errorf("%v allocations in 40 messages and their replies", n)
	}
}

// BenchmarkExchangeShared is a batch of 50 clients on its way through the loop, on the
// simulated kernel.
func BenchmarkExchangeShared(b *testing.B) {
	for _, each := range []int{1, batch} {
		b.Run(fmt.Sprint("50x", each), func(b *testing.B) {
			run := exchangeShared(b, 50, each)
			run()
			b.ReportAllocs()
			for b.Loop() {
				run()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*50*each), "ns/message")
		})
	}
}
