// This file owns the tests of how numbers of requests are written.
package prompt

import (
	"fmt"
	"strings"
	"testing"
)

func TestNumbersThatFollowEachOtherAreOneRange(t *testing.T) {
	for want, seqs := range map[string][]uint64{
		"":              nil,
		"7":             {7},
		"1-2":           {1, 2},
		"1, 3-5, 9":     {1, 3, 4, 5, 9},
		"2, 2":          {2, 2},
		"1-3, 3-4":      {1, 2, 3, 3, 4},
		"1, 3, 5, 7, 9": {1, 3, 5, 7, 9},
	} {
		if got := ShowSeqs(seqs); got != want {
			t.Errorf("%v is %q, want %q", seqs, got, want)
		}
	}
	var many []uint64
	for seq := uint64(2); len(many) < seqRangesMax+5; seq += 2 {
		many = append(many, seq)
	}
	got := ShowSeqs(many)
	if !strings.HasPrefix(got, "2, 4, ") || !strings.HasSuffix(got, fmt.Sprintf(", %d and 5 more", 2*seqRangesMax)) {
		t.Error(got)
	}
}
