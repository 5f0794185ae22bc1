package proxy

import (
	"math/rand/v2"
	"testing"

	"fooproxy/foo"
)

func TestSeqWatch(t *testing.T) {
	const n, o, d = seqNext, seqOutOfOrder, seqDuplicate
	cases := []struct {
		name string
		seqs []uint64
		want []seqVerdict
	}{
		{"in order", []uint64{1, 2, 3, 4}, []seqVerdict{n, n, n, n}},
		{"repeats", []uint64{1, 1, 2, 1, 2}, []seqVerdict{n, d, n, d, d}},
		{"jumps", []uint64{1, 3, 4}, []seqVerdict{n, o, n}},
		{"does not begin with 1", []uint64{7, 8}, []seqVerdict{o, n}},
		{"fills a gap", []uint64{1, 4, 2, 3, 5, 2}, []seqVerdict{n, o, o, o, n, d}},
		{"backwards", []uint64{4, 3, 2, 1, 4}, []seqVerdict{o, o, o, o, d}},
		{"63 below the highest is remembered", []uint64{1, 64, 1}, []seqVerdict{n, o, d}},
		{"64 below is forgotten", []uint64{1, 65, 1, 1}, []seqVerdict{n, o, o, o}},
		{"a jump of 63 keeps the oldest", []uint64{1, 2, 65, 2, 1}, []seqVerdict{n, n, o, d, o}},
		{"the greatest Seq", []uint64{foo.SeqMax, foo.SeqMax, foo.SeqMax - 1, 1}, []seqVerdict{o, d, o, o}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var w seqWatch
			for i, seq := range c.seqs {
				if got := w.see(seq); got != c.want[i] {
					t.Errorf("Seq %d at %d: %d, want %d", seq, i, got, c.want[i])
				}
			}
		})
	}
}

// TestSeqWatchAgainstASet remembers everything and looks back 63 numbers.
func TestSeqWatchAgainstASet(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		var w seqWatch
		used, highest := map[uint64]bool{}, uint64(0)
		spread := 1 + random.IntN(150)
		for range 500 {
			seq := highest + 1
			if random.IntN(2) == 0 {
				seq = uint64(max(1, int(highest)+spread/3-random.IntN(spread)))
			}
			want := seqOutOfOrder
			switch {
			case seq == highest+1:
				want = seqNext
			case seq <= highest && highest-seq < 64 && used[seq]:
				want = seqDuplicate
			}
			if got := w.see(seq); got != want {
				t.Fatalf("seed %d: Seq %d after %d: %d, want %d", seed, seq, highest, got, want)
			}
			used[seq], highest = true, max(highest, seq)
		}
	}
}
