// This file owns how a peer's bytes are shown to people. It must not know
// what the bytes mean.
package foo

import (
	"strconv"
	"unicode/utf8"
)

// Quote returns p for a log or a message to a person, in double quotes, as a
// Go string literal would be written: what is not printable is spelled out,
// among it all control characters, DEL, U+009B (which some terminals obey as
// they do ESC [), U+2028, U+2029, the marks that reverse the direction of
// text, and bytes that are not UTF-8. Of more than 128 bytes the first are
// shown, then an ellipsis and the full length. It is not for hot paths: it
// allocates.
func Quote(p []byte) string {
	if len(p) <= quoteBytesMax {
		return strconv.Quote(string(p))
	}
	head := p[:quoteBytesMax]
	// A character that the cut would divide is left out, lest good text looks
	// broken. Looking back is bounded by the longest character.
	for back := 1; back < utf8.UTFMax; back++ {
		start := quoteBytesMax - back
		if utf8.RuneStart(p[start]) {
			if !utf8.FullRune(p[start:quoteBytesMax]) {
				head = p[:start]
			}
			break
		}
	}
	return strconv.Quote(string(head)) + "… (" + strconv.Itoa(len(p)) + " bytes)"
}
