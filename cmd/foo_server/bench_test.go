package main

// This file owns what keys in a file cost clients: commits alone and together, and
// reads beside them. TMPDIR has to be on a disk that syncs, or the figures say
// nothing; how long a sync takes stands beside them.

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/proctest"
)

const (
	benchWindow  = 3 * time.Second
	benchGetters = 8
	benchGetGap  = 2 * time.Millisecond // between two gets of a connection
	benchSetters = 20
	benchSetGap  = 10 * time.Millisecond
)

// TestWhatCommitsCost measures, and judges nothing: it is for a quiet machine.
func TestWhatCommitsCost(t *testing.T) {
	if !proctest.Release() {
		t.Skip("it judges nothing, and takes 18 s")
	}
	path := filepath.Join(t.TempDir(), "keys")
	p := keep(t, path)
	sync := fmt.Sprintf("%v a sync", syncTime(t, filepath.Dir(path)))
	alone, together := setsPerSecond(t, p, 1, 1), setsPerSecond(t, p, 50, 16)
	again := setsPerSecond(t, p, 1, 1)
	proctest.Figure(t, "S4", "sets in a file, 1 x 1 and 50 x 16, "+sync,
		fmt.Sprintf("%.0f/s and %.0f/s: %.1f times; 1 x 1 again %.0f/s", alone, together, together/alone, again), "15 times")
	without := getTimes(t, p)
	stop := setSteadily(t, p)
	with := getTimes(t, p)
	stop()
	null := getTimes(t, p)
	p99 := func(times []time.Duration) time.Duration { return times[len(times)*99/100] }
	proctest.Figure(t, "S5", fmt.Sprintf("p99 of gets beside %d sets/s, %s", benchSetters*int(time.Second/benchSetGap), sync),
		fmt.Sprintf("%v without, %v with: %.2f; null test %.2f", p99(without), p99(with),
			float64(p99(with))/float64(p99(without)), float64(p99(null))/float64(p99(without))), "1.3")
}

// syncTime is the median of what an fdatasync takes behind a page that was written.
func syncTime(t *testing.T, dir string) time.Duration {
	t.Helper()
	file, err := os.Create(filepath.Join(dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var times []time.Duration
	for range 51 {
		if _, err := file.WriteAt(make([]byte, 4096), 0); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if err := unix.Fdatasync(int(file.Fd())); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	slices.Sort(times)
	return times[len(times)/2].Round(time.Microsecond)
}

// setsPerSecond has connections set keys, so many under way on each.
func setsPerSecond(t *testing.T, p *proctest.Process, conns, depth int) float64 {
	t.Helper()
	var done atomic.Int64
	var work sync.WaitGroup
	begin := time.Now()
	for i := range conns {
		conn := p.Dial()
		work.Go(func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			n := 0
			send := func() {
				n++
				if _, err := fmt.Fprintf(conn, "REQ %d set key%d.%d 0123456789abcdef\n", n, i, n%200); err != nil {
					t.Error(err)
				}
			}
			for range depth {
				send()
			}
			for answered := 0; answered < n; answered++ {
				if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintf("ACK %d ok\n", answered+1) {
					t.Errorf("%q, %v", line, err)
					return
				}
				done.Add(1)
				if time.Since(begin) < benchWindow {
					send()
				}
			}
		})
	}
	work.Wait()
	return float64(done.Load()) / time.Since(begin).Seconds()
}

// getTimes has connections get a key in steps of time, and gives what each took,
// sorted. A get that was late to be sent counts from when it was due.
func getTimes(t *testing.T, p *proctest.Process) []time.Duration {
	t.Helper()
	var mutex sync.Mutex
	var all []time.Duration
	var work sync.WaitGroup
	for i := range benchGetters {
		conn := p.Dial()
		work.Go(func() {
			defer conn.Close()
			in := bufio.NewReader(conn)
			var times []time.Duration
			due := time.Now().Add(benchGetGap * time.Duration(i) / benchGetters)
			for end := due.Add(benchWindow); due.Before(end); due = due.Add(benchGetGap) {
				time.Sleep(time.Until(due))
				fmt.Fprint(conn, "REQ 1 get key0.1\n")
				if _, err := in.ReadString('\n'); err != nil {
					t.Error(err)
					return
				}
				times = append(times, time.Since(due))
			}
			mutex.Lock()
			defer mutex.Unlock()
			all = append(all, times...)
		})
	}
	work.Wait()
	slices.Sort(all)
	return all
}

// setSteadily has other connections set keys until it is told to stop.
func setSteadily(t *testing.T, p *proctest.Process) (stop func()) {
	t.Helper()
	var work sync.WaitGroup
	ended := make(chan struct{})
	for i := range benchSetters {
		conn := p.Dial()
		work.Go(func() { setInSteps(t, conn, i, ended) })
	}
	return func() { close(ended); work.Wait() }
}

func setInSteps(t *testing.T, conn net.Conn, i int, ended chan struct{}) {
	defer conn.Close()
	in, ticker := bufio.NewReader(conn), time.NewTicker(benchSetGap)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ticker.C:
		case <-ended:
			return
		}
		fmt.Fprintf(conn, "REQ %d set other%d.%d v\n", n, i, n%100)
		if _, err := in.ReadString('\n'); err != nil {
			t.Error(err)
			return
		}
	}
}
