// source_test.go: the Data of requests, made and read.

package load

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"fooproxy/foo"
)

func TestPayloadsDiffer(t *testing.T) {
	seen := make(map[string]bool)
	made := newPayload(payloadDigits)
	for connection := range 50 {
		for seq := uint64(1); seq <= 200; seq++ {
			p := string(made.data(connection, seq))
			if len(p) != payloadDigits || seen[p] {
				t.Fatalf("connection %d, Seq %d: %q is too short or not the first", connection, seq, p)
			}
			seen[p] = true
		}
	}
	for _, size := range []int{0, 1, 15, 16, 17, DataBytesMax} {
		if got := len(newPayload(size).data(3, 9)); got != size {
			t.Errorf("%d bytes, want %d", got, size)
		}
	}
}

func TestTheLongestPayloadFitsIntoALine(t *testing.T) {
	line := foo.AppendMessage(nil, foo.REQ, foo.SeqMax, newPayload(DataBytesMax).data(0, foo.SeqMax))
	if len(line) != foo.LineBytesMax {
		t.Errorf("a line of %d bytes", len(line))
	}
}

func TestAMixIsItsLines(t *testing.T) {
	long := strings.Repeat("x", DataBytesMax)
	for _, c := range []struct {
		text string
		want []string
	}{
		{"a\nb\n", []string{"a", "b"}},
		{"a\nb", []string{"a", "b"}},
		{"SET k v\r\n\nGET k\n", []string{"SET k v", "", "GET k"}},
		{"\n", []string{""}},
		{" \t a b \n", []string{"a b "}},
		{"# no comment\n", []string{"# no comment"}},
		{"a\r\r\n", []string{"a"}},
		{long + "\n", []string{long}},
	} {
		m, err := ReadMix(strings.NewReader(c.text))
		if err != nil {
			t.Errorf("%.40q: %v", c.text, err)
			continue
		}
		var got []string
		for _, line := range m.lines {
			got = append(got, string(line))
			// What is sent is what a reader sees.
			sent := foo.AppendMessage(nil, foo.REQ, 1, line)
			if read, err := foo.Parse(sent[:len(sent)-1]); err != nil || string(read.Data) != string(line) {
				t.Errorf("%.40q: %.40q is read as %.40q (%v)", c.text, line, read.Data, err)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%.40q: %.40q", c.text, got)
		}
	}
}

func TestAMixThatCannotBeSent(t *testing.T) {
	broken := errors.New("broken")
	for _, c := range []struct {
		in   io.Reader
		want string
	}{
		{strings.NewReader(""), "it has no line"},
		{strings.NewReader("a\n" + strings.Repeat("x", DataBytesMax+1)), "line 2: line too long"},
		{strings.NewReader(strings.Repeat("\n", mixLinesMax+1)), "it has more than 1048576 lines"},
		{iotest.ErrReader(broken), "broken"},
		{zeroes{}, "it is longer than 64 MiB"},
	} {
		if _, err := ReadMix(c.in); err == nil || err.Error() != c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

// zeroes has no end.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestAMixIsTakenInTurnOverAllConnections(t *testing.T) {
	m, err := ReadMix(strings.NewReader("0\n1\n2\n3\n4\n"))
	if err != nil {
		t.Fatal(err)
	}
	source := mixed{m, 3}
	next := 0
	for seq := uint64(1); seq <= 10; seq++ {
		for connection := range 3 {
			if got := string(source.data(connection, seq)); got != fmt.Sprint(next%5) {
				t.Fatalf("request %d: %q", next, got)
			}
			next++
		}
	}
}
