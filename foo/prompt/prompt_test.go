// This file owns the tests of the course of a conversation, with an editor that
// types what the test gives it. What a person sees on a real terminal is tested
// with the command foo_client.
package prompt

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/peterh/liner"

	"fooproxy/foo/client"
)

// typist is an editor whose lines come from the test.
type typist struct {
	lines   chan typed
	prompts chan string // each prompt that is shown
}

func (e *typist) Prompt(text string) (string, error) {
	e.prompts <- text
	line := <-e.lines
	return line.text, line.err
}

func (e *typist) AppendHistory(string) {}
func (e *typist) Close() error         { return nil }

// paper is a terminal that only gets longer.
type paper struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (p *paper) Write(text []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.Write(text)
}

var latency = regexp.MustCompile(`\d+\.\d\d (ms|s)`)

func (p *paper) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return latency.ReplaceAllString(p.text.String(), "#")
}

type stage struct {
	*prompt
	typist *typist
	paper  *paper
	end    context.CancelCauseFunc
	result chan error
}

// play starts a conversation with a server that handle plays.
func play(t *testing.T, wait time.Duration, handle func(number int, nc net.Conn)) *stage {
	t.Helper()
	ctx, end := context.WithCancelCause(t.Context())
	s := &stage{
		typist: &typist{make(chan typed), make(chan string)}, paper: &paper{},
		end: end, result: make(chan error, 1),
	}
	number := 0
	dial := func(context.Context) (*client.Conn, string, error) {
		mine, other := net.Pipe()
		number++
		if number%2 == 0 {
			return nil, "", errors.New("client: nobody there")
		}
		go handle(number, other)
		return client.New(mine), "server", nil
	}
	s.prompt = &prompt{
		options: Options{Dial: dial, Wait: wait}, typed: make(chan typed, 1),
		editor: s.typist, columns: func() int { return 80 }, history: &history{},
	}
	s.words.server = make(asker)
	s.screen.out = s.paper
	go func() { s.result <- s.run(ctx) }()
	return s
}

// talk waits for each prompt in turn and types the line behind it.
func (s *stage) talk(t *testing.T, script ...string) {
	t.Helper()
	for i := 0; i < len(script); i += 2 {
		if got := <-s.typist.prompts; got != script[i] {
			t.Fatalf("prompt %d is %q, want %q; the paper:\n%s", i/2, got, script[i], s.paper)
		}
		line := typed{text: script[i+1]}
		switch line.text {
		case "^C":
			line = typed{err: liner.ErrPromptAborted}
		case "^D":
			line = typed{err: io.EOF}
		}
		s.typist.lines <- line
	}
}

func (s *stage) wants(t *testing.T, paper string) {
	t.Helper()
	if err := <-s.result; err != nil {
		t.Error(err)
	}
	if got := s.paper.String(); got != paper {
		t.Errorf("the paper:\n%q\nwant:\n%q", got, paper)
	}
}

// echo answers every line; a line with a word of instruction otherwise.
func echo(_ int, nc net.Conn) {
	defer nc.Close()
	in := bufio.NewReader(nc)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		reply := strings.Replace(line, "REQ", "ACK", 1)
		switch {
		case strings.Contains(line, "close"):
			return
		case strings.Contains(line, "fragment"):
			_, _ = io.WriteString(nc, "ACK 1 fr") // The test sees whether it came.
			return
		case strings.Contains(line, "odd"):
			reply = "NAK 0 odd\n"
		case strings.Contains(line, "nak"):
			reply = strings.Replace(line, "REQ", "NAK", 1)
		}
		if _, err := io.WriteString(nc, reply); err != nil {
			return
		}
	}
}

const hello = "-- connected to server; help tells what you can type\n"

func TestConversation(t *testing.T) {
	const me, alone = "server> ", "not connected> "
	const again = "-- connected to server anew; numbers start at 1\n"
	for _, c := range []struct {
		name   string
		script []string
		paper  string
		naks   int
	}{
		{"quit at once", []string{me, "quit"}, "", 0},
		{"replies", []string{me, "a", me, "", me, "REQ 5 nak", me, "b", me, "^D"},
			"ACK 1 a  (#)\nNAK 5 nak  (#)\nACK 6 b  (#)\n\n", 1},
		{"help", []string{me, "help", me, `\help`, me, "exit"}, helpText + "\nACK 1 help  (#)\n", 0},
		{"^C twice", []string{me, "^C", me, "^C"}, "-- ^C again, ^D or quit ends\n", 0},
		{"^C apart", []string{me, "^C", me, "a", me, "^C", me, "quit"}, "-- ^C again, ^D or quit ends\nACK 1 a  (#)\n", 0},
		{"NAK 0 gives the prompt back", []string{me, "odd", me, "a", me, "quit"},
			"NAK 0 odd  (unexpected: it names no request)\nACK 2 a  (#)\n", 1},
		{"too long", []string{me, strings.Repeat("x", 1<<16), me, "a", me, "quit"},
			"-- not sent: line too long\nACK 1 a  (#)\n", 0},
		{"a loss, and nobody there at first", []string{me, "a", me, "close", alone, "b", alone, "c", me, "quit"},
			"ACK 1 a  (#)\n-- connection lost: the server has closed it; no reply to 2; the next line connects anew\n" +
				"-- not connected: nobody there; the next line tries again\n" + again + "ACK 1 c  (#)\n", 0},
		{"a fragment", []string{me, "fragment", alone, "quit"},
			"ACK 1 fr  (unexpected: the line has no end)\n" +
				`-- connection lost: the stream ended in mid-line at "ACK 1 fr": unexpected EOF; no reply to 1; the next line connects anew` + "\n", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := play(t, time.Hour, echo)
			s.talk(t, c.script...)
			s.wants(t, hello+c.paper)
			if s.naks != c.naks {
				t.Errorf("%d NAKs, want %d", s.naks, c.naks)
			}
		})
	}
}

func TestServerThatDoesNotReadIsGivenUp(t *testing.T) {
	s := play(t, 50*time.Millisecond, func(int, net.Conn) {})
	s.talk(t, "server> ", "a", "not connected> ", "quit")
	s.wants(t, hello+"-- connection lost: the server has not read for 50ms; no reply to 1; the next line connects anew\n")
}

func TestOutstandingRequestsAreBounded(t *testing.T) {
	s := play(t, time.Hour, echo)
	for range outstandingMax {
		s.talk(t, "server> ", "odd") // It gives the prompt back without a reply.
	}
	s.talk(t, "server> ", "one more", "server> ", "quit")
	s.wants(t, hello+strings.Repeat("NAK 0 odd  (unexpected: it names no request)\n", outstandingMax)+
		fmt.Sprintf("-- not sent: %d requests have no reply yet\n", outstandingMax))
}

func TestAnEndFromOutside(t *testing.T) {
	ended := errors.New("a signal")
	s := play(t, time.Hour, echo)
	<-s.typist.prompts
	s.end(ended)
	s.wants(t, hello+"\n")

	received := make(chan struct{})
	s = play(t, time.Hour, func(_ int, nc net.Conn) {
		_, _ = io.ReadFull(nc, make([]byte, len("REQ 1 a\n"))) // Read or not, the end comes.
		close(received)
	})
	s.talk(t, "server> ", "a")
	<-received
	s.end(ended)
	if err := <-s.result; !errors.Is(err, ended) || !strings.Contains(err.Error(), "replies missing: 1") {
		t.Errorf("error %v", err)
	}
}

func TestTerminalThatIsGone(t *testing.T) {
	s := play(t, time.Hour, echo)
	<-s.typist.prompts
	s.typist.lines <- typed{err: io.ErrClosedPipe}
	if err := <-s.result; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v", err)
	}
}

func TestScreenTakesThePlaceOfTheTypedLine(t *testing.T) {
	for _, c := range []struct {
		name          string
		asking, draws bool
		want          string
		drawn         int
	}{
		{"nothing is typed", false, true, "a\\x1b  (b)\n-- c\\n\n", 0},
		{"the editor draws", true, true, "\r\x1b[Ka\\x1b  (b)\n\r\x1b[K-- c\\n\n", 2},
		{"it cannot", true, false, "\na\\x1b  (b)\n> \n-- c\\n\n> ", 0},
	} {
		var out strings.Builder
		drawn := 0
		s := screen{out: &out, prompt: "> ", asking: c.asking, draws: c.draws, redraw: func() { drawn++ }}
		s.show([]byte("a\x1b"), "b")
		s.say("%s", "c\n")
		if out.String() != c.want || drawn != c.drawn {
			t.Errorf("%s: %q, drawn %d times; want %q, %d", c.name, out.String(), drawn, c.want, c.drawn)
		}
	}
}
