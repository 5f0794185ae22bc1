// This file owns the tests of the conversation.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"fooproxy/foo"
)

func TestLinesOfStdinBecomeRequestsAndRepliesArePrinted(t *testing.T) {
	for _, c := range []struct{ name, stdin, want string }{
		{"nothing", "", ""},
		{"one line", "hey\n", "ACK 1 hey\n"},
		{"several lines", "a\nb b\n\tc \n", "ACK 1 a\nACK 2 b b\nACK 3 \tc \n"},
		{"last line without LF", "a\nb", "ACK 1 a\nACK 2 b\n"},
		{"empty lines", "\n\n", "ACK 1\nACK 2\n"},
		{"CR LF goes on", "a\r\n", "ACK 1 a\r\n"},
		{"a REQ as it is", "REQ\t5  x \n", "ACK\t5  x \n"},
		{"numbers go on above it", "a\nREQ 7 x\nb\nREQ 2 y\nc\n", "ACK 1 a\nACK 7 x\nACK 8 b\nACK 2 y\nACK 9 c\n"},
		{"the same Seq twice", "REQ 3 x\nREQ 3 y\n", "ACK 3 x\nACK 3 y\n"},
		{"what only looks like a REQ", "REQ 0 x\nreq 1\nACK 1 x\n", "ACK 1 ACK 0 x\nACK 2 req 1\nACK 3 ACK 1 x\n"},
		{"bytes are left alone", "a\x00\xff\x1b\n", "ACK 1 a\x00\xff\x1b\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := startServer(t, func(_ int, line string) (string, bool) {
				return strings.ReplaceAll(line, "REQ", "ACK") + "\n", true
			})
			got := runCommand(t.Context(), strings.NewReader(c.stdin), "-p", port)
			if got.code != 0 || got.out != c.want || got.err != "" {
				t.Errorf("%v; want %q", got, c.want)
			}
		})
	}
}

func TestManyLinesArePipelined(t *testing.T) {
	const lines = outstandingMax + 5_000
	// Nothing is answered before half of the room is taken, so that a command
	// that waits for each reply would hang; and the rest is more than the room.
	var held strings.Builder
	port := startServer(t, func(number int, line string) (string, bool) {
		if number <= outstandingMax/2 {
			held.WriteString(ackLine(line))
			if number < outstandingMax/2 {
				return "", true
			}
			return held.String(), true
		}
		return ackLine(line), true
	})
	var stdin, want strings.Builder
	for i := 1; i <= lines; i++ {
		fmt.Fprintf(&stdin, "line %d\n", i)
		fmt.Fprintf(&want, "ACK %d line %d\n", i, i)
	}
	got := runCommand(t.Context(), strings.NewReader(stdin.String()), "-p", port)
	if got.code != 0 || got.out != want.String() {
		t.Errorf("exit code %d, %d bytes, want %d; stderr %q", got.code, len(got.out), want.Len(), got.err)
	}
}

func TestEveryReplyLineIsPrintedAndOnlyRightOnesCount(t *testing.T) {
	const lines = "NAK 0 why\nnonsense\nREQ 1 x\n\nNAK 1 no\n"
	port := startServer(t, func(int, string) (string, bool) { return lines, true })
	got := runCommand(t.Context(), strings.NewReader("a\n"), "-p", port)
	if got.code != 0 || got.out != lines || got.err != "" {
		t.Error(got)
	}
}

func TestRepliesThatNobodyAskedForGiveCode1(t *testing.T) {
	for name, lines := range map[string]string{
		"another Seq": "ACK 9 stray\nACK 1 a\nACK 2 b\n",
		"a NAK":       "NAK 9 stray\nACK 1 a\nACK 2 b\n",
		"twice":       "ACK 1 a\nACK 1 a\nACK 2 b\n",
	} {
		port := startServer(t, func(number int, _ string) (string, bool) {
			if number == 1 {
				return "", true
			}
			return lines, true
		})
		got := runCommand(t.Context(), strings.NewReader("a\nb\n"), "-p", port)
		if got.code != 1 || got.out != lines || got.err != "foo_client: wrong replies: 1\n" {
			t.Errorf("%s: %v", name, got)
		}
	}
	port := startServer(t, func(number int, line string) (string, bool) {
		return map[int]string{1: "", 2: "ACK 2 b\nACK 1 a\n"}[number], true
	})
	if got := runCommand(t.Context(), strings.NewReader("a\nb\n"), "-p", port); got.code != 0 {
		t.Errorf("in another order: %v", got)
	}
}

func TestFailOnNakChangesTheExitCodeAlone(t *testing.T) {
	for _, c := range []struct {
		name, second string // what the second of three requests gets
		code         int    // with -e; it is 0 without
	}{
		{"no NAK", "ACK 2 b\n", 0},
		{"a NAK", "NAK 2 no\n", 1},
		{"NAK 0 beside the reply", "NAK 0 what?\nACK 2 b\n", 1},
		{"what only looks like a NAK", "NAK x\nACK 2 NAK 2\n", 0},
	} {
		port := startServer(t, func(number int, line string) (string, bool) {
			if number == 2 {
				return c.second, true
			}
			return ackLine(line), true
		})
		want := "ACK 1 a\n" + c.second + "ACK 3 c\n"
		for args, code := range map[string]int{"": 0, "-e": c.code} {
			got := runCommand(t.Context(), strings.NewReader("a\nb\nc\n"), append(strings.Fields(args), "-p", port)...)
			if got.code != code || got.out != want || got.err != "" {
				t.Errorf("%s, flags %q: %v; want code %d, stdout %q", c.name, args, got, code, want)
			}
		}
	}
}

// deadPort is a port where nobody listens, and nobody will: it is the client's
// end of a connection that lasts as long as the test. A port that was only
// closed may be another's by now.
func deadPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return strconv.Itoa(conn.LocalAddr().(*net.TCPAddr).Port)
}

func TestRepliesThatNeverComeGiveCode1(t *testing.T) {
	for _, c := range []struct {
		name, port, stdin, out, want string
	}{
		{"silent until the end", startServer(t, silent), "a\nb\n", "", "the server has closed the connection; replies missing: 2"},
		{"closed after a reply", startServer(t, func(number int, line string) (string, bool) {
			return ackLine(line), false
		}), "a\nb\n", "ACK 1 a\n", "replies missing: 1"},
		{"the same reply twice", startServer(t, func(number int, line string) (string, bool) {
			return "ACK 1\n", true
		}), "a\nb\n", "ACK 1\nACK 1\n", "replies missing: 1"},
		{"a fragment", startServer(t, func(number int, line string) (string, bool) {
			return "ACK 1 \x1b", true
		}), "a\n", "ACK 1 \x1b", "in mid-line"},
		{"too long a reply", startServer(t, func(number int, line string) (string, bool) {
			return strings.Repeat("x", foo.LineBytesMax) + "\n", true
		}), "a\n", "", "line too long; replies missing: 1"},
		{"nobody there", deadPort(t), "a\n", "", "connection refused"},
	} {
		got := runCommand(t.Context(), strings.NewReader(c.stdin), "-p", c.port)
		if got.code != 1 || got.out != c.out || strings.Count(got.err, "\n") != 1 || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: %v; want code 1, stdout %q, stderr with %q", c.name, got, c.out, c.want)
		}
		if strings.Contains(got.err, "client: client:") {
			t.Errorf("%s: two names: %q", c.name, got.err)
		}
		if strings.Contains(got.err, "\x1b") {
			t.Errorf("%s: the peer's bytes are not escaped: %q", c.name, got.err)
		}
	}
}

func TestServerThatHoldsTheConnectionIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	port := startRawServer(t, func(*net.TCPConn) { <-release })
	defer close(release)
	got := runCommand(t.Context(), strings.NewReader("a\n"), "-p", port, "-wait", "100ms")
	if got.code != 1 || !strings.Contains(got.err, "no reply for 100ms; replies missing: 1") {
		t.Error(got)
	}
}

// A server may answer everything and not close: the client must not wait.
func TestItEndsWithTheLastReplyEvenIfTheServerDoesNotClose(t *testing.T) {
	release := make(chan struct{})
	port := startRawServer(t, func(nc *net.TCPConn) {
		if _, err := io.ReadFull(nc, make([]byte, len("REQ 1 a\n"))); err == nil {
			_, _ = io.WriteString(nc, "ACK 1 a\n")
		}
		<-release
	})
	defer close(release)
	got := runCommand(t.Context(), strings.NewReader("a\n"), "-p", port, "-wait", "1h")
	if got.code != 0 || got.out != "ACK 1 a\n" {
		t.Error(got)
	}
}

func TestServerThatClosesWhileStdinIsOpenGivesCode1(t *testing.T) {
	stdin, feed := io.Pipe()
	defer feed.Close()
	go io.WriteString(feed, "a\n")
	port := startServer(t, func(_ int, line string) (string, bool) { return ackLine(line), false })
	got := runCommand(t.Context(), stdin, "-p", port)
	if got.code != 1 || got.out != "ACK 1 a\n" || got.err != "foo_client: the server has closed the connection\n" {
		t.Error(got)
	}
}

func TestBadStdinIsReportedAfterTheReplies(t *testing.T) {
	long := strings.Repeat("x", foo.LineBytesMax-len("REQ 2 \n"))
	for _, c := range []struct {
		name  string
		stdin io.Reader
		want  string
	}{
		{"line longer than any", strings.NewReader("a\n" + long + long + "\n"), "stdin: line 2: line too long"},
		{"line too long with its Seq", strings.NewReader("a\n" + long + "x\n"), "stdin: line 2: line too long"},
		{"no Seq left", strings.NewReader("a\nREQ 9223372036854775807\nb\n"), "stdin: line 3: no Seq is left"},
		{"read error", io.MultiReader(strings.NewReader("a\n"), failingReader{}), "stdin: the disk is on fire"},
	} {
		port := startServer(t, ackAll)
		got := runCommand(t.Context(), c.stdin, "-p", port)
		if got.code != 1 || !strings.HasPrefix(got.out, "ACK 1 a\n") || !strings.Contains(got.err, c.want) {
			t.Errorf("%s: exit code %d, %d bytes, %q", c.name, got.code, len(got.out), got.err)
		}
	}
	port := startServer(t, ackAll)
	if got := runCommand(t.Context(), strings.NewReader("a\n"+long+"\n"), "-p", port); got.code != 0 {
		t.Errorf("the longest line: exit code %d, %q", got.code, got.err)
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, errors.New("the disk is on fire") }

func TestASignalEndsTheConversation(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer answerFunc
		code   int
		want   string
	}{
		{"nothing missing", ackAll, 0, ""},
		{"a reply missing", func(number int, line string) (string, bool) {
			if number == 2 {
				return ackLine("REQ 1 again"), true
			}
			return ackLine(line), true
		}, 1, "foo_client: a signal; replies missing: 1; wrong replies: 1\n"},
	} {
		stdin, feed := io.Pipe()
		ctx, cancel := context.WithCancelCause(t.Context())
		out := &watchedWriter{want: 2, reached: func() { cancel(errors.New("a signal")) }}
		go io.WriteString(feed, "a\nb\n")
		var errs strings.Builder
		port := startServer(t, c.answer)
		code := run(ctx, []string{"-p", port}, streams{stdin, out, &errs})
		if code != c.code || errs.String() != c.want {
			t.Errorf("%s: exit code %d, %q; want %d, %q", c.name, code, errs.String(), c.code, c.want)
		}
		feed.Close()
	}
}

// watchedWriter calls reached in the write that ends line number want. What
// comes of that line in the command comes after it.
type watchedWriter struct {
	lines, want int
	reached     func()
}

func (w *watchedWriter) Write(p []byte) (int, error) {
	if w.lines += strings.Count(string(p), "\n"); w.lines == w.want {
		w.reached()
	}
	return len(p), nil
}

func TestStdoutThatCannotBeWrittenGivesCode1(t *testing.T) {
	var errs strings.Builder
	port := startServer(t, ackAll)
	code := run(t.Context(), []string{"-p", port}, streams{strings.NewReader("a\n"), brokenWriter{}, &errs})
	if code != 1 || !strings.Contains(errs.String(), "stdout: nobody reads") {
		t.Errorf("talk: exit code %d, %q", code, errs.String())
	}
	errs.Reset()
	code = run(t.Context(), []string{"-p", port, "-n", "1"}, streams{nil, brokenWriter{}, &errs})
	if code != 1 || !strings.Contains(errs.String(), "stdout: nobody reads") {
		t.Errorf("load: exit code %d, %q", code, errs.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("nobody reads") }
