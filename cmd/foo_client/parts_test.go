// This file owns the tests of the parts of a load run that need no server.
package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWindowInOrder(t *testing.T) {
	w := newWindow(3)
	for seq := uint64(1); seq <= 3; seq++ {
		if w.full() {
			t.Fatalf("full before request %d", seq)
		}
		if got := w.note(time.Duration(seq)); got != seq {
			t.Fatalf("Seq %d, want %d", got, seq)
		}
	}
	if !w.full() || w.missing() != 3 {
		t.Fatalf("full %v, missing %d", w.full(), w.missing())
	}
	for _, c := range []struct {
		seq         uint64
		inOrder, ok bool
		full        bool
	}{
		{0, false, false, true},
		{4, false, false, true},
		{2, false, true, true}, // 1 is still outstanding: its slot is needed
		{2, false, false, true},
		{1, true, true, false},
		{1, false, false, false},
		{3, true, true, false},
		{1 << 62, false, false, false},
	} {
		at, inOrder, ok := w.settle(c.seq)
		if inOrder != c.inOrder || ok != c.ok || w.full() != c.full || ok && at != time.Duration(c.seq) {
			t.Errorf("reply %d: %v, in order %v, ok %v, full %v", c.seq, at, inOrder, ok, w.full())
		}
	}
	if w.missing() != 0 {
		t.Errorf("missing %d at the end", w.missing())
	}
}

func TestWindowInAnyOrder(t *testing.T) {
	const seed, requests = 1, 20_000
	random := rand.New(rand.NewPCG(seed, 0))
	for _, depth := range []int{1, 2, 7, 64} {
		w := newWindow(depth)
		var outstanding []uint64
		answered := 0
		for answered < requests {
			for !w.full() && random.IntN(4) > 0 {
				outstanding = append(outstanding, w.note(0))
			}
			if len(outstanding) > depth {
				t.Fatalf("depth %d: %d outstanding", depth, len(outstanding))
			}
			if len(outstanding) == 0 {
				continue
			}
			i := random.IntN(len(outstanding))
			seq := outstanding[i]
			outstanding = append(outstanding[:i], outstanding[i+1:]...)
			if _, inOrder, ok := w.settle(seq); !ok || inOrder != (i == 0) {
				t.Fatalf("depth %d: reply %d, place %d: in order %v, ok %v", depth, seq, i, inOrder, ok)
			}
			if _, _, ok := w.settle(seq); ok {
				t.Fatalf("depth %d: reply %d was taken twice", depth, seq)
			}
			answered++
		}
		if int(w.missing()) != len(outstanding) {
			t.Errorf("depth %d: missing %d, want %d", depth, w.missing(), len(outstanding))
		}
	}
}

func TestPayloadsDiffer(t *testing.T) {
	seen := make(map[string]bool)
	for connection := range 50 {
		for seq := uint64(1); seq <= 200; seq++ {
			p := string(appendPayload(nil, connection, seq, 16))
			if len(p) != 16 || seen[p] {
				t.Fatalf("connection %d, Seq %d: %q is too short or not the first", connection, seq, p)
			}
			seen[p] = true
		}
	}
	for _, size := range []int{0, 1, 15, 16, 17, payloadBytesMax} {
		if got := len(appendPayload(nil, 3, 9, size)); got != size {
			t.Errorf("%d bytes, want %d", got, size)
		}
	}
}

func TestPaceIsEvenOverAllConnections(t *testing.T) {
	p := pace{rate: 1000, connections: 4}
	next := time.Duration(0)
	for seq := uint64(1); seq <= 100; seq++ {
		for connection := range 4 {
			if due := p.due(connection, seq); due != next {
				t.Fatalf("connection %d, Seq %d: due at %v, want %v", connection, seq, due, next)
			}
			next += time.Millisecond
		}
	}
	if due := (pace{connections: 4}).due(3, 100); due != 0 {
		t.Errorf("without a rate due at %v", due)
	}
}

func TestSharesAddUp(t *testing.T) {
	for _, c := range []struct{ requests, connections int }{{1, 1}, {10, 3}, {3, 10}, {1_000_003, 50}} {
		sum, previous := uint64(0), share(c.requests, c.connections, 0)
		for i := range c.connections {
			count := share(c.requests, c.connections, i)
			if count > previous || previous-count > 1 {
				t.Errorf("%+v: connection %d gets %d after %d", c, i, count, previous)
			}
			sum, previous = sum+count, count
		}
		if sum != uint64(c.requests) {
			t.Errorf("%+v: %d in all", c, sum)
		}
	}
}

func TestLatenciesOutsideTheBoundsAreKeptAtThem(t *testing.T) {
	l := newLatencies()
	l.record([]time.Duration{-time.Second, 0, time.Millisecond, 100 * time.Hour})
	// The histogram keeps three digits, so the values are rounded.
	if got := l.at(50); got > time.Microsecond {
		t.Errorf("median %v", got)
	}
	if got := l.at(100); got < latencyMax*999/1000 || got > latencyMax*1001/1000 {
		t.Errorf("longest %v", got)
	}
}
