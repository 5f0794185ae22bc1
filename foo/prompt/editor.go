// This file owns the line editor, which is a library's: how it is set up, and
// what a terminal without its abilities gets. It must not know what is typed.
package prompt

import (
	"os"
	"strings"

	"github.com/mattn/go-runewidth"
	"github.com/peterh/liner"
	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"fooproxy/foo"
)

// editor is what the prompt needs of the library; tests put their own here.
// Prompt may run in a goroutine while nothing but Close is called in another.
type editor interface {
	// Prompt returns one line, liner.ErrPromptAborted for ^C, io.EOF for ^D on
	// an empty line, or an error of the terminal.
	Prompt(prompt string) (string, error)
	AppendHistory(line string)
	// Close gives the terminal back as it was, even while Prompt runs.
	Close() error
}

// newEditor takes the terminal on stdin and stdout over. The function makes it
// draw its line anew; it is nil on a terminal that knows no such thing, where
// lines are read as the terminal gives them.
func newEditor(w *words) (e editor, redraw func()) {
	state := liner.NewLiner()
	state.SetCtrlCAborts(true)
	state.SetWordCompleter(w.complete)
	if !liner.TerminalSupported() {
		return state, nil
	}
	return state, func() {
		// The editor hears it as a change of the terminal's size; see screen.go.
		// A process can always signal itself.
		_ = unix.Kill(unix.Getpid(), unix.SIGWINCH)
	}
}

// promptText makes the prompt of the server's name, short enough to leave room
// for typing. Where there is no room beside it, it is the mark alone.
func promptText(name string, columns int) string {
	const mark = "> "
	// The editor takes no prompt that could steer the terminal.
	name = string(foo.AppendEscaped(nil, []byte(strings.ReplaceAll(name, "\t", " "))))
	text := runewidth.Truncate(name, nameColumnsMax, "…") + mark
	if !fits(text, columns) {
		return mark
	}
	return text
}

// fits says whether the editor can edit beside the prompt. Where it cannot, it
// leaves the line to the terminal.
func fits(prompt string, columns int) bool {
	return columns >= runewidth.StringWidth(prompt)+editColumnsMin
}

// terminalColumns is the width of the terminal, or 0 where it is not known.
func terminalColumns() int {
	columns, _, err := term.GetSize(int(os.Stdout.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
