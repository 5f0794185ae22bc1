package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzAppendString compares with the library, whatever way a text takes.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "chelsea", `a"b`, `\`, "\x7f", "\x1f", "ü", "<&>", "\u2028", "~ "} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var b bytes.Buffer
		encoder := json.NewEncoder(&b)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(string(text)); err != nil {
			t.Fatal(err)
		}
		if got := string(appendString([]byte("x"), text)) + "\n"; got != "x"+b.String() {
			t.Errorf("%q is %s, not %s", text, got, b.String())
		}
		if got, wanted := stringBytes(text, 1<<30), b.Len()-1; got != wanted && utf8.Valid(text) {
			t.Errorf("%q is %d bytes long, not %d", text, wanted, got)
		}
		if most := b.Len() / 2; stringBytes(text, most) <= most && utf8.Valid(text) {
			t.Errorf("%q is not longer than %d bytes", text, most)
		}
	})
}

// TestValuesWithoutRoomAreLookedAtInPieces has thousands that leave nothing but their
// keys in an answer. All of them in one would keep a loop for seconds.
func TestValuesWithoutRoomAreLookedAtInPieces(t *testing.T) {
	const all = 100
	for name, value := range map[string]string{
		"plain": strings.Repeat("x", ValueBytesMax), "control": strings.Repeat("\x01", ValueBytesMax),
		"late": strings.Repeat("x", ValueBytesMax/2) + strings.Repeat("\"", ValueBytesMax/2),
	} {
		m := NewMemory().(*memory)
		for i := range all {
			if err := m.set(fmt.Appendf(nil, "k%02d", i), []byte(value)); err != nil {
				t.Fatal(err)
			}
		}
		seen, op := 0, Op{Kind: Show}
		for more := true; more; {
			r := apply(m, &op)
			var entries map[string]any
			if err := json.Unmarshal(r.Value, &entries); err != nil || r.Err != nil {
				t.Fatal(err, r.Err)
			}
			if n := len(entries); n == 0 || n > showLookBytesMax/ValueBytesMax {
				t.Fatalf("%s: an answer has %d entries", name, n)
			}
			for key, value := range entries {
				if value != nil {
					t.Errorf("%s: %s has a value", name, key)
				}
			}
			seen += len(entries)
			op.After, more = r.Next, len(r.Next) > 0
		}
		if seen != all {
			t.Errorf("%s: %d entries of %d", name, seen, all)
		}
	}
}

// BenchmarkShow is the most that one show in memory costs the loop: as many entries as
// there can be in an answer.
func BenchmarkShow(b *testing.B) {
	m := NewMemory().(*memory)
	for i := range 100_000 {
		if err := m.set(fmt.Appendf(nil, "k%05d", i), []byte("1")); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if r := apply(m, &Op{Kind: Show}); len(r.Next) == 0 {
			b.Fatal("all entries fit into one answer")
		}
	}
}
