// word_help.go owns HELP. Programs read its answer as well as people: behind
// "words:" there is nothing but the words.

package server

import (
	"fmt"
	"strings"
)

const helpWidth = 30 // columns of a word and its arguments in plain help

func help(s *Server, _ *client, q *question) verdict {
	name, more := nextField(q.arguments)
	switch {
	case len(more) > 0:
		return s.refuse(q, q.word.usage())
	case len(name) > 0:
		return s.helpWith(q, string(name))
	case q.plain:
		return s.tell(q, plainHelp())
	}
	text := []byte("words:")
	for _, w := range words {
		text = append(append(text, ' '), w.name...)
	}
	return s.tell(q, text)
}

func (s *Server) helpWith(q *question, name string) verdict {
	for i := range words {
		if w := &words[i]; strings.EqualFold(w.name, name) {
			return s.tell(q, fmt.Appendf(nil, "%s: %s", w.form(), w.help))
		}
	}
	return s.refuse(q, "no such word; HELP lists them")
}

// plainHelp has a line for each word.
func plainHelp() (text []byte) {
	for i := range words {
		if i > 0 {
			text = append(text, '\n')
		}
		text = fmt.Appendf(text, "%-*s %s", helpWidth, words[i].form(), words[i].help)
	}
	return text
}
