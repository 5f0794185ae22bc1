// pool_test.go: buffers hold what was put into them, share nothing, and give
// their memory back.

package poller_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"fooproxy/poller"
)

// shadow is a buffer beside the bytes it should hold.
type shadow struct {
	buffer poller.Bytes
	want   []byte
}

func TestBuffersAreByteQueuesThatShareNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	var store poller.Store
	all := make([]shadow, 40)
	pattern := make([]byte, 1<<20)
	for i := range pattern {
		pattern[i] = byte(random.Uint32())
	}
	for step := range 60_000 {
		s := &all[random.IntN(len(all))]
		switch random.IntN(5) {
		case 0, 1:
			n := random.IntN(1 << random.IntN(12))
			if random.IntN(500) == 0 {
				n = random.IntN(300 << 10) // beyond the largest block
			}
			at := random.IntN(len(pattern) - n + 1)
			s.buffer.Append(&store, pattern[at:at+n])
			s.want = append(s.want, pattern[at:at+n]...)
		case 2, 3:
			n := random.IntN(len(s.want) + 1)
			s.buffer.Consume(&store, n)
			s.want = s.want[n:]
		case 4:
			n := random.IntN(len(s.want) + 1)
			if random.IntN(4) > 0 {
				s.buffer.Cut(&store, n)
				s.want = s.want[:len(s.want)-n]
			} else {
				s.buffer.Drop(&store)
				s.want = nil
			}
		}
		if !bytes.Equal(s.buffer.All(), s.want) || (s.buffer.Held() > 0) != (len(s.want) > 0) {
			t.Fatalf("step %d: %d bytes held for %d, want %d", step, len(s.buffer.All()), s.buffer.Held(), len(s.want))
		}
		if step%100 == 0 {
			checkStore(t, &store, all)
		}
		if step%5000 == 0 {
			store.Trim()
		}
	}
	for i := range all {
		all[i].buffer.Drop(&store)
		all[i].want = nil
	}
	checkStore(t, &store, all)
	store.Trim()
	if store.Lent() != 0 || store.Pages() > poller.SparePages {
		t.Errorf("%d bytes lent, %d pages", store.Lent(), store.Pages())
	}
}

// checkStore looks whether all hold what they should, whether the sum is right,
// and whether two hold the same memory.
func checkStore(t *testing.T, store *poller.Store, all []shadow) {
	t.Helper()
	if err := store.Check(); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for i := range all {
		b := &all[i].buffer
		sum += b.Held()
		if !bytes.Equal(b.All(), all[i].want) {
			t.Fatalf("buffer %d was overwritten", i)
		}
		for j := range i {
			if overlap(b.All(), all[j].buffer.All()) {
				t.Fatalf("buffers %d and %d hold the same memory", i, j)
			}
		}
	}
	if sum != store.Lent() {
		t.Fatalf("%d bytes are held, %d lent", sum, store.Lent())
	}
}

func overlap(a, b []byte) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	first, second := uintptr(unsafe.Pointer(&a[0])), uintptr(unsafe.Pointer(&b[0]))
	return first < second+uintptr(len(b)) && second < first+uintptr(len(a))
}

func TestABufferCostsItsSizeClass(t *testing.T) {
	var store poller.Store
	for _, c := range []struct{ bytes, held int }{
		{1, 64}, {64, 64}, {65, 128}, {1000, 1024}, {1025, 2048},
		{128 << 10, 128 << 10}, {128<<10 + 1, 256 << 10}, {300 << 10, 512 << 10},
	} {
		var b poller.Bytes
		b.Append(&store, make([]byte, c.bytes))
		if b.Held() != c.held || store.Lent() != c.held {
			t.Errorf("%d bytes hold %d, %d lent, want %d", c.bytes, b.Held(), store.Lent(), c.held)
		}
		b.Drop(&store)
	}
}

func TestAnEmptyPageServesAnotherClass(t *testing.T) {
	var store poller.Store
	for size := poller.BlockBytesMin; size <= poller.PageBytes; size *= 2 {
		held := make([]poller.Bytes, 2*poller.PageBytes/size)
		for i := range held {
			held[i].Append(&store, make([]byte, size))
		}
		for i := range held {
			held[i].Drop(&store)
		}
		checkStore(t, &store, nil)
	}
	// Each class keeps one page listed; the others moved on from class to class.
	if n := store.Pages(); n > 2+12 {
		t.Errorf("%d pages for two pages of bytes at a time", n)
	}
}

func TestAQueueInSmallPiecesIsNotCopiedForEver(t *testing.T) {
	var store poller.Store
	var b poller.Bytes
	b.Append(&store, make([]byte, 50<<10))
	for range 200_000 { // 20 MB through a queue of 50 KiB
		b.Append(&store, make([]byte, 100))
		b.Consume(&store, 100)
	}
	if b.Held() > 128<<10 {
		t.Errorf("%d bytes held", b.Held())
	}
}

func TestThePoolIsTrimmedByTheClock(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	p.SetWindow(0)
	for _, each := range []int{1, 20} {
		var conns []*actor
		for range each {
			q, b := r.client()
			q.SetWindow(0)
			b.conn.Append(make([]byte, 110<<10))
			conns = append(conns, b)
		}
		r.settle()
		for _, b := range conns {
			b.conn.Abort()
		}
		r.settle()
	}
	if r.loop.Pages() <= poller.SparePages {
		t.Fatalf("%d pages are no load", r.loop.Pages())
	}
	a.conn.Append(make([]byte, 40<<10))
	r.pass(poller.TrimInterval)
	if n := r.loop.Pages(); n > poller.SparePages+1 {
		t.Errorf("%d pages after the trim", n)
	}
}
