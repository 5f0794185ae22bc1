// This file owns the tests of what a terminal gets to see of a line.
package foo

import "testing"

func TestAppendEscaped(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ACK 1 hey", "ACK 1 hey"},
		{`quotes "stay" and \ too`, `quotes "stay" and \ too`},
		{"a\tb", "a\tb"},
		{"\x1b[2J\a\r\x00\x7f", `\x1b[2J\a\r\x00\x7f`},
		{"\u009b2J \u2028 \u202e", `\u009b2J \u2028 \u202e`},
		{"\xff\xc3", `\xff\xc3`},
		{"ž 🐎 \ufffd", "ž 🐎 \ufffd"},
	} {
		if got := string(AppendEscaped([]byte("> "), []byte(c.in))); got != "> "+c.want {
			t.Errorf("AppendEscaped(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}
