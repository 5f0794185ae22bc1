// This file owns the names of all the ways in which a line is not Foo, and
// their wording. It must not know how a line is judged.
package foo

//lint:file-ignore ST1005 Seq is a name of the grammar; a client reads it as it stands there.

import "errors"

// The texts travel as the reason of a NAK: they are short, in ASCII and
// without punctuation, and they hold nothing of what the peer sent. They are
// fixed, so that making one costs nothing and a client may compare them.
//
// Every error of this package is one of these values itself, never wrapped:
// == is enough.
var (
	// ErrEmpty: the line has no byte, or only the CR of its end.
	ErrEmpty = errors.New("empty line")
	// ErrType: the line does not begin with REQ, ACK or NAK as a whole word.
	// A line that begins with whitespace is among them.
	ErrType = errors.New("unknown type")
	// ErrSeqMissing: there is nothing, or only whitespace, behind the Type.
	ErrSeqMissing = errors.New("Seq missing")
	// ErrSeqSign: the Seq begins with plus or minus.
	ErrSeqSign = errors.New("Seq has a sign")
	// ErrSeqNotDecimal: the Seq holds a byte other than a decimal digit.
	ErrSeqNotDecimal = errors.New("Seq is not decimal")
	// ErrSeqLeadingZero: the Seq has several digits and the first is zero.
	ErrSeqLeadingZero = errors.New("Seq has a leading zero")
	// ErrSeqZero: the Seq of a REQ or an ACK is 0; counting starts with 1.
	ErrSeqZero = errors.New("Seq is zero")
	// ErrSeqOverflow: the Seq is above SeqMax.
	ErrSeqOverflow = errors.New("Seq overflow")
	// ErrNakZero: the line is "NAK 0", which servers answer to a line that they
	// cannot decode. It matches no request, and so is not a reply like others.
	ErrNakZero = errors.New("NAK of Seq zero")
	// ErrDataNotUTF8: the Data is not valid UTF-8.
	ErrDataNotUTF8 = errors.New("data is not UTF-8")
	// ErrDataNUL: the Data holds a NUL byte.
	ErrDataNUL = errors.New("data holds NUL")
	// ErrLineTooLong: the line is longer than its reader accepts.
	ErrLineTooLong = errors.New("line too long")
)
