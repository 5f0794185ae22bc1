package reqlog

// What a line costs: the loop, the writer, and both together with the disk.

import (
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"fooproxy/foo"
)

func somePeers(conn uint32) *Peers {
	return &Peers{
		Conn:   conn,
		Client: IPEndpoint(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(40000+conn))),
		Server: IPEndpoint(netip.MustParseAddrPort("127.0.0.1:8000")),
	}
}

func someRequest(seq uint64) *Request {
	return &Request{Seq: seq, Arrived: int64(seq), BytesIn: 64, BytesOut: 64, Type: foo.ACK, End: Answered}
}

// BenchmarkRequest is the loop's side.
func BenchmarkRequest(b *testing.B) {
	l := &Log{ring: newRing(1 << 12)}
	p, q := somePeers(1), someRequest(1)
	b.ReportAllocs()
	for b.Loop() {
		q.Seq++
		l.Request(int64(q.Seq)*1000, p, q)
		if q.Seq%16 == 0 {
			l.ring.show()
			l.ring.take(16)
		}
	}
}

// BenchmarkLine is the spelling, of 50 connections in turn and of more than
// their texts are kept for.
func BenchmarkLine(b *testing.B) {
	for name, conns := range map[string]uint32{"50 connections": 50, "9000 connections": 9000} {
		b.Run(name, func(b *testing.B) {
			s := newSpelling(&Config{Epoch: 1.7e18})
			entries := make([]entry, conns)
			for i := range entries {
				entries[i] = entry{peers: *somePeers(uint32(i)), request: *someRequest(1), event: requestEvent}
			}
			var line []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				e := &entries[i%len(entries)]
				e.at = int64(i) * 4000
				e.request.Arrived, e.request.Seq = e.at-150_000, uint64(i)
				line = s.appendLine(line[:0], e)
			}
		})
	}
}

// BenchmarkLog is all of it, with a file on disk: the CPU time of the process
// for each line, whoever spends it.
func BenchmarkLog(b *testing.B) {
	l, err := Open(Config{Path: filepath.Join(b.TempDir(), "log"), Epoch: 1.7e18})
	if err != nil {
		b.Fatal(err)
	}
	q := someRequest(1)
	var all [50]*Peers
	for i := range all {
		all[i] = somePeers(uint32(i))
	}
	start := cpuTime(b)
	for b.Loop() {
		for range 16 {
			q.Seq++
			l.Request(int64(q.Seq)*4000, all[q.Seq%50], q)
		}
		l.EndTurn()
		for l.ring.tail-l.ring.head.Load() > ringEntries/2 {
			time.Sleep(time.Millisecond) // a loop that is faster than any would drop lines
		}
	}
	l.Stop()
	b.ReportMetric(float64(cpuTime(b)-start)/float64(16*b.N), "cpu-ns/line")
	b.ReportMetric(float64(l.Dropped()), "dropped")
}

// cpuTime is what the process has used, in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return use.Utime.Nano() + use.Stime.Nano()
}
