// This file owns what a typed line means to the prompt: its own words, and how
// to send what looks like one. It must not act on them.
package prompt

import "strings"

// The words of the prompt itself. Only a line that is nothing else is one, in
// lower case: QUIT goes to the server.
const (
	wordHelp = "help"
	wordQuit = "quit"
	wordExit = "exit"
)

// ownWords are what TAB offers at the beginning of a line besides the words of the
// server and what was typed before.
var ownWords = []string{"REQ ", wordHelp, wordQuit, wordExit}

// dataMark at the beginning of a line says that the rest is Data, whatever it
// looks like.
const dataMark = `\`

const helpText = `What you type is the Data of the next request. Its reply follows, with the
time it took.
  REQ 7 hello   a line that is a request already is sent as it is
  \quit         Data that would be a word of the prompt: the first backslash
                is dropped, and the rest is Data whatever it looks like
  \             a request without Data; an empty line sends nothing
  help          this text
  quit, exit    the end, as ^D and ^C pressed twice
^C clears the line. Arrow keys and ^R find earlier lines, TAB completes words
that the server knows, which it is asked for once (HELP), or that were typed
before. Several lines at once are sent one after the other,
each after the reply to the one before.`

// meaning is what a line is to the prompt.
type meaning int

const (
	isNothing meaning = iota
	isHelp
	isQuit
	isLine // Data of a new request, or a REQ
	isData // Data, even where it looks like a REQ
)

// interpret returns what a line means, and what is to be sent of it.
func interpret(text string) (meaning, string) {
	switch strings.TrimSpace(text) {
	case "":
		return isNothing, ""
	case wordHelp:
		return isHelp, ""
	case wordQuit, wordExit:
		return isQuit, ""
	}
	if data, ok := strings.CutPrefix(text, dataMark); ok {
		return isData, data
	}
	return isLine, text
}
