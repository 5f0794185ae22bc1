// This file owns the words that TAB offers. It must not know the editor. They
// are what was typed, and where a request begins the plain words that the server
// says it understands: a completed word is sent with the next ENTER, and nobody but
// the user shall decide what that is.
package prompt

import (
	"slices"
	"strings"
	"unicode"
)

// words are those that were typed, the latest last and none twice. They are
// for the goroutine that owns the editor.
type words struct {
	used   []string
	server asker // nil: nobody to ask
}

// note remembers the words of a line.
func (w *words) note(line string) {
	for i, word := range strings.Fields(line) {
		if i == lineWordsMax {
			break
		}
		if at := slices.Index(w.used, word); at >= 0 {
			w.used = slices.Delete(w.used, at, at+1)
		}
		w.used = append(w.used, word)
	}
	if extra := len(w.used) - wordsMax; extra > 0 {
		w.used = slices.Delete(w.used, 0, extra)
	}
}

// complete offers what the word before pos may become, the word used last
// first; pos counts characters. The line is head, one of the candidates, and
// tail then. In front of a word nothing is offered but at the beginning of a
// line, where it shows what there is.
func (w *words) complete(line string, pos int) (head string, candidates []string, tail string) {
	text := []rune(line)
	start := pos
	for start > 0 && !unicode.IsSpace(text[start-1]) {
		start--
	}
	head, part, tail := string(text[:start]), string(text[start:pos]), string(text[pos:])
	switch {
	case start == 0:
		candidates = appendMatches(candidates, part, ownWords...)
		candidates = w.appendServerWords(candidates, part)
	case beginsData(head):
		candidates = w.appendServerWords(candidates, part)
	case part == "":
		return head, nil, tail
	}
	for _, word := range slices.Backward(w.used) {
		if len(candidates) == candidatesMax {
			break
		}
		if !slices.Contains(candidates, word) {
			candidates = appendMatches(candidates, part, word)
		}
	}
	return head, candidates, tail
}

// beginsData reports whether the Data of a hand-made request begins behind head.
func beginsData(head string) bool {
	fields := strings.Fields(head)
	return len(fields) == 2 && fields[0] == "REQ"
}

// appendServerWords appends words that the server understands in any case.
func (w *words) appendServerWords(dst []string, part string) []string {
	for _, word := range w.server.ask() {
		if word != part && len(word) >= len(part) && strings.EqualFold(word[:len(part)], part) && !slices.Contains(dst, word) {
			dst = append(dst, word)
		}
	}
	return dst
}

// appendMatches appends the words that are longer than part and begin with it.
func appendMatches(dst []string, part string, words ...string) []string {
	for _, word := range words {
		if word != part && strings.HasPrefix(word, part) {
			dst = append(dst, word)
		}
	}
	return dst
}
