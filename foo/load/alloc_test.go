// alloc_test.go: what a request costs the run itself, and that it costs no
// allocation.

package load

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// exchange makes a function that has depth requests go to the server and their
// replies come back, on each of two connections, for ever.
func exchange(t testing.TB, depth int, change func(*Config)) func() {
	s := newStage(t, func(c *Config) {
		c.Requests, c.Connections, c.Depth = RequestsMax, 2, depth
		if change != nil {
			change(c)
		}
	}).connect()
	var reply []byte
	return func() {
		s.kernel.Advance(time.Millisecond)
		s.loop.Turn(s.sys.Now())
		for _, p := range s.peers {
			reply = append(reply[:0], p.Receive()...)
			for at := 0; at < len(reply); at++ {
				if at == 0 || reply[at-1] == '\n' {
					copy(reply[at:], "ACK")
				}
			}
			p.Send(reply)
		}
		s.loop.Turn(s.sys.Now())
	}
}

func TestARequestAllocatesNothing(t *testing.T) {
	m, err := ReadMix(strings.NewReader("a\nb\nc\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Config){
		"closed loop": nil,
		"open loop":   func(c *Config) { c.Rate = 10_000 },
		"mix":         func(c *Config) { c.Mix = m },
	} {
		run := exchange(t, 16, change)
		for range 20 { // buffers take their size
			run()
		}
		if n := testing.AllocsPerRun(500, run); n != 0 {
			t.Errorf("%s: %v allocations for a turn's requests and their replies", name, n)
		}
	}
}

// BenchmarkRequest is a request and its reply, without a real system call.
func BenchmarkRequest(b *testing.B) {
	for _, depth := range []int{1, 16} {
		for _, rate := range []int{0, RateMax} {
			b.Run(fmt.Sprintf("depth %d, rate %d", depth, rate), func(b *testing.B) {
				run := exchange(b, depth, func(c *Config) { c.Rate = rate })
				run()
				b.ReportAllocs()
				for i := 0; i < b.N; i += 2 * depth {
					run()
				}
			})
		}
	}
}

func BenchmarkWindow(b *testing.B) {
	w := newWindow(16)
	b.ReportAllocs()
	for b.Loop() {
		seq := w.next()
		w.note(1)
		w.settle(seq)
	}
}

func BenchmarkRecord(b *testing.B) {
	l := newLatencies()
	b.ReportAllocs()
	nanos := int64(100_000)
	for b.Loop() {
		nanos = nanos*31%1_000_003 + 50_000
		l.record(nanos)
	}
}
