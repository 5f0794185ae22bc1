// This file owns how numbers of requests are written. It must not know what they
// are shown for.
package prompt

import (
	"fmt"
	"strconv"
	"strings"
)

// ShowSeqs writes sorted numbers, those that follow each other as one range:
// "1, 3-7 and 12 more".
func ShowSeqs(seqs []uint64) string {
	var runs []string
	for at := 0; at < len(seqs); {
		if len(runs) == seqRangesMax {
			return fmt.Sprintf("%s and %d more", strings.Join(runs, ", "), len(seqs)-at)
		}
		end := at + 1
		for end < len(seqs) && seqs[end] == seqs[end-1]+1 {
			end++
		}
		run := strconv.FormatUint(seqs[at], 10)
		if end-at > 1 {
			run += "-" + strconv.FormatUint(seqs[end-1], 10)
		}
		runs = append(runs, run)
		at = end
	}
	return strings.Join(runs, ", ")
}
