// Package foo is the grammar of the Foo protocol and the framing of its
// lines. It does no I/O and needs the standard library only; the proxy, the
// server and the clients all judge lines by it, so that they cannot disagree.
//
// This file owns the message: how a line is read and how one is written. It
// must not know where lines come from, nor what an odd line has for
// consequences.
//
//	Msg  := Type <whitespace> Seq [<whitespace> Data] '\n'
//	Type := "REQ" | "ACK" | "NAK"
//	Seq  := 1 to 2^63-1 in decimal digits, without sign or leading zero
//	Data := any bytes but LF; whether they are valid UTF-8 is judged apart
//
// Whitespace is any run of spaces and tabs. One CR before the LF belongs to
// the end of the line.
package foo

import "strconv"

// Type says what a message is. The zero value is no type.
type Type uint8

// The types of the protocol. Clients send REQ; servers answer each with one
// ACK or NAK of the same Seq.
const (
	REQ Type = iota + 1
	ACK
	NAK
)

// typeBytes is the length of every Type on the wire.
const typeBytes = 3

// String returns the Type as it is written on the wire, or "none".
func (t Type) String() string {
	switch t {
	case REQ:
		return "REQ"
	case ACK:
		return "ACK"
	case NAK:
		return "NAK"
	}
	return "none"
}

// Message is one decoded line. Data aliases the line it was parsed from and
// lives as long as that does; it is nil where the line holds none.
type Message struct {
	Type Type
	Seq  uint64
	Data []byte
}

// Parse reads one line, given without its LF. A single CR at the end belongs
// to the line's end. It does not allocate, keeps nothing, and may be called
// from any goroutine.
//
// The error is nil or one of this package's named errors, the first that
// applies from left to right. The Message is the zero Message then, with one
// exception: "NAK 0 <reason>", a server's reply to a line that it could not
// decode, comes back as Type NAK, Seq 0 and the reason as Data, together with
// ErrNakZero.
//
// Data is not looked at: see CheckData.
func Parse(line []byte) (Message, error) {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	t, err := parseType(line)
	if err != nil {
		return Message{}, err
	}
	at := skipBlanks(line, typeBytes)
	seq, end, err := parseSeq(line, at)
	if err != nil {
		if err != ErrSeqZero || t != NAK {
			return Message{}, err
		}
		err = ErrNakZero
	}
	message := Message{Type: t, Seq: seq}
	if at = skipBlanks(line, end); at < len(line) {
		// The capacity ends with the line: an append to Data must not run into
		// the line behind it.
		message.Data = line[at:len(line):len(line)]
	}
	return message, err
}

// parseType reads the Type, which must be a word of its own.
func parseType(line []byte) (Type, error) {
	if len(line) == 0 {
		return 0, ErrEmpty
	}
	if len(line) < typeBytes || len(line) > typeBytes && !IsBlank(line[typeBytes]) {
		return 0, ErrType
	}
	switch string(line[:typeBytes]) {
	case "REQ":
		return REQ, nil
	case "ACK":
		return ACK, nil
	case "NAK":
		return NAK, nil
	}
	return 0, ErrType
}

// parseSeq reads the Seq that begins at start, and returns it with the
// position behind its last byte. With ErrSeqZero the position is good too.
func parseSeq(line []byte, start int) (seq uint64, end int, err error) {
	if start == len(line) {
		return 0, 0, ErrSeqMissing
	}
	end = start
	for ; end < len(line); end++ {
		digit := line[end] - '0'
		if digit > 9 {
			break
		}
		// This may wrap around; the number of digits tells below.
		seq = seq*10 + uint64(digit)
	}
	digits := end - start
	switch {
	case end < len(line) && !IsBlank(line[end]):
		if first := line[start]; first == '+' || first == '-' {
			return 0, 0, ErrSeqSign
		}
		return 0, 0, ErrSeqNotDecimal
	case line[start] == '0' && digits > 1:
		return 0, 0, ErrSeqLeadingZero
	case line[start] == '0':
		return 0, end, ErrSeqZero
	case digits > seqDigitsMax || seq > SeqMax:
		return 0, 0, ErrSeqOverflow
	}
	return seq, end, nil
}

// skipBlanks returns the position of the first byte from at on that is
// neither space nor tab, or the length of the line.
func skipBlanks(line []byte, at int) int {
	for at < len(line) && IsBlank(line[at]) {
		at++
	}
	return at
}

// IsBlank reports whether a byte is whitespace of the grammar: a space or a tab.
func IsBlank(b byte) bool { return b == ' ' || b == '\t' }

// AppendMessage appends one whole line, "TYPE SEQ[ DATA]" and LF, to dst and
// returns the longer slice; there is no space behind Seq where data is empty.
// It allocates only where dst is too small, and keeps nothing of data.
//
// Seq 0 is meant for "NAK 0" alone. The caller answers for data: an LF in it
// would start a second line, and the reader cannot tell blanks at its
// beginning from the whitespace before it, nor a CR at its end from the end
// of the line. It panics where t is no type.
func AppendMessage(dst []byte, t Type, seq uint64, data []byte) []byte {
	if t < REQ || t > NAK {
		panic("foo: AppendMessage was called without a type.")
	}
	dst = append(dst, t.String()...)
	dst = append(dst, ' ')
	dst = strconv.AppendUint(dst, seq, 10)
	if len(data) > 0 {
		dst = append(dst, ' ')
		dst = append(dst, data...)
	}
	return append(dst, '\n')
}
