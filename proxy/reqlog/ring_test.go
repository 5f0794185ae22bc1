package reqlog

import (
	"slices"
	"testing"
	"unsafe"
)

// FuzzRing takes steps of both ends in any order, and compares with a slice.
func FuzzRing(f *testing.F) {
	f.Add(uint8(0), []byte{0, 1, 2})
	f.Add(uint8(2), []byte{0, 0, 0, 0, 0, 1, 4, 0, 0, 1, 6, 6, 2, 1, 2})
	f.Fuzz(func(t *testing.T, sizeBits uint8, steps []byte) {
		size := 1 << (sizeBits % 5)
		r := newRing(size)
		// So that positions pass their own greatest value, too.
		r.tail, r.headSeen = ^uint64(0)-2, ^uint64(0)-2
		r.head.Store(r.tail)
		r.shown.Store(r.tail)
		var hidden, shown []uint64 // the oracle
		next := uint64(0)
		for _, step := range steps {
			switch step % 4 {
			case 0, 3:
				e := r.claim()
				if full := len(hidden)+len(shown) == size; full != (e == nil) {
					t.Fatalf("full is %v, an entry was given: %v", full, e != nil)
				}
				if e != nil {
					next++
					e.request.Seq = next
					hidden = append(hidden, next)
				}
			case 1:
				if r.show() != (len(hidden) > 0) {
					t.Fatalf("show with %d hidden entries said otherwise", len(hidden))
				}
				shown, hidden = append(shown, hidden...), nil
			case 2:
				var got []uint64
				waiting := r.waiting()
				for i := range waiting {
					got = append(got, waiting[i].request.Seq)
				}
				if len(got) > len(shown) || !slices.Equal(got, shown[:len(got)]) || len(got) == 0 && len(shown) > 0 {
					t.Fatalf("%v wait, %v were shown", got, shown)
				}
				n := min(int(step/4), len(got))
				r.take(n)
				shown = shown[n:]
			}
		}
	})
}

// TestAnEntryIsSmall: the loop writes one for each request.
func TestAnEntryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(entry{}); size > 88 {
		t.Errorf("an entry takes %d bytes", size)
	}
}
