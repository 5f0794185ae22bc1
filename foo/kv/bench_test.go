package kv

// What commits cost, alone and together, on the disk where the test runs: TMPDIR has to
// be on one that syncs, or the figures say nothing.

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// syncTime is the median of what an fdatasync takes behind a page that was written.
func syncTime(b *testing.B, dir string) time.Duration {
	b.Helper()
	file, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			b.Error(err)
		}
	}()
	var times []time.Duration
	for range 51 {
		if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// BenchmarkSet is sets of 16 bytes under 10,000 keys, by so many callers with so many
// operations under way each.
func BenchmarkSet(b *testing.B) {
	for _, c := range []struct{ callers, depth int }{{1, 1}, {50, 1}, {50, 16}} {
		b.Run(fmt.Sprintf("%dx%d", c.callers, c.depth), func(b *testing.B) {
			path := tempFile(b)
			commits := 0
			r := openRig(b, path, func(s *seams) {
				s.commit = func(tx *bolt.Tx) error { commits++; return tx.Commit() }
			})
			fsync := syncTime(b, filepath.Dir(path))
			callers := make([]Caller, c.callers)
			putIn, completed := 0, 0
			var put func(i int)
			put = func(i int) {
				if putIn == b.N {
					return
				}
				op := Op{Kind: Set, Key: fmt.Appendf(nil, "key%d", putIn%10000), Value: fmt.Appendf(nil, "%016d", putIn)}
				putIn++
				err := r.Do(&callers[i], op, func(res Result) {
					completed++
					if res.Err != nil {
						b.Error(res.Err)
					}
					put(i)
				})
				if err != nil {
					b.Error(err)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range c.callers * c.depth {
				put(i % c.callers)
			}
			if err := r.loop.until(func() bool { return completed == b.N }); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sets/s")
			b.ReportMetric(float64(b.N)/float64(max(commits, 1)), "sets/commit")
			b.ReportMetric(float64(fsync.Microseconds()), "µs/fdatasync")
		})
	}
}

// BenchmarkGet is reads by one caller, while nobody writes and while another one has
// as many writes under way as a commit takes.
func BenchmarkGet(b *testing.B) {
	for _, writes := range []int{0, 100} {
		b.Run(fmt.Sprintf("beside %d writes", writes), func(b *testing.B) {
			r := openRig(b, tempFile(b), nil)
			if err := r.set("k", "v"); err != nil {
				b.Fatal(err)
			}
			stop := false
			underWay := 0
			var reader, writer Caller
			var write func()
			write = func() {
				if stop {
					return
				}
				underWay++
				if err := r.Do(&writer, parse("set w v"), func(Result) { underWay--; write() }); err != nil {
					b.Error(err)
				}
			}
			for range writes {
				write()
			}
			took := make([]time.Duration, 0, b.N)
			b.ReportAllocs()
			for b.Loop() {
				begin, answered := time.Now(), false
				if err := r.Do(&reader, parse("get k"), func(Result) { answered = true }); err != nil {
					b.Fatal(err)
				}
				if err := r.loop.until(func() bool { return answered }); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			stop = true
			if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
				b.Fatal(err)
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}
