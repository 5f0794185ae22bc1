// This file owns the tests of what a typed line means and becomes.
package prompt

import (
	"errors"
	"strings"
	"testing"

	"fooproxy/foo"
)

func TestInterpret(t *testing.T) {
	for _, c := range []struct {
		text string
		want meaning
		sent string
	}{
		{"", isNothing, ""},
		{" \t", isNothing, ""},
		{"help", isHelp, ""},
		{" quit ", isQuit, ""},
		{"exit", isQuit, ""},
		{"QUIT", isLine, "QUIT"},
		{"quit now", isLine, "quit now"},
		{"REQ 3 quit", isLine, "REQ 3 quit"},
		{" hey ", isLine, " hey "},
		{`\quit`, isData, "quit"},
		{`\\quit`, isData, `\quit`},
		{`\`, isData, ""},
		{`\REQ 1`, isData, "REQ 1"},
		{` \quit`, isLine, ` \quit`},
	} {
		if what, sent := interpret(c.text); what != c.want || sent != c.sent {
			t.Errorf("%q: %d, %q; want %d, %q", c.text, what, sent, c.want, c.sent)
		}
	}
}

func TestRequestsAreNumberedAboveTheGreatest(t *testing.T) {
	var r Requests
	long := strings.Repeat("x", foo.LineBytesMax)
	for i, c := range []struct {
		text   string
		isData bool
		line   string
		seq    uint64
		err    error
	}{
		{"a", false, "REQ 1 a", 1, nil},
		{"", false, "REQ 2", 2, nil},
		{"REQ 7 b", false, "REQ 7 b", 7, nil},
		{"REQ 3", false, "REQ 3", 3, nil},
		{long, false, "", 0, foo.ErrLineTooLong},
		{"REQ 9 " + long, false, "", 0, foo.ErrLineTooLong},
		{"REQ 3", true, "REQ 8 REQ 3", 8, nil},
		{"REQ 0", false, "REQ 9 REQ 0", 9, nil},
		{"REQ 9223372036854775807", false, "REQ 9223372036854775807", foo.SeqMax, nil},
		{"a", false, "", 0, ErrNoSeq},
		{"a", true, "", 0, ErrNoSeq},
		{"REQ 4", false, "REQ 4", 4, nil},
	} {
		make := r.Make
		if c.isData {
			make = r.MakeData
		}
		if line, seq, err := make([]byte(c.text)); string(line) != c.line || seq != c.seq || !errors.Is(err, c.err) {
			t.Errorf("line %d: %.40q, %d, %v; want %q, %d, %v", i, line, seq, err, c.line, c.seq, c.err)
		}
	}
}

func TestPromptTextLeavesRoom(t *testing.T) {
	for _, c := range []struct {
		name    string
		columns int
		want    string
	}{
		{"localhost:8001", 80, "localhost:8001> "},
		{"localhost:8001", 26, "localhost:8001> "},
		{"localhost:8001", 25, "> "},
		{"localhost:8001", 0, "> "},
		{"unix:/" + strings.Repeat("x", 80), 80, "unix:/" + strings.Repeat("x", 25) + "…> "},
		{"unix:/\x1b\t\u202e", 80, `unix:/\x1b \u202e> `},
	} {
		if got := promptText(c.name, c.columns); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.name, c.columns, got, c.want)
		}
	}
}
