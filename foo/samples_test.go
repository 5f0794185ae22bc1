// This file owns the sample lines that the tests of this package share, each
// with what becomes of it. It must not know how lines are parsed.
package foo

import "strings"

// sample is one line without its LF, and what Parse and CheckData say to it.
type sample struct {
	name    string
	line    string
	want    Message
	err     error
	dataErr error
}

func message(t Type, seq uint64, data string) Message {
	if data == "" {
		return Message{Type: t, Seq: seq}
	}
	return Message{Type: t, Seq: seq, Data: []byte(data)}
}

var fooSamples = []sample{
	{name: "request", line: "REQ 1 hey", want: message(REQ, 1, "hey")},
	{name: "positive reply", line: "ACK 2 hello", want: message(ACK, 2, "hello")},
	{name: "negative reply", line: "NAK 3 no server", want: message(NAK, 3, "no server")},
	{name: "no data", line: "REQ 1", want: message(REQ, 1, "")},
	{name: "empty data", line: "REQ 1 ", want: message(REQ, 1, "")},
	{name: "empty data behind several blanks", line: "REQ 1 \t \t", want: message(REQ, 1, "")},
	{name: "tabs, inner and trailing blanks", line: "REQ\t1\tx  y ", want: message(REQ, 1, "x  y ")},
	{name: "several spaces", line: "REQ    12    x", want: message(REQ, 12, "x")},
	{name: "blanks mixed", line: "ACK \t 12\t \tx\t", want: message(ACK, 12, "x\t")},
	{name: "greatest Seq", line: "REQ 9223372036854775807 x", want: message(REQ, 1<<63-1, "x")},
	{name: "greatest Seq without data", line: "ACK 9223372036854775807", want: message(ACK, 1<<63-1, "")},
	{name: "zeros inside Seq", line: "REQ 100200", want: message(REQ, 100200, "")},
	{name: "data like a message", line: "REQ 1 REQ 2 x", want: message(REQ, 1, "REQ 2 x")},
	{name: "data of digits", line: "REQ 1 2", want: message(REQ, 1, "2")},

	{name: "CR LF", line: "REQ 1 x\r", want: message(REQ, 1, "x")},
	{name: "CR LF without data", line: "REQ 1\r", want: message(REQ, 1, "")},
	{name: "CR LF with empty data", line: "REQ 1 \r", want: message(REQ, 1, "")},
	{name: "two CRs", line: "REQ 1 x\r\r", want: message(REQ, 1, "x\r")},
	{name: "data of one CR", line: "REQ 1 \r\r", want: message(REQ, 1, "\r")},
	{name: "blank before the CR", line: "REQ 1 x \r", want: message(REQ, 1, "x ")},

	{name: "TAB in data", line: "REQ 1 a\tb", want: message(REQ, 1, "a\tb")},
	{name: "ESC in data", line: "REQ 1 a\x1b[2Jb", want: message(REQ, 1, "a\x1b[2Jb")},
	{name: "DEL in data", line: "REQ 1 a\x7fb", want: message(REQ, 1, "a\x7fb")},
	{name: "CR in data", line: "REQ 1 a\rb", want: message(REQ, 1, "a\rb")},
	{name: "UTF-8 in data", line: "REQ 1 žluťoučký 🐎", want: message(REQ, 1, "žluťoučký 🐎")},
	{name: "no-break space begins data", line: "REQ 1 \u00a0x", want: message(REQ, 1, "\u00a0x")},

	{name: "NUL in data", line: "REQ 1 a\x00b", want: message(REQ, 1, "a\x00b"), dataErr: ErrDataNUL},
	{name: "data of one NUL", line: "REQ 1 \x00", want: message(REQ, 1, "\x00"), dataErr: ErrDataNUL},
	{name: "0xff in data", line: "REQ 1 \xff", want: message(REQ, 1, "\xff"), dataErr: ErrDataNotUTF8},
	{name: "cut character", line: "REQ 1 a\xc3", want: message(REQ, 1, "a\xc3"), dataErr: ErrDataNotUTF8},
	{name: "overlong NUL", line: "REQ 1 \xc0\x80", want: message(REQ, 1, "\xc0\x80"), dataErr: ErrDataNotUTF8},
	{name: "surrogate", line: "REQ 1 \xed\xa0\x80", want: message(REQ, 1, "\xed\xa0\x80"), dataErr: ErrDataNotUTF8},
	{name: "NUL and invalid", line: "REQ 1 \x00\xff", want: message(REQ, 1, "\x00\xff"), dataErr: ErrDataNotUTF8},
}

var oddSamples = []sample{
	{name: "empty line", line: "", err: ErrEmpty},
	{name: "empty line with CR", line: "\r", err: ErrEmpty},
	{name: "two CRs alone", line: "\r\r", err: ErrType},
	{name: "HTTP", line: "GET / HTTP/1.1\r", err: ErrType},
	{name: "lower-case type", line: "req 1 x", err: ErrType},
	{name: "mixed-case type", line: "Req 1 x", err: ErrType},
	{name: "short word", line: "RE", err: ErrType},
	{name: "longer word", line: "REQS 1", err: ErrType},
	{name: "no whitespace", line: "REQ1 x", err: ErrType},
	{name: "other word of three letters", line: "RST 1", err: ErrType},
	{name: "leading space", line: " REQ 1", err: ErrType},
	{name: "leading tab", line: "\tREQ 1", err: ErrType},
	{name: "blanks alone", line: "   ", err: ErrType},
	{name: "NUL behind the type", line: "REQ\x00 1", err: ErrType},
	{name: "CR behind the type", line: "REQ\r1", err: ErrType},
	{name: "byte order mark", line: "\ufeffREQ 1", err: ErrType},
	{name: "vertical tab for whitespace", line: "REQ\v1", err: ErrType},
	{name: "no-break space for whitespace", line: "REQ\u00a01", err: ErrType},

	{name: "type alone", line: "REQ", err: ErrSeqMissing},
	{name: "type and CR", line: "ACK\r", err: ErrSeqMissing},
	{name: "type and blanks", line: "NAK \t ", err: ErrSeqMissing},
	{name: "data instead of Seq", line: "REQ hey", err: ErrSeqNotDecimal},
	{name: "minus", line: "REQ -1", err: ErrSeqSign},
	{name: "plus", line: "REQ +1", err: ErrSeqSign},
	{name: "sign alone", line: "REQ - 1", err: ErrSeqSign},
	{name: "minus zero", line: "REQ -0", err: ErrSeqSign},
	{name: "hexadecimal", line: "REQ 0x10", err: ErrSeqNotDecimal},
	{name: "hexadecimal digits", line: "REQ 1f x", err: ErrSeqNotDecimal},
	{name: "fraction", line: "REQ 1.0 x", err: ErrSeqNotDecimal},
	{name: "exponent", line: "REQ 1e3", err: ErrSeqNotDecimal},
	{name: "underscore", line: "REQ 1_000", err: ErrSeqNotDecimal},
	{name: "sign behind a digit", line: "REQ 1-", err: ErrSeqNotDecimal},
	{name: "CR behind Seq", line: "REQ 1\rx", err: ErrSeqNotDecimal},
	{name: "two CRs behind Seq", line: "REQ 1\r\r", err: ErrSeqNotDecimal},
	{name: "NUL behind Seq", line: "REQ 1\x00", err: ErrSeqNotDecimal},
	{name: "Arabic digit", line: "REQ \u0661", err: ErrSeqNotDecimal},
	{name: "byte below 0", line: "REQ 1/", err: ErrSeqNotDecimal},
	{name: "byte above 9", line: "REQ 1:", err: ErrSeqNotDecimal},
	{name: "40 digits and a letter", line: "REQ " + strings.Repeat("9", 40) + "x", err: ErrSeqNotDecimal},
	{name: "leading zero", line: "REQ 01", err: ErrSeqLeadingZero},
	{name: "two zeros", line: "NAK 00", err: ErrSeqLeadingZero},
	{name: "40 zeros", line: "REQ " + strings.Repeat("0", 40), err: ErrSeqLeadingZero},
	{name: "zero", line: "REQ 0 x", err: ErrSeqZero},
	{name: "zero at the end", line: "ACK 0", err: ErrSeqZero},
	{name: "2^63", line: "REQ 9223372036854775808", err: ErrSeqOverflow},
	{name: "2^64", line: "REQ 18446744073709551616", err: ErrSeqOverflow},
	{name: "2^64+1 wraps to 1", line: "REQ 18446744073709551617 x", err: ErrSeqOverflow},
	{name: "19 nines", line: "REQ 9999999999999999999", err: ErrSeqOverflow},
	{name: "10^40", line: "REQ 1" + strings.Repeat("0", 40) + " x", err: ErrSeqOverflow},

	{name: "NAK 0", line: "NAK 0", want: message(NAK, 0, ""), err: ErrNakZero},
	{name: "NAK 0 with CR", line: "NAK 0\r", want: message(NAK, 0, ""), err: ErrNakZero},
	{name: "NAK 0 with reason", line: "NAK 0 unknown type", want: message(NAK, 0, "unknown type"), err: ErrNakZero},
	{name: "NAK 0 with blanks", line: "NAK\t0  x \r", want: message(NAK, 0, "x "), err: ErrNakZero},
}

func allSamples() []sample { return append(append([]sample{}, fooSamples...), oddSamples...) }
