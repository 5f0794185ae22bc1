// bench_test.go: what a message costs the proxy itself, and that it costs no
// allocation. There are no sockets in it.

package proxy

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"fooproxy/poller/fake"
)

// batch is how many messages go on in one turn, of lineBytes each.
const (
	batch     = 16
	lineBytes = 64
)

func batches() (asks, replies []byte) {
	for i := range batch {
		asks = append(asks, line(fmt.Sprintf("REQ %d ", i+1), lineBytes)...)
	}
	return asks, bytes.ReplaceAll(asks, []byte("REQ"), []byte("ACK"))
}

// withoutChecks opens a stage whose turns cost what they cost in the command.
func withoutChecks(t testing.TB, change ...func(*Config)) (g *stage, client, server *fake.Peer) {
	g = newStage(t, change...)
	client, server = g.connect()
	g.proxy.loop.OnTurn(g.proxy.endTurn)
	return g, client, server
}

// exchange makes a function that has one batch go all the way: client, proxy,
// server and back.
func exchange(t testing.TB, change ...func(*Config)) func() {
	g, client, server := withoutChecks(t, change...)
	asks, replies := batches()
	return func() {
		client.Send(asks)
		g.sys.Settle(g.proxy.loop)
		if n := len(server.Receive()); n != len(asks) {
			t.Fatalf("%d bytes of %d were forwarded", n, len(asks))
		}
		server.Send(replies)
		g.sys.Settle(g.proxy.loop)
		if n := len(client.Receive()); n != len(replies) {
			t.Fatalf("%d bytes of %d came back", n, len(replies))
		}
	}
}

// allocations counts those of one run, on average over many.
func allocations(t *testing.T, run func()) float64 {
	t.Helper()
	if raceDetector {
		t.Skip("the race detector allocates by itself")
	}
	return testing.AllocsPerRun(500, run)
}

func TestAMessageCostsNoAllocation(t *testing.T) {
	for _, isStrict := range []bool{false, true} {
		if n := allocations(t, exchange(t, func(c *Config) { c.Strict = isStrict })); n != 0 {
			t.Errorf("strict %v: %v allocations in %d messages and their replies", isStrict, n, batch)
		}
	}
}

// TestOddLinesCostNoAllocation: nobody may make the collector work by sending
// nonsense.
func TestOddLinesCostNoAllocation(t *testing.T) {
	for _, isStrict := range []bool{false, true} {
		g, client, server := withoutChecks(t, func(c *Config) { c.Strict = isStrict })
		asks := []byte(strings.Repeat("bad\nREQ 0\nREQ 1 \xff\nACK 1\n", 4))
		replies := []byte(strings.Repeat("bad\nNAK 0 x\nREQ 1\n", 4) + "ACK 1\nACK 1\nACK 1\nACK 1\nACK 1\n")
		if n := allocations(t, func() {
			client.Send(asks)
			g.sys.Settle(g.proxy.loop)
			server.Receive()
			server.Send(replies)
			g.sys.Settle(g.proxy.loop)
			client.Receive()
		}); n != 0 {
			t.Errorf("strict %v: %v allocations", isStrict, n)
		}
	}
}

// TestALineInPiecesCostsNoAllocation: the pieces are kept in the pool.
func TestALineInPiecesCostsNoAllocation(t *testing.T) {
	g, client, server := withoutChecks(t)
	pieces := [][]byte{[]byte("RE"), []byte("Q 1 some"), []byte("thing\nREQ 2"), []byte(" x\n")}
	reply := []byte("ACK 1\nACK 2\n")
	if n := allocations(t, func() {
		for _, piece := range pieces {
			client.Send(piece)
			g.sys.Settle(g.proxy.loop)
		}
		server.Receive()
		server.Send(reply)
		g.sys.Settle(g.proxy.loop)
		client.Receive()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkExchange is a batch on its way through the loop, on the simulated
// kernel.
func BenchmarkExchange(b *testing.B) {
	run := exchange(b)
	run()
	b.ReportAllocs()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/message")
}

// BenchmarkOfferAndReply is the proxy's own part of it: requests become records,
// replies find them.
func BenchmarkOfferAndReply(b *testing.B) {
	for _, outstanding := range []int{batch, DefaultMaxOutstanding} {
		b.Run(fmt.Sprint(outstanding, " outstanding"), func(b *testing.B) {
			g, client, _ := withoutChecks(b)
			s := g.proxy.sessions[0]
			s.link.conn.FinishWrite() // it drops what is appended from now on
			asks, replies := batches()
			for range outstanding/batch - 1 {
				s.offer(asks, batch)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, lines := s.offer(asks, batch); lines != batch {
					b.Fatalf("%d lines were taken", lines)
				}
				if _, lines := s.reply(replies, batch); lines != batch {
					b.Fatalf("%d replies were taken", lines)
				}
				g.proxy.loop.Turn(g.proxy.loop.Now())
				client.Receive()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/message")
		})
	}
}

// BenchmarkRepliesInReverse is the worst order that a server can choose.
func BenchmarkRepliesInReverse(b *testing.B) {
	g, client, _ := withoutChecks(b)
	s := g.proxy.sessions[0]
	s.link.conn.FinishWrite() // it drops what is appended from now on
	var asks, replies []byte
	for i := range DefaultMaxOutstanding {
		asks = fmt.Appendf(asks, "REQ %d\n", i+1)
		replies = fmt.Appendf(replies, "ACK %d\n", DefaultMaxOutstanding-i)
	}
	b.ReportAllocs()
	for b.Loop() {
		s.offer(asks, DefaultMaxOutstanding)
		for at := 0; at < len(replies); { // the budget of many turns
			taken, _ := s.reply(replies[at:], DefaultMaxOutstanding)
			at += taken
		}
		g.proxy.loop.Turn(g.proxy.loop.Now())
		client.Receive()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*DefaultMaxOutstanding), "ns/message")
}

// recordRound makes a function that takes a batch of records through their lives:
// onto both queues, found by their reply, and back.
func recordRound() func() {
	var table records
	var client, link queue
	seq := uint64(0)
	return func() {
		first := seq + 1
		for range batch {
			seq++
			id := table.take()
			*table.at(id) = record{seq: seq, linkSeq: seq, state: recordSent}
			table.push(&client, clientOrder, id)
			table.push(&link, linkOrder, id)
		}
		for reply := first; reply <= seq; reply++ {
			id, _ := table.find(&link, reply)
			table.remove(&link, linkOrder, id)
			table.remove(&client, clientOrder, id)
			table.put(id)
		}
	}
}

func TestRecordsDoNotAllocate(t *testing.T) {
	if n := allocations(t, recordRound()); n != 0 {
		t.Errorf("%v allocations for %d records", n, batch)
	}
}

// BenchmarkRecord is the bookkeeping of one request, from its line to its reply.
func BenchmarkRecord(b *testing.B) {
	round := recordRound()
	b.ReportAllocs()
	for b.Loop() {
		round()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/batch, "ns/request")
}
