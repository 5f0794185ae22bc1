// This file owns the tests of reading and writing one line. It must not know
// how lines are found in a stream.
package foo

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
)

func sameMessage(a, b Message) bool {
	return a.Type == b.Type && a.Seq == b.Seq && bytes.Equal(a.Data, b.Data) && (a.Data == nil) == (b.Data == nil)
}

func TestParseJudgesEverySample(t *testing.T) {
	for _, s := range allSamples() {
		t.Run(s.name, func(t *testing.T) {
			got, err := Parse([]byte(s.line))
			if err != s.err {
				t.Fatalf("Parse(%q): error %v, want %v", s.line, err, s.err)
			}
			if !sameMessage(got, s.want) {
				t.Errorf("Parse(%q) = %+v, want %+v", s.line, got, s.want)
			}
			if got := CheckData(got.Data); got != s.dataErr {
				t.Errorf("CheckData: %v, want %v", got, s.dataErr)
			}
		})
	}
}

func TestParseData(t *testing.T) {
	buffer := []byte("REQ 1 abc\nREQ 2 x\n")
	message, err := Parse(buffer[:9])
	if err != nil {
		t.Fatal(err)
	}
	if &message.Data[0] != &buffer[6] {
		t.Error("Data is a copy, it must alias the line")
	}
	if message.Data = append(message.Data, "zzz"...); string(buffer[9:]) != "\nREQ 2 x\n" {
		t.Errorf("an append to Data ran into the next line: %q", buffer)
	}
}

func TestErrorTextsFitIntoANak(t *testing.T) {
	plain := regexp.MustCompile(`^[A-Za-z0-9 -]{1,32}$`)
	seen := map[string]bool{}
	for _, err := range []error{
		ErrEmpty, ErrType, ErrSeqMissing, ErrSeqSign, ErrSeqNotDecimal, ErrSeqLeadingZero,
		ErrSeqZero, ErrSeqOverflow, ErrNakZero, ErrDataNotUTF8, ErrDataNUL, ErrLineTooLong,
	} {
		if text := err.Error(); !plain.MatchString(text) || seen[text] {
			t.Errorf("error text %q is not short, plain and the only one of its kind", text)
		}
		seen[err.Error()] = true
	}
	// Clients in the field compare these.
	for want, err := range map[string]error{
		"data is not UTF-8": ErrDataNotUTF8, "data holds NUL": ErrDataNUL, "line too long": ErrLineTooLong,
	} {
		if err.Error() != want {
			t.Errorf("error text %q, want %q", err, want)
		}
	}
}

func TestAppendMessage(t *testing.T) {
	for _, c := range []struct {
		message Message
		want    string
	}{
		{message(REQ, 1, "hey"), "REQ 1 hey\n"},
		{message(ACK, 10, ""), "ACK 10\n"},
		{Message{Type: NAK, Seq: 7, Data: []byte{}}, "NAK 7\n"},
		{message(NAK, 0, "line too long"), "NAK 0 line too long\n"},
		{message(ACK, SeqMax, "x\x00\xff\r y "), "ACK 9223372036854775807 x\x00\xff\r y \n"},
	} {
		got := AppendMessage([]byte("before"), c.message.Type, c.message.Seq, c.message.Data)
		if string(got) != "before"+c.want {
			t.Errorf("AppendMessage(%+v) = %q, want %q behind what was there", c.message, got, c.want)
		}
	}
}

func TestAppendMessageRefusesNoType(t *testing.T) {
	for _, typ := range []Type{0, NAK + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("AppendMessage wrote a line of type %d", typ)
				}
			}()
			AppendMessage(nil, typ, 1, nil)
		}()
		if got := typ.String(); got != "none" {
			t.Errorf("Type(%d).String() = %q", typ, got)
		}
	}
}

func TestWhatIsAppendedParsesToTheSame(t *testing.T) {
	for _, s := range fooSamples {
		line := AppendMessage(nil, s.want.Type, s.want.Seq, s.want.Data)
		got, err := Parse(line[:len(line)-1])
		want := s.want
		if strings.HasSuffix(string(want.Data), "\r") {
			// The documented exception: this CR became part of the line's end.
			want = message(want.Type, want.Seq, strings.TrimSuffix(string(want.Data), "\r"))
		}
		if err != nil || !sameMessage(got, want) {
			t.Errorf("%s: %q parses to %+v, %v; want %+v", s.name, line, got, err, want)
		}
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	lines := make([][]byte, 0, len(fooSamples)+len(oddSamples))
	for _, s := range allSamples() {
		lines = append(lines, []byte(s.line))
	}
	dst := make([]byte, 0, 256)
	parse := func() {
		for _, line := range lines {
			message, _ := Parse(line) // Its error, where there is one, must not allocate either.
			if CheckData(message.Data) == nil && message.Type != 0 {
				dst = AppendMessage(dst[:0], message.Type, message.Seq, message.Data)
			}
		}
	}
	if allocations := testing.AllocsPerRun(100, parse); allocations != 0 {
		t.Errorf("%v allocations for %d lines, want 0", allocations, len(lines))
	}
}

func BenchmarkParse(b *testing.B) {
	for _, c := range []struct{ name, line string }{
		{"short", "REQ 1 hey"},
		{"64 bytes", "REQ 123456789 " + strings.Repeat("x", 49)},
		{"4 KiB", "ACK 123456789 " + strings.Repeat("x", 4<<10-15)},
		{"not Foo", "GET / HTTP/1.1"},
	} {
		line := []byte(c.line)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(line) + 1))
			for b.Loop() {
				if message, _ := Parse(line); message.Seq == 1<<40 { // The samples hold no such Seq.
					b.Fatal(message)
				}
			}
		})
	}
}

func BenchmarkAppendMessage(b *testing.B) {
	dst := make([]byte, 0, 128)
	data := []byte(strings.Repeat("x", 49))
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendMessage(dst[:0], ACK, 123456789, data)
	}
}

func BenchmarkCheckData(b *testing.B) {
	data := []byte(strings.Repeat("x", 49))
	b.ReportAllocs()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := CheckData(data); err != nil {
			b.Fatal(err)
		}
	}
}
