// This file owns how a whole line of a peer is shown on a terminal. It must
// not know what the line means.
package foo

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// AppendEscaped appends a line, given without its LF, so that it can neither
// steer a terminal nor look like two: all that is not printable is spelled out
// as in a Go string. TAB stays; it does no harm and is common. Unlike Quote it
// shows everything, and without quotes. It keeps nothing of line.
func AppendEscaped(dst, line []byte) []byte {
	for len(line) > 0 {
		r, size := utf8.DecodeRune(line)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, line[0])
		case r == '\t' || strconv.IsPrint(r):
			dst = append(dst, line[:size]...)
		default:
			quoted := strconv.AppendQuoteRune(nil, r)
			dst = append(dst, quoted[1:len(quoted)-1]...)
		}
		line = line[size:]
	}
	return dst
}
