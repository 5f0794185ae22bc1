// mix.go owns requests that somebody has written: the lines of a file. It must
// not know what they mean to a server.

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"fooproxy/foo"
)

// Mix is the Data of requests, which the run takes in turn over all connections
// together: request i of the run, counted from 0, has line i modulo their number.
// What is to be asked more often stands in the file more often. A Mix is never
// changed and may serve several runs.
type Mix struct {
	lines [][]byte
}

// ReadMix reads a mix to its end. Each line is the Data of one request, an empty
// one that of a request without. By the grammar, blanks at a line's beginning and
// a CR at its end do not belong to Data, and are dropped. The error says which
// line cannot be sent.
func ReadMix(in io.Reader) (*Mix, error) {
	text, err := io.ReadAll(io.LimitReader(in, mixBytesMax+1))
	if err != nil {
		return nil, err
	}
	if len(text) > mixBytesMax {
		return nil, fmt.Errorf("it is longer than %d MiB", mixBytesMax>>20)
	}
	m := &Mix{}
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(bytes.TrimSuffix(line, []byte{'\n'}), "\r")
		line = bytes.TrimLeft(line, " \t")
		switch {
		case len(m.lines) == mixLinesMax:
			return nil, fmt.Errorf("it has more than %d lines", mixLinesMax)
		case len(line) > DataBytesMax:
			return nil, fmt.Errorf("line %d: %w", len(m.lines)+1, foo.ErrLineTooLong)
		}
		m.lines = append(m.lines, line)
	}
	if len(m.lines) == 0 {
		return nil, errors.New("it has no line")
	}
	return m, nil
}

// mixed is a mix as the source of a run.
type mixed struct {
	mix         *Mix
	connections int
}

func (m mixed) data(connection int, seq uint64) []byte {
	return m.mix.lines[number(m.connections, connection, seq)%uint64(len(m.mix.lines))]
}
