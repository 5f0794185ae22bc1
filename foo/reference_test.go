// This file owns the reference parser and the fuzzing of Parse against it. It
// must not use anything of Parse but its result.
package foo

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	referenceFoo  = regexp.MustCompile(`(?s)^(REQ|ACK|NAK)[ \t]+([1-9][0-9]*)(?:[ \t]+(.*))?$`)
	referenceZero = regexp.MustCompile(`(?s)^NAK[ \t]+0(?:[ \t]+(.*))?$`)
)

// referenceParse reads the grammar as slowly and as plainly as possible. It
// shares nothing with Parse.
func referenceParse(text string) (Message, error) {
	line := strings.TrimSuffix(text, "\r")
	if m := referenceZero.FindStringSubmatch(line); m != nil {
		return message(NAK, 0, m[1]), ErrNakZero
	}
	if m := referenceFoo.FindStringSubmatch(line); m != nil {
		seq, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			return Message{}, ErrSeqOverflow
		}
		types := map[string]Type{"REQ": REQ, "ACK": ACK, "NAK": NAK}
		return message(types[m[1]], uint64(seq), m[3]), nil
	}
	words := strings.Split(strings.ReplaceAll(line, "\t", " "), " ")
	if line == "" {
		return Message{}, ErrEmpty
	}
	if words[0] != "REQ" && words[0] != "ACK" && words[0] != "NAK" {
		return Message{}, ErrType
	}
	for _, word := range words[1:] {
		switch {
		case word == "":
		case strings.ContainsAny(word[:1], "+-"):
			return Message{}, ErrSeqSign
		case strings.Trim(word, "0123456789") != "":
			return Message{}, ErrSeqNotDecimal
		case word == "0":
			return Message{}, ErrSeqZero
		default:
			return Message{}, ErrSeqLeadingZero
		}
	}
	return Message{}, ErrSeqMissing
}

func FuzzParse(f *testing.F) {
	for _, s := range allSamples() {
		f.Add([]byte(s.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Skip("not one line")
		}
		before := string(line)
		got, err := Parse(line)
		want, wantErr := referenceParse(before)
		if err != wantErr || !sameMessage(got, want) {
			t.Fatalf("Parse(%q) = %+v, %v; the reference says %+v, %v", before, got, err, want, wantErr)
		}
		if string(line) != before {
			t.Fatalf("Parse changed its line from %q to %q", before, line)
		}
		wantErr = nil
		if strings.ToValidUTF8(string(got.Data), "") != string(got.Data) {
			wantErr = ErrDataNotUTF8
		} else if strings.Contains(string(got.Data), "\x00") {
			wantErr = ErrDataNUL
		}
		if err := CheckData(got.Data); err != wantErr {
			t.Fatalf("CheckData(%q) = %v, want %v", got.Data, err, wantErr)
		}
	})
}
