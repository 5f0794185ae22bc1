// This file owns the cutting of a byte stream into lines. It must not know
// what a line says, nor where the bytes come from.
package foo

import "bytes"

// Splitter finds lines in bytes that arrive in pieces, and gives the same
// lines however they were cut. Its user alternates between the two sides:
//
//	n, err := source.Read(s.Room())   // bytes go straight into the buffer
//	s.Advance(n)
//	for { line, ok, err := s.Next() } // until there is no whole line left
//
// It never looks at a byte twice in its search for LF, so that a peer which
// sends single bytes costs no more than any other. It holds at most one line
// of the greatest length, or 4 KiB where that is more. Made by NewSplitter;
// for one goroutine at a time.
type Splitter struct {
	buffer       []byte
	start        int // the first byte that Next has not returned
	searched     int // there is no LF in buffer[start:searched]
	end          int // behind the last byte that has arrived
	lineBytesMax int
}

// NewSplitter returns a Splitter for lines of at most lineBytesMax bytes, LF
// counted. It panics where that leaves no room for a line at all.
func NewSplitter(lineBytesMax int) *Splitter {
	if lineBytesMax < 1 {
		panic("foo: NewSplitter was called with a limit below one byte.")
	}
	return &Splitter{lineBytesMax: lineBytesMax}
}

// Room returns the space into which the next bytes are to be read; it is
// never empty. The lines and the Rest that were returned before are no longer
// valid. It panics where Next has not been called until it had no line left,
// and after Next has returned an error: there would be no bound then.
func (s *Splitter) Room() []byte {
	full := s.end == len(s.buffer)
	if s.start > 0 {
		s.end = copy(s.buffer, s.buffer[s.start:s.end])
		s.searched -= s.start
		s.start = 0
	}
	// Bytes up to the brim mean a long line, or a peer that has more to say
	// than fits. Both are served better by a greater buffer.
	if bytesMax := max(s.lineBytesMax, splitterBytesMin); full && len(s.buffer) < bytesMax {
		size := min(max(2*len(s.buffer), splitterBytesMin), bytesMax)
		s.buffer = append(make([]byte, 0, size), s.buffer[:s.end]...)[:size]
	}
	if s.searched < s.end || s.end >= len(s.buffer) || s.end >= s.lineBytesMax {
		panic("foo: Splitter.Room was called before Splitter.Next had no line left.")
	}
	return s.buffer[s.end:]
}

// Advance says that n bytes have been put at the beginning of what Room
// returned.
func (s *Splitter) Advance(n int) {
	if n < 0 || n > len(s.buffer)-s.end {
		panic("foo: Splitter.Advance was called with more bytes than there was room for.")
	}
	s.end += n
}

// Next returns the next whole line, without its LF but with a CR that may
// stand before it; ok is false where no whole line has arrived. The line is
// valid until the next call of Room. A line that is longer than the limit is
// ErrLineTooLong, as soon as that is certain; the error stays.
func (s *Splitter) Next() (line []byte, ok bool, err error) {
	at := bytes.IndexByte(s.buffer[s.searched:s.end], '\n')
	if at < 0 {
		s.searched = s.end
		if s.end-s.start >= s.lineBytesMax {
			return nil, false, ErrLineTooLong
		}
		return nil, false, nil
	}
	lineEnd := s.searched + at
	if lineEnd+1-s.start > s.lineBytesMax {
		return nil, false, ErrLineTooLong
	}
	line = s.buffer[s.start:lineEnd:lineEnd]
	s.start, s.searched = lineEnd+1, lineEnd+1
	return line, true, nil
}

// Ready says whether Next has a line or an error without any more bytes.
func (s *Splitter) Ready() bool {
	at := bytes.IndexByte(s.buffer[s.searched:s.end], '\n')
	if at < 0 {
		s.searched = s.end
		return s.end-s.start >= s.lineBytesMax
	}
	s.searched += at // The search of Next will stop at its first byte.
	return true
}

// Rest returns the bytes behind the last line that Next has returned: at the
// end of the stream, the fragment without LF. It is valid until the next call
// of Room.
func (s *Splitter) Rest() []byte { return s.buffer[s.start:s.end:s.end] }
