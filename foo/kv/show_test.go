package kv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
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
	})
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
