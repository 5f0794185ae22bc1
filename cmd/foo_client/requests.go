// This file owns the requests that come from stdin: their lines. It must not
// know connections or replies, nor how requests are numbered.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"fooproxy/foo"
	"fooproxy/foo/prompt"
)

// requestReader makes requests of lines, by the rules by which they are made
// of what is typed at the prompt.
type requestReader struct {
	in       *bufio.Reader
	line     int // lines read, for messages
	requests prompt.Requests
}

func newRequestReader(in io.Reader) *requestReader {
	return &requestReader{in: bufio.NewReaderSize(in, foo.LineBytesMax)}
}

// next returns the next request's line without LF, and its Seq. The line is
// valid until the next call. The end of stdin is io.EOF.
func (r *requestReader) next() (line []byte, seq uint64, err error) {
	text, err := r.in.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, 0, fmt.Errorf("stdin: line %d: %w", r.line+1, foo.ErrLineTooLong)
	case err == io.EOF && len(text) > 0:
		// The last line needs no LF.
	case err == io.EOF:
		return nil, 0, io.EOF
	case err != nil:
		return nil, 0, fmt.Errorf("stdin: %w", err)
	}
	r.line++
	line, seq, err = r.requests.Make(bytes.TrimSuffix(text, []byte("\n")))
	if err != nil {
		return nil, 0, fmt.Errorf("stdin: line %d: %w", r.line, err)
	}
	return line, seq, nil
}

// waits says whether next may have to wait for somebody to write a line.
func (r *requestReader) waits() bool {
	held, _ := r.in.Peek(r.in.Buffered()) // It cannot fail: so much is there.
	return bytes.IndexByte(held, '\n') < 0
}
