package faultrelay

// This file owns the tests of the relay: one for each thing that it can do to a
// connection, and that it does it again from the same seed.

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds what a test waits for.
const patience = 30 * time.Second

// pair is the two ends of one connection through a relay.
type pair struct {
	t              *testing.T
	relay          *Relay
	client, server *net.TCPConn
}

// connect opens a relay with one plan, and one connection through it.
func connect(t *testing.T, plan Plan, change ...func(*Config)) pair {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	config := Config{Target: listener.Addr().String(), Seed: 1, Plan: func(int, *rand.Rand) Plan { return plan }}
	for _, f := range change {
		f(&config)
	}
	p := pair{t: t, relay: Start(t, config)}
	p.client = dial(t, p.relay.Addr)
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	p.server = server.(*net.TCPConn)
	bound(t, p.server)
	return p
}

func dial(t *testing.T, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	bound(t, c)
	return c.(*net.TCPConn)
}

func bound(t *testing.T, c net.Conn) {
	t.Helper()
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
}

func (p pair) send(c *net.TCPConn, text string) {
	p.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		p.t.Fatal(err)
	}
}

func (p pair) receive(c *net.TCPConn, want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(c, got); string(got[:n]) != want {
		p.t.Fatalf("got %q (%v), want %q", got[:n], err, want)
	}
}

// silent expects that nothing comes for a moment, not even an end.
func (p pair) silent(c *net.TCPConn) {
	p.t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		p.t.Fatal(err)
	}
	var timeout net.Error
	if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.As(err, &timeout) || !timeout.Timeout() {
		p.t.Errorf("got %d bytes, %v", n, err)
	}
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
}

// happened waits until the relay has told of these events.
func (p pair) happened(want ...Event) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		got := p.relay.Reports()[0].Happened
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%v happened, not %v", got, want)
		}
	}
}

func TestWithoutAPlanBothWaysAreVerbatimAndEndInFIN(t *testing.T) {
	p := connect(t, Plan{})
	p.send(p.client, "REQ 1 a\nREQ 2")
	p.receive(p.server, "REQ 1 a\nREQ 2")
	if err := p.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(p.server); len(rest) > 0 || err != nil {
		t.Errorf("the server got %q, %v", rest, err)
	}
	p.send(p.server, "ACK 1 a\n") // the other half still stands
	p.server.Close()
	if rest, err := io.ReadAll(p.client); string(rest) != "ACK 1 a\n" || err != nil {
		t.Errorf("the client got %q, %v", rest, err)
	}
	report := p.relay.Reports()[0]
	if report.Client != p.client.LocalAddr().String() || string(report.Head) != "REQ 1 a\nREQ 2" || len(report.Happened) != 0 {
		t.Errorf("%+v", report)
	}
}

func TestLatencyAndJitter(t *testing.T) {
	p := connect(t, Plan{Requests: Direction{Latency: 30 * time.Millisecond, Jitter: 20 * time.Millisecond}})
	for range 3 {
		begin := time.Now()
		p.send(p.client, "x")
		p.receive(p.server, "x")
		if took := time.Since(begin); took < 30*time.Millisecond {
			t.Errorf("a byte came after %v", took)
		}
	}
	begin := time.Now()
	p.send(p.server, "y")
	p.receive(p.client, "y")
	if took := time.Since(begin); took > time.Second {
		t.Errorf("the other direction took %v", took)
	}
	// Several may be on their way at a time: latency is no narrow line.
	begin = time.Now()
	for range 20 {
		p.send(p.client, "x")
		time.Sleep(time.Millisecond) // so that they are reads of their own
	}
	p.receive(p.server, strings.Repeat("x", 20))
	if took := time.Since(begin); took > 20*30*time.Millisecond {
		t.Errorf("20 bytes took %v", took)
	}
}

func TestTheDelaysDiffer(t *testing.T) {
	d, _ := decide(Direction{Latency: 30, Jitter: 20}, 7, 1)
	seen := map[time.Duration]bool{}
	for range 200 {
		delay := d.next()
		if delay < 30 || delay >= 50 {
			t.Fatal(delay)
		}
		seen[delay] = true
	}
	if len(seen) < 15 {
		t.Errorf("%d delays of 20 were chosen", len(seen))
	}
}

func TestRateIsTheMost(t *testing.T) {
	const rate, size = 1 << 20, 200 << 10
	p := connect(t, Plan{Requests: Direction{Rate: rate}})
	begin := time.Now()
	go p.client.Write(make([]byte, size))
	p.receive(p.server, strings.Repeat("\x00", size))
	if took, least := time.Since(begin), time.Second*(size-readBytes)/rate; took < least {
		t.Errorf("%d bytes took %v, at least %v was due", size, took, least)
	}
}

// TestSlices reads the choices: what the kernel makes of the writes is its own.
func TestSlices(t *testing.T) {
	slices := func(seed uint64, chunk int) (sizes []int) {
		_, c := decide(Direction{SliceMax: 7}, seed, 1)
		total := 0
		for left := 10_000; left > 0; {
			for part := min(chunk, left); part > 0; {
				n := c.next(part)
				c.went(n)
				part, left, total = part-n, left-n, total+n
				if c.slice == 0 {
					sizes, total = append(sizes, total), 0
				}
			}
		}
		return sizes
	}
	one := slices(1, 10_000)
	seen := map[int]int{}
	for _, n := range one {
		seen[n]++
	}
	if len(seen) != 7 || seen[0] != 0 || seen[7] == 0 {
		t.Errorf("slices of these sizes: %v", seen)
	}
	if got := slices(1, 13); fmt.Sprint(got) != fmt.Sprint(one) {
		t.Error("the same seed gives other slices when the reads differ")
	}
	if got := slices(2, 10_000); fmt.Sprint(got) == fmt.Sprint(one) {
		t.Error("another seed gives the same slices")
	}
	p := connect(t, Plan{Requests: Direction{SliceMax: 3}})
	text := strings.Repeat("0123456789", 1000)
	p.send(p.client, text)
	p.receive(p.server, text)
}

func TestSlicesArriveInPieces(t *testing.T) {
	p := connect(t, Plan{Requests: Direction{SliceMax: 2, Rate: 2000}}) // a pause of half a millisecond a byte
	p.send(p.client, "REQ 1 abcdefghijklmnopqrstuvwxyz\n")
	reads, got := 0, 0
	for buffer := make([]byte, 100); got < 33; reads++ {
		n, err := p.server.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		got += n
	}
	if reads < 3 {
		t.Errorf("33 bytes came in %d reads", reads)
	}
}

func TestEachConnectionHasAPlanOfItsOwnFromTheSeed(t *testing.T) {
	plans := func(seed uint64) (all []uint64) {
		var lock sync.Mutex
		p := connect(t, Plan{}, func(c *Config) {
			c.Seed = seed
			c.Plan = func(_ int, random *rand.Rand) Plan {
				lock.Lock()
				defer lock.Unlock()
				all = append(all, random.Uint64())
				return Plan{}
			}
		})
		for range 3 {
			dial(t, p.relay.Addr)
		}
		for deadline := time.Now().Add(patience); len(p.relay.Reports()) < 4 && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		lock.Lock()
		defer lock.Unlock()
		return slices.Clone(all)
	}
	one := plans(1)
	distinct := slices.Compact(slices.Sorted(slices.Values(one)))
	if len(one) != 4 || len(distinct) != 4 || !slices.Equal(one, plans(1)) || slices.Equal(one, plans(2)) {
		t.Errorf("%v", one)
	}
}

// TestTheEndLeavesNothing ends relays in the middle of everything that waits.
func TestTheEndLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("relays", func(t *testing.T) {
		for _, d := range []Direction{{}, {Latency: time.Hour}, {Rate: 1}, {Events: []Event{{Kind: ZeroWindow}}}, {Events: []Event{{Kind: Blackhole}}}} {
			p := connect(t, Plan{Requests: d, Replies: d}, small)
			p.send(p.client, strings.Repeat("x", 100))
			p.send(p.server, strings.Repeat("x", 100))
		}
	})
	for deadline := time.Now().Add(patience); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines before, %d now", before, runtime.NumGoroutine())
		}
	}
}
