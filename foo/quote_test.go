// This file owns the tests of what people see of a peer's bytes.
package foo

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestQuote(t *testing.T) {
	long := strings.Repeat("a", 128)
	for _, c := range []struct{ in, want string }{
		{"", `""`},
		{"hey you", `"hey you"`},
		{`say "hi" \o/`, `"say \"hi\" \\o/"`},
		{"a\x00\x1b[2J\r\n\t\x7f", `"a\x00\x1b[2J\r\n\t\x7f"`},
		{"\u009b2J", `"\u009b2J"`},
		{"\u2028\u2029\u202e\ufeff", `"\u2028\u2029\u202e\ufeff"`},
		{"\xff\xc3", `"\xff\xc3"`},
		{"ž 🐎", `"ž 🐎"`},
		{long, `"` + long + `"`},
		{long + "b", `"` + long + `"… (129 bytes)`},
		{long[:127] + "ž", `"` + long[:127] + `"… (129 bytes)`},
		{long[:126] + "žb", `"` + long[:126] + `ž"… (129 bytes)`},
		{long[:125] + "🐎", `"` + long[:125] + `"… (129 bytes)`},
		{long[:124] + "\xff\xff\xff\xff\xff", `"` + long[:124] + `\xff\xff\xff\xff"… (129 bytes)`},
		{long[:124] + "\x80\x80\x80\x80\x80", `"` + long[:124] + `\x80\x80\x80\x80"… (129 bytes)`},
	} {
		if got := Quote([]byte(c.in)); got != c.want {
			t.Errorf("Quote(%q) = %s, want %s", c.in, got, c.want)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, s := range allSamples() {
		f.Add([]byte(s.line))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got := Quote(p)
		if !utf8.ValidString(got) {
			t.Fatalf("Quote(%q) is not UTF-8: %q", p, got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || !unicode.IsPrint(r) {
				t.Fatalf("Quote(%q) holds %U: %q", p, r, got)
			}
		}
		if len(got) > 4*quoteBytesMax+64 {
			t.Fatalf("Quote made %d bytes of %d", len(got), len(p))
		}
	})
}
