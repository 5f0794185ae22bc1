// This file owns the judgement of Data. It must not know the rest of the
// line: a line whose Data is bad is still a request with a Seq to answer.
package foo

import (
	"bytes"
	"unicode/utf8"
)

// CheckData returns nil, ErrDataNotUTF8 or ErrDataNUL; the first of the two
// where both apply. It does not allocate and may be called from any goroutine.
func CheckData(data []byte) error {
	if !utf8.Valid(data) {
		return ErrDataNotUTF8
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return ErrDataNUL
	}
	return nil
}
