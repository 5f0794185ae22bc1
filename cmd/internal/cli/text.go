package cli

// This file owns how foreign text is made safe to show: nothing that comes in
// may break a line in two or steer a terminal. It knows no formats.

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// appendClean appends text with everything that is not printable spelled out.
// The spelling is the one of JSON, so that a JSON line stays a JSON line: the
// encoder leaves 0x7f, the C1 controls and U+2028 as they are, and the console
// encoder leaves even ESC. Tabs stay; they separate the console's columns.
func appendClean(dst, text []byte) []byte {
	for len(text) > 0 {
		plain := 0
		for plain < len(text) && (text[plain] == '\t' || text[plain] >= ' ' && text[plain] < 0x7f) {
			plain++
		}
		dst = append(dst, text[:plain]...)
		if text = text[plain:]; len(text) == 0 {
			break
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[0])
		case strconv.IsPrint(r):
			dst = append(dst, text[:size]...)
		default:
			for _, unit := range utf16.AppendRune(nil, r) {
				dst = fmt.Appendf(dst, `\u%04x`, unit)
			}
		}
		text = text[size:]
	}
	return dst
}

func clean(s string) string { return string(appendClean(nil, []byte(s))) }

// shorten cuts a wrong value to what an error may repeat of it.
func shorten(s string) string {
	if len(s) <= quotedBytesMax {
		return s
	}
	return s[:quotedBytesMax] + "..."
}

// quote shows a wrong value in an error.
func quote(s string) string { return strconv.Quote(shorten(s)) }
