// renumber.go owns the text of a line whose Seq becomes another one. It knows
// nothing of whose line it is.

package proxy

import (
	"strconv"

	"fooproxy/foo"
)

// seqDigitsMax is how many bytes longer a line may become with another Seq.
const seqDigitsMax = 19

// appendRenumbered appends a Foo line with another Seq. All else of it stays as it
// came.
func appendRenumbered(dst, line []byte, seq uint64) []byte {
	from := len("REQ") // as long as ACK and NAK
	for foo.IsBlank(line[from]) {
		from++
	}
	to := from
	for to < len(line) && '0' <= line[to] && line[to] <= '9' {
		to++
	}
	dst = append(dst, line[:from]...)
	dst = strconv.AppendUint(dst, seq, 10)
	return append(dst, line[to:]...)
}
