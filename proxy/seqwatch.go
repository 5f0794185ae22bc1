// seqwatch.go owns the watch over the order in which a client numbers its
// requests. It counts nothing and forbids nothing: it only names what it saw.

package proxy

// seqWatch remembers the highest Seq of a connection and which of the 64 up to
// it were used, as a bit each. What it says depends on the order of the
// requests alone, not on how fast they are answered.
type seqWatch struct {
	highest uint64
	used    uint64 // bit n: highest-n was used
}

type seqVerdict uint8

const (
	seqNext       seqVerdict = iota // one above the highest so far
	seqOutOfOrder                   // jumps, or goes back to a number not used
	seqDuplicate                    // used before
)

func (w *seqWatch) see(seq uint64) seqVerdict {
	if seq == w.highest+1 {
		w.highest, w.used = seq, w.used<<1|1
		return seqNext
	}
	if seq > w.highest {
		w.used = w.used<<min(seq-w.highest, 64) | 1
		w.highest = seq
		return seqOutOfOrder
	}
	bit := uint64(1) << min(w.highest-seq, 64)
	if w.used&bit != 0 {
		return seqDuplicate
	}
	w.used |= bit
	return seqOutOfOrder
}
