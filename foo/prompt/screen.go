// This file owns what is written while somebody may be typing. It must not
// know what the text means.
//
// The editor cannot be told of text that comes from elsewhere. But it draws
// the line that is being typed anew when the size of the terminal changes, and
// it learns of that by a signal. So the line is erased, the text takes its
// place, and the signal has the editor draw below it:
//
//	localhost:8001> half a li_         ACK 9 x  (unexpected: ...)
//	                             ->    localhost:8001> half a li_
//
// Both write to the terminal, and nothing keeps the one from coming between
// the writes of the other. That does no harm: whatever is drawn in between, the
// signal comes after it, and draws it again. A completion that TAB offers
// counts as chosen by it, and a search with ^R as found.
package prompt

import (
	"fmt"
	"io"

	"fooproxy/foo"
)

// eraseLine goes to the beginning of the line and erases it. The editor keeps
// to one line of the terminal, however long the text is.
const eraseLine = "\r\x1b[K"

// screen is for one goroutine.
type screen struct {
	out    io.Writer
	redraw func() // has the editor draw its line; nil where it never can
	asking bool   // the editor shows its line now
	draws  bool   // the editor can draw it anew
	prompt string // the last one that was shown
	buffer []byte
	err    error // of the first write that failed
}

// show writes one line, with what is a peer's made harmless. The remark, which
// is not the peer's, stands behind it.
func (s *screen) show(line []byte, remark string) {
	s.begin()
	s.buffer = foo.AppendEscaped(s.buffer, line)
	if remark != "" {
		s.buffer = append(append(append(s.buffer, "  ("...), remark...), ')')
	}
	s.end()
}

// say writes a line of the prompt's own. The mark tells it from a server's.
func (s *screen) say(format string, args ...any) {
	s.begin()
	s.buffer = append(s.buffer, "-- "...)
	s.buffer = foo.AppendEscaped(s.buffer, fmt.Appendf(nil, format, args...))
	s.end()
}

// print writes text of the prompt's own that may have several lines.
func (s *screen) print(text string) {
	s.begin()
	s.buffer = append(s.buffer, text...)
	s.end()
}

func (s *screen) begin() {
	s.buffer = s.buffer[:0]
	switch {
	case !s.asking:
	case s.draws:
		s.buffer = append(s.buffer, eraseLine...)
	default:
		s.buffer = append(s.buffer, '\n')
	}
}

// end writes the line. Where the editor cannot draw, what is being typed is
// the terminal's own affair and not known here; the prompt at least is
// repeated, and ^R has the terminal repeat the rest.
func (s *screen) end() {
	s.buffer = append(s.buffer, '\n')
	if s.asking && !s.draws {
		s.buffer = append(s.buffer, s.prompt...)
	}
	if _, err := s.out.Write(s.buffer); err != nil && s.err == nil {
		s.err = fmt.Errorf("stdout: %w", err)
	}
	if s.asking && s.draws {
		s.redraw()
	}
}
