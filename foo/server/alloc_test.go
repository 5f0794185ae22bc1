package server

import (
	"strings"
	"testing"
	"time"
)

func TestARequestAllocatesNothing(t *testing.T) {
	for name, delay := range map[string]time.Duration{"at once": 0, "delayed": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			s := step(t, func(c *Config) { c.Delay = delay })
			c := s.call()
			lines := []byte("REQ 1 some data of a usual length\nREQ 2 \xff\nfoo\nREQ 3\n")
			replies := "ACK 1 some data of a usual length\nNAK 2 data is not UTF-8\nNAK 0 unknown type\nACK 3\n"
			exchange := func() {
				c.Send(lines)
				s.sys.Settle(s.loop)
				s.kernel.Advance(delay)
				s.sys.Settle(s.loop)
			}
			const warmUp, runs = 10, 200
			for range warmUp { // buffers and pools take their size
				exchange()
			}
			c.hear(strings.Repeat(replies, warmUp))
			if allocs := testing.AllocsPerRun(runs, exchange); allocs != 0 {
				t.Errorf("4 lines cost %v allocations", allocs)
			}
			c.hear(strings.Repeat(replies, 1+runs)) // AllocsPerRun makes one run more
		})
	}
}

// BenchmarkReply is 64 requests of 64 bytes that come in one read, and their
// replies in one write, without a real system call.
func BenchmarkReply(b *testing.B) {
	s := step(b, nil)
	c := s.call()
	lines := []byte(strings.Repeat("REQ 1 "+strings.Repeat("x", 57)+"\n", 64))
	b.ReportAllocs()
	b.SetBytes(int64(len(lines)))
	for b.Loop() {
		c.Send(lines)
		s.loop.Turn(s.sys.Now())
		if len(c.Receive()) != len(lines) {
			b.Fatal("replies are missing")
		}
	}
}
