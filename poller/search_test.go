// search_test.go: the search for the end of a line never looks at a byte twice.

package poller_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"fooproxy/poller"
)

// A search that begins anew after each read costs the whole line each time. The
// medians of many pieces far from each other tell the two apart by a factor of
// a hundred; the factor asked for leaves room for any machine.
func TestALineInSmallPiecesIsSearchedOnce(t *testing.T) {
	const piece, pieces, probe = 64, 64 << 10, 2000
	r := newRig(t, func(r *rig) { r.config.MaxLine = 8 << 20 })
	p, a := r.client()
	long := 0
	a.onLines = func(_ *poller.Conn, run []byte, _ int) (int, int) {
		long = len(run)
		return len(run), 1
	}
	r.loop.OnTurn(nil)
	part := bytes.Repeat([]byte("x"), piece)
	took := make([]time.Duration, pieces)
	for i := range took {
		p.Send(part)
		begin := time.Now()
		r.loop.Turn(r.sys.Now())
		took[i] = time.Since(begin)
	}
	p.SendString("\n")
	r.loop.Turn(r.sys.Now())
	if long != piece*pieces+1 {
		t.Fatalf("a line of %d bytes", long)
	}
	early, late := median(took[probe:2*probe]), median(took[pieces-probe:])
	if late > 20*early+5*time.Microsecond {
		t.Errorf("a piece took %v at the front of the line and %v at its end", early, late)
	}
}

func median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return d[len(d)/2]
}
