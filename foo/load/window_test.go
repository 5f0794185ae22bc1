// window_test.go: the window against a list of what is outstanding.

package load

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestWindowInOrder(t *testing.T) {
	w := newWindow(3)
	for seq := uint64(1); seq <= 3; seq++ {
		if w.full() {
			t.Fatalf("full before request %d", seq)
		}
		if got := w.next(); got != seq {
			t.Fatalf("Seq %d, want %d", got, seq)
		}
		w.note(int64(seq) * 10)
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
		since, inOrder, ok := w.settle(c.seq)
		if inOrder != c.inOrder || ok != c.ok || w.full() != c.full || ok && since != int64(c.seq)*10 {
			t.Errorf("reply %d: %v, in order %v, ok %v, full %v", c.seq, since, inOrder, ok, w.full())
		}
	}
	if w.missing() != 0 {
		t.Errorf("missing %d at the end", w.missing())
	}
}

// naiveWindow is the oracle's: a list of what is outstanding, in order of Seq.
type naiveWindow struct {
	depth       int
	sent        uint64
	outstanding []uint64
}

func (n *naiveWindow) full() bool {
	return len(n.outstanding) > 0 && n.sent-n.outstanding[0]+1 >= uint64(n.depth)
}

func (n *naiveWindow) settle(seq uint64) (inOrder, ok bool) {
	at := slices.Index(n.outstanding, seq)
	if at < 0 {
		return false, false
	}
	n.outstanding = slices.Delete(n.outstanding, at, at+1)
	return at == 0, true
}

// driveWindow takes a step for each byte: a request where there is room, or the
// reply to one near those that are outstanding.
func driveWindow(t *testing.T, depth int, steps []byte) {
	w, naive := newWindow(depth), naiveWindow{depth: depth}
	for i, step := range steps {
		if step < 128 {
			if !w.full() {
				naive.sent++
				if w.next() != naive.sent {
					t.Fatalf("step %d: Seq %d, want %d", i, w.next(), naive.sent)
				}
				naive.outstanding = append(naive.outstanding, naive.sent)
				w.note(int64(naive.sent))
			}
		} else {
			// From a little before the oldest to a little behind the newest.
			back := uint64(step-128) % uint64(depth+3)
			seq := naive.sent + 1 - min(back, naive.sent+1)
			since, inOrder, ok := w.settle(seq)
			wantInOrder, wantOK := naive.settle(seq)
			if inOrder != wantInOrder || ok != wantOK || ok && since != int64(seq) {
				t.Fatalf("step %d: reply %d: since %d, in order %v, ok %v; want %v, %v", i, seq, since, inOrder, ok, wantInOrder, wantOK)
			}
		}
		if w.full() != naive.full() || w.missing() != uint64(len(naive.outstanding)) || len(naive.outstanding) > depth {
			t.Fatalf("step %d: full %v, missing %d; want %v, %d", i, w.full(), w.missing(), naive.full(), len(naive.outstanding))
		}
	}
}

func TestTheWindowIsAList(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 0))
	for depth := 1; depth <= 70; depth++ {
		steps := make([]byte, 3_000)
		for i := range steps {
			steps[i] = byte(random.IntN(256))
		}
		driveWindow(t, depth, steps)
	}
}

func FuzzWindow(f *testing.F) {
	f.Add(uint8(1), []byte{0, 255, 0, 129, 129})
	f.Add(uint8(3), []byte{0, 0, 0, 0, 128, 129, 130, 131, 0})
	f.Fuzz(func(t *testing.T, depth uint8, steps []byte) {
		driveWindow(t, int(depth%100)+1, steps)
	})
}
