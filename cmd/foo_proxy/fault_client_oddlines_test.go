// fault_client_oddlines_test.go owns row C9: every odd line that a client or a
// server may send, in each mode. The parser itself is held against a reference
// parser by FuzzParse of package foo.

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// oddLines are lines of a client, without LF.
var oddLines = []struct {
	line string
	nak  string // what -strict answers instead of forwarding it; none for a good request
}{
	{"REQ 5 hey", ""},
	{"REQ 5", ""},                        // no Data
	{"REQ 5 ", ""},                       // empty Data
	{"REQ \t  5 \t\t x  y ", ""},         // several blanks
	{"REQ 5 x\r", ""},                    // CR LF
	{"REQ 5\r", ""},                      // CR LF without Data
	{"REQ 5 a\tb\x1b[2J\x7fc\rd", ""},    // TAB, ESC, DEL, CR
	{"REQ 9223372036854775807 most", ""}, // 2^63-1
	{"REQ 5 \xff\xfe", "NAK 5 data is not UTF-8"},
	{"REQ 5 cut \xc3", "NAK 5 data is not UTF-8"},
	{"REQ 5 a\x00b", "NAK 5 data holds NUL"},
	{"REQ 5 \x00\r", "NAK 5 data holds NUL"},
	{"", "NAK 0 empty line"},
	{"\r", "NAK 0 empty line"},
	{"GET / HTTP/1.1\r", "NAK 0 unknown type"},
	{"Host: foo\r", "NAK 0 unknown type"},
	{"req 5 x", "NAK 0 unknown type"},
	{"Req 5 x", "NAK 0 unknown type"},
	{" REQ 5 x", "NAK 0 unknown type"},
	{"REQS 5", "NAK 0 unknown type"},
	{"\x00\x1b]0;x\x07\xff", "NAK 0 unknown type"},
	{"REQ", "NAK 0 Seq missing"},
	{"REQ \t ", "NAK 0 Seq missing"},
	{"REQ hey", "NAK 0 Seq is not decimal"},
	{"REQ 0 x", "NAK 0 Seq is zero"},
	{"REQ -1 x", "NAK 0 Seq has a sign"},
	{"REQ +1 x", "NAK 0 Seq has a sign"},
	{"REQ 01 x", "NAK 0 Seq has a leading zero"},
	{"REQ 0x1f x", "NAK 0 Seq is not decimal"},
	{"REQ 1f x", "NAK 0 Seq is not decimal"},
	{"REQ 9223372036854775808 x", "NAK 0 Seq overflow"},  // 2^63
	{"REQ 18446744073709551616 x", "NAK 0 Seq overflow"}, // 2^64
	{"REQ 18446744073709551617 x", "NAK 0 Seq overflow"}, // 1, where it wraps
	{"REQ 1" + strings.Repeat("0", 40) + " x", "NAK 0 Seq overflow"},
	{"ACK 5 x", "NAK 0 not a request"},
	{"NAK 5 x", "NAK 0 not a request"},
	{"NAK 0 x", "NAK 0 not a request"},
	{"ACK 0 x", "NAK 0 Seq is zero"},
}

// oddReplies are what a server may say to requests 1 to 3.
var oddReplies = []string{
	"ACK 3\nACK 1\r\nNAK  2\tx\n",         // out of order
	"ACK 9 stray\nACK 1\nACK 1 twice\n",   // nobody has asked
	"NAK 0 cannot decode\n",               //
	"REQ 1 a request\n",                   //
	"hello\n\n\r\nACK x\nACK 0\nack 1\n",  // not Foo
	"ACK 1 \xff\x00\x1b\n",                // Data is not judged
	"ACK 1\nACK 2 no end",                 //
	"\n\n\nNAK 1 " + "\x7f \u2028" + "\n", //
}

// TestAnOddLineIsForwardedAsItCame is row C9 without -strict.
func TestAnOddLineIsForwardedAsItCame(t *testing.T) {
	server := startKeeper(t, 1, answersAtOnce)
	p := watchProxy(t, server.addr)
	alike, invalid := 0, 0
	for _, odd := range append(oddLines, struct{ line, nak string }{"REQ 9 fragment", ""}) {
		text := "REQ 1 before\n" + odd.line
		isFragment := strings.HasSuffix(text, "fragment")
		if !isFragment {
			text += "\nREQ 2 behind\n"
		}
		before := p.numbers()
		direct := converse(t, server.addr, []string{text}, nil)
		server.arrived(t)
		if proxied, arrived := converse(t, p.Addr, []string{text}, nil), server.arrived(t); proxied == direct && arrived == text {
			alike++
		} else {
			t.Errorf("%q: the client got %q, directly %q; the server got %q", text, proxied, direct, arrived)
		}
		want := map[string]float64{"lines_invalid": 0, "data_invalid": 0, "naks_local": 0, "outstanding": 0, "abandoned": 0}
		switch {
		case strings.HasPrefix(odd.nak, "NAK 0") || isFragment:
			want["lines_invalid"] = 1
			invalid++
		case odd.nak != "":
			want["data_invalid"] = 1
			invalid++
		}
		p.expectMoved(before, want)
	}
	replies := oddRepliesAlike(t)
	proctest.Figure(t, "C9", fmt.Sprintf("%d lines of clients, %d texts of servers, default mode", len(oddLines)+1, len(oddReplies)),
		fmt.Sprintf("%d and %d transcripts equal; %d invalid, each counted once: %t", alike, replies, invalid, !t.Failed()), "all")
}

// oddRepliesAlike has servers say odd things, directly and through the proxy.
func oddRepliesAlike(t *testing.T) (alike int) {
	for _, text := range oddReplies {
		server := startKeeper(t, 1, func(in *bufio.Reader, out *bufio.Writer) {
			io.Copy(io.Discard, in) // replies need not wait for requests, but the test wants their records
			out.WriteString(text)
			out.Flush() // the client is there
		})
		p := watchProxy(t, server.addr)
		asks := []string{"REQ 1\nREQ 2\nREQ 3\n"}
		direct, proxied := converse(t, server.addr, asks, nil), converse(t, p.Addr, asks, nil)
		if want := (heard{text, "FIN"}); direct != want || proxied != want {
			t.Errorf("the server says %q; directly arrives %q, through the proxy %q", text, direct, proxied)
			continue
		}
		alike++
	}
	return alike
}

// TestStrictForwardsNoOddLine is row C9 with -strict.
func TestStrictForwardsNoOddLine(t *testing.T) {
	server := startKeeper(t, 1, answersAtOnce)
	p := watchProxy(t, server.addr, "-strict")
	good, forwarded := 0, 0
	for _, odd := range oddLines {
		text := "REQ 1 before\n" + odd.line + "\nREQ 2 behind\n"
		wantArrived, wantHeard := text, answersTo(text)
		if odd.nak != "" {
			wantArrived = "REQ 1 before\nREQ 2 behind\n"
			wantHeard = "ACK 1 before\n" + odd.nak + "\nACK 2 behind\n"
		}
		got, arrived := converse(t, p.Addr, []string{text}, nil), server.arrived(t)
		if got == (heard{wantHeard, "FIN"}) && arrived == wantArrived {
			good++
		} else {
			t.Errorf("%q: the client got %q, the server %q", odd.line, got, arrived)
		}
		if odd.nak != "" && arrived != wantArrived {
			forwarded++
		}
	}
	if got, arrived := converse(t, p.Addr, []string{"REQ 1 x\nREQ 2 fragment"}, nil), server.arrived(t); got.bytes != "ACK 1 x\n" || arrived != "REQ 1 x\n" {
		t.Errorf("with a fragment the client got %q, the server %q", got, arrived)
	}
	proctest.Figure(t, "C9", fmt.Sprintf("%d lines of clients, -strict", len(oddLines)), fmt.Sprintf("invalid lines forwarded %d; %d of %d answered as they should be", forwarded, good, len(oddLines)), "forwarded 0")
}

// TestTheParserIsCoveredByItsTests is the last part of row C9.
func TestTheParserIsCoveredByItsTests(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("without Go's own command nothing can be measured")
	}
	profile := filepath.Join(t.TempDir(), "profile")
	if out, err := exec.CommandContext(t.Context(), goTool, "test", "-coverprofile", profile, "fooproxy/foo").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	statements, covered := readCoverage(t, profile, "message.go", "data.go", "splitter.go")
	share := 100 * float64(covered) / float64(max(statements, 1))
	proctest.Figure(t, "C9", "parser and splitter under the tests of package foo, the fuzzing of FuzzParse against the reference parser apart",
		fmt.Sprintf("%d of %d statements covered, %.1f %%", covered, statements, share), "95 %")
	if share < 95 {
		t.Errorf("%.1f %% of the statements are covered", share)
	}
}

// readCoverage adds up the statements of some files of a profile.
func readCoverage(t *testing.T, profile string, files ...string) (statements, covered int) {
	t.Helper()
	text, err := os.ReadFile(profile)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		file, rest, _ := strings.Cut(line, ":")
		if !slices.Contains(files, path.Base(file)) {
			continue
		}
		var from, to string
		var n, times int
		if _, err := fmt.Sscanf(strings.Replace(rest, ",", " ", 1), "%s %s %d %d", &from, &to, &n, &times); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		statements += n
		if times > 0 {
			covered += n
		}
	}
	return statements, covered
}
