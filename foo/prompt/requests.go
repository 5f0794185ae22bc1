// This file owns how a line that somebody wrote becomes a request. It must not
// know whether it was typed or read from a pipe.
package prompt

import (
	"fmt"

	"fooproxy/foo"
)

// ErrNoSeq: the greatest Seq has been used, and nothing comes after it.
var ErrNoSeq = fmt.Errorf("no Seq is left above %d", uint64(foo.SeqMax))

// Requests makes the requests of one connection; the zero value starts at 1.
// Numbers go on above the greatest that was seen, so that what is typed
// between hand-made requests does not repeat their Seq. It is for one
// goroutine.
type Requests struct {
	seq  uint64 // the greatest so far
	made []byte // the last line that was made
}

// Make returns the request's line without LF, and its Seq. A line that is a
// REQ is taken as it is; any other becomes the Data of a new one. The result
// is valid until the next call. An error, ErrNoSeq or foo.ErrLineTooLong,
// takes no number.
func (r *Requests) Make(text []byte) (line []byte, seq uint64, err error) {
	if message, err := foo.Parse(text); err == nil && message.Type == foo.REQ {
		if len(text) >= foo.LineBytesMax {
			return nil, 0, foo.ErrLineTooLong
		}
		r.seq = max(r.seq, message.Seq)
		return text, message.Seq, nil
	}
	return r.MakeData(text)
}

// MakeData is Make for what is Data even where it looks like a REQ.
func (r *Requests) MakeData(data []byte) (line []byte, seq uint64, err error) {
	if r.seq == foo.SeqMax {
		return nil, 0, ErrNoSeq
	}
	r.made = foo.AppendMessage(r.made[:0], foo.REQ, r.seq+1, data)
	if len(r.made) > foo.LineBytesMax {
		return nil, 0, foo.ErrLineTooLong
	}
	r.seq++
	return r.made[:len(r.made)-1], r.seq, nil
}
