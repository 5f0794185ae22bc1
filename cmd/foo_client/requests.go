// This file owns the requests that come from stdin: their lines and numbers.
// It must not know connections or replies.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"fooproxy/foo"
)

// requestReader makes requests of lines. A line that is a REQ is taken as it
// is, any other becomes the Data of a new one. Numbers go on above the
// greatest that was seen, so that what is typed between hand-made requests
// does not repeat their Seq.
type requestReader struct {
	in   *bufio.Reader
	line int    // lines read, for messages
	seq  uint64 // the greatest so far
	made []byte // the last line that was made
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
	text = bytes.TrimSuffix(text, []byte("\n"))
	if message, err := foo.Parse(text); err == nil && message.Type == foo.REQ {
		r.seq = max(r.seq, message.Seq)
		return text, message.Seq, nil
	}
	if r.seq == foo.SeqMax {
		return nil, 0, fmt.Errorf("stdin: line %d: no Seq is left above %d", r.line, uint64(foo.SeqMax))
	}
	r.made = foo.AppendMessage(r.made[:0], foo.REQ, r.seq+1, text)
	if len(r.made) > foo.LineBytesMax {
		return nil, 0, fmt.Errorf("stdin: line %d: %w", r.line, foo.ErrLineTooLong)
	}
	r.seq++
	return r.made[:len(r.made)-1], r.seq, nil
}

// waits says whether next may have to wait for somebody to write a line.
func (r *requestReader) waits() bool {
	held, _ := r.in.Peek(r.in.Buffered()) // It cannot fail: so much is there.
	return bytes.IndexByte(held, '\n') < 0
}
