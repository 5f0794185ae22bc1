// This file owns the requests that come from stdin: their lines. It must not
// know connections or replies, nor how requests are numbered.
package main

import (
	"bufio"
	"bytes"
	"context"
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

// request is one request's line without LF, and the Seq in it.
type request struct {
	line []byte
	seq  uint64
}

// batch is requests that were read in one go. err is why nothing comes behind
// them, where that is so; io.EOF is the end of stdin.
type batch struct {
	requests []request
	err      error
}

// readRequests reads stdin until it or ctx ends. It reads at most two batches
// ahead, and passes on at once what it has before it waits for somebody to write.
func readRequests(ctx context.Context, in io.Reader) <-chan batch {
	batches := make(chan batch, 1)
	r := newRequestReader(in)
	go func() {
		for {
			b := r.batch()
			select {
			case batches <- b:
			case <-ctx.Done():
				return
			}
			if b.err != nil {
				return
			}
		}
	}()
	return batches
}

// batch reads at least one request, or the end.
func (r *requestReader) batch() (b batch) {
	var lines []byte // one piece of memory for all
	for {
		line, seq, err := r.next()
		if err != nil {
			b.err = err
			return b
		}
		start := len(lines)
		lines = append(lines, line...)
		b.requests = append(b.requests, request{lines[start:len(lines):len(lines)], seq})
		if len(lines) >= batchBytes || r.waits() {
			return b
		}
	}
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
