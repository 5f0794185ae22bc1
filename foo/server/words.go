// words.go owns the table of words: what a line may begin with to be more than an
// echo, how it is found, and what everybody is told of it. What a word does is in
// the files named word_*.go.
//
// A word is reserved only as the whole first field of what was said, in any case:
// "who" and "WHO extra" are WHO, "whoever" is data.

package server

import (
	"bytes"
	"strings"

	"fooproxy/foo"
)

// word is one entry of the table.
type word struct {
	name      string
	arguments string // as a person writes them; empty where there are none
	help      string
	// run answers in the batch that is in the making, or has the answer come later.
	run    func(*Server, *client, *question) verdict
	number int // in the table
}

// wordQuit is the word that nothing keeps from being obeyed.
const wordQuit = "QUIT"

// question is what was asked with a word. It is valid while its line is.
type question struct {
	word      *word
	arguments []byte // without blanks before
	seq       uint64
	plain     bool // it came without REQ and Seq, and so is the answer
}

// verdict is what became of a line.
type verdict uint8

const (
	lineTaken verdict = iota
	lineLast          // taken, and the client wants no more
	lineLater         // there is no room for it now; it was not taken
)

// words is in the order in which HELP tells them. It is filled by init, since HELP
// reads it, and never changed.
var words []word

func init() {
	words = []word{
		{name: "WHO", help: "the clients of this server, and how many there are", run: who},
		{name: "WHERE", help: "the UUID of the store", run: where},
		{name: "WHY", help: "the reason", run: why},
		{name: wordQuit, help: "ends the connection behind its answer", run: quit},
		{name: "HELP", arguments: "[WORD]", help: "the words, or what one of them does", run: help},
		{name: "set", arguments: "KEY VALUE", help: "gives a key its value, which is the rest of the line", run: set},
		{name: "get", arguments: "KEY", help: "the value of a key", run: get},
		{name: "delete", arguments: "KEY", help: "takes a key away", run: remove},
		{name: "show", arguments: showArguments, help: "keys and values as JSON, those that begin with PREFIX, those behind KEY", run: show},
		{name: "data", arguments: showArguments, help: "the same as show", run: show},
		{name: "cas", arguments: "KEY OLD NEW", help: "gives a key the value NEW where it has the value OLD, which has no blanks", run: cas},
		{name: "incr", arguments: "KEY", help: "adds one to the value of a key, and tells the sum", run: incr},
	}
	for i := range words {
		w := &words[i]
		w.number = i
		wordBytesMax = max(wordBytesMax, len(w.name))
		first := w.name[0] | 0x20
		wordBegins[first], wordBegins[first&^0x20] = true, true
	}
}

// What the words of the table have in common. Most data is told apart by its first
// byte or by the length of its first field, so that an echo costs nothing more.
var (
	wordBegins   [256]bool
	wordBytesMax int
)

// findWord looks for a word at the beginning of what was said. It is nil for what is
// to be echoed.
func findWord(said []byte) (w *word, arguments []byte) {
	if len(said) == 0 || !wordBegins[said[0]] {
		return nil, nil
	}
	end := fieldEnd(said[:min(len(said), wordBytesMax+1)])
	if end > wordBytesMax {
		return nil, nil
	}
	for i := range words {
		if w := &words[i]; len(w.name) == end && strings.EqualFold(w.name, string(said[:end])) {
			return w, skipBlanks(said[end:])
		}
	}
	return nil, nil
}

// fieldEnd is where the first blank is, or the end.
func fieldEnd(text []byte) int {
	for i, b := range text {
		if foo.IsBlank(b) {
			return i
		}
	}
	return len(text)
}

func skipBlanks(text []byte) []byte {
	for len(text) > 0 && foo.IsBlank(text[0]) {
		text = text[1:]
	}
	return text
}

// nextField cuts the first field off, and the blanks behind it.
func nextField(text []byte) (field, rest []byte) {
	end := fieldEnd(text)
	return text[:end], skipBlanks(text[end:])
}

// noArguments wraps what takes none.
func noArguments(run func(*Server, *client, *question) verdict) func(*Server, *client, *question) verdict {
	return func(s *Server, c *client, q *question) verdict {
		if len(q.arguments) > 0 {
			return s.refuse(q, q.word.name+" takes no arguments")
		}
		return run(s, c, q)
	}
}

// usage is what is told whose arguments make no sense.
func (w *word) usage() string { return "usage: " + w.form() }

// form is how the word is written.
func (w *word) form() string {
	if w.arguments == "" {
		return w.name
	}
	return w.name + " " + w.arguments
}

// isOtherProtocol reports whether a plain line is the request of an HTTP client, who
// must not be taken for somebody that asks for a key.
func isOtherProtocol(arguments []byte) bool {
	_, second := nextField(arguments)
	return bytes.HasPrefix(second, []byte("HTTP/"))
}
