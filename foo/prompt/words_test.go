// This file owns the tests of completion.
package prompt

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestCompletionOffersWhatWasTyped(t *testing.T) {
	var w words
	for _, line := range []string{"hello horse", "REQ 5 house", "hello", "žába"} {
		w.note(line)
	}
	for _, c := range []struct {
		line, head string
		want       []string
		tail       string
	}{
		{"R|", "", []string{"REQ ", "REQ"}, ""},
		{"he|", "", []string{"help", "hello"}, ""},
		{"say h|", "say ", []string{"hello", "house", "horse"}, ""},
		{"say h|  you", "say ", []string{"hello", "house", "horse"}, "  you"},
		{"žá žá|x", "žá ", []string{"žába"}, "x"},
		{"hello|", "", nil, ""},
		{"say |", "say ", nil, ""},
		{"|", "", []string{"REQ ", "help", "quit", "exit", "žába", "hello", "house", "5", "REQ", "horse"}, ""},
	} {
		before, after, _ := strings.Cut(c.line, "|")
		head, got, tail := w.complete(before+after, len([]rune(before)))
		if head != c.head || !slices.Equal(got, c.want) || tail != c.tail {
			t.Errorf("%q: %q %q %q; want %q %q %q", c.line, head, got, tail, c.head, c.want, c.tail)
		}
	}
}

func TestWordsAreBounded(t *testing.T) {
	var w words
	for i := range 3 * wordsMax {
		w.note(fmt.Sprint("word", i))
	}
	if len(w.used) != wordsMax || w.used[wordsMax-1] != fmt.Sprint("word", 3*wordsMax-1) {
		t.Errorf("%d words, the last is %q", len(w.used), w.used[len(w.used)-1])
	}
	w.note(strings.Repeat("a ", 100) + "b")
	if slices.Contains(w.used, "b") {
		t.Error("a long line was taken as a whole")
	}
	if _, got, _ := w.complete("wo", 2); len(got) != candidatesMax {
		t.Errorf("%d candidates, want %d", len(got), candidatesMax)
	}
}

// Whatever is offered must continue what stands there, and leave the rest.
func FuzzCompletion(f *testing.F) {
	f.Add("hello horse house", "say ho you", uint8(6))
	f.Add("žába \u2003x", "žá", uint8(2))
	f.Fuzz(func(t *testing.T, history, line string, at uint8) {
		var w words
		w.note(history)
		text := []rune(line)
		pos := min(int(at), len(text))
		head, candidates, tail := w.complete(line, pos)
		if tail != string(text[pos:]) || !strings.HasPrefix(string(text[:pos]), head) {
			t.Fatalf("%q at %d: head %q, tail %q", line, pos, head, tail)
		}
		part := string(text[len([]rune(head)):pos])
		if fields := strings.Fields(string(text[:pos])); part != "" && part != fields[len(fields)-1] {
			t.Fatalf("%q at %d: the word is %q", line, pos, part)
		}
		for i, candidate := range candidates {
			if !strings.HasPrefix(candidate, part) || candidate == part || slices.Index(candidates, candidate) != i {
				t.Fatalf("%q at %d: candidates %q", line, pos, candidates)
			}
		}
	})
}
