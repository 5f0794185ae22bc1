// This file owns the tests of the words that a server tells.
package prompt

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"fooproxy/foo"
)

// tells is a server that answers HELP with a text of its own, and counts how often it
// was asked.
func tells(asked *atomic.Int32, text func(number int) string) func(int, net.Conn) {
	return func(number int, nc net.Conn) {
		mine, other := net.Pipe()
		go echo(number, other)
		in, replies := bufio.NewReader(nc), bufio.NewReader(mine)
		defer nc.Close()
		defer mine.Close()
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if seq, ok := strings.CutSuffix(line, " HELP\n"); ok {
				asked.Add(1)
				fmt.Fprintf(nc, "%s\n", strings.Replace(text(number), "#", strings.TrimPrefix(seq, "REQ "), 1))
				continue
			}
			io.WriteString(mine, line)
			reply, err := replies.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(nc, reply)
		}
	}
}

// offered presses TAB behind the text while the prompt is shown.
func (s *stage) offered(text string) []string {
	_, candidates, _ := s.words.complete(text, len([]rune(text)))
	return candidates
}

func TestTheServersWordsAreOfferedAndAskedForOnce(t *testing.T) {
	var asked atomic.Int32
	s := play(t, time.Hour, tells(&asked, func(int) string { return "ACK # words: WHO WHY frob QUIT" }))
	s.talk(t, "server> ", "a")
	if prompt := <-s.typist.prompts; prompt != "server> " {
		t.Fatal(prompt)
	}
	for text, want := range map[string][]string{
		"w":       {"WHO", "WHY"},
		"WHO":     nil,
		"F":       {"frob"},
		"q":       {"quit", "QUIT"},
		"set w":   nil,
		"REQ 7 w": {"WHO", "WHY"},
		"REQ 7 ":  {"WHO", "WHY", "frob", "QUIT", "a"},
		"":        {"REQ ", "help", "quit", "exit", "WHO", "WHY", "frob", "QUIT", "a"},
	} {
		if got := s.offered(text); !slices.Equal(got, want) {
			t.Errorf("%q: %q is offered, not %q", text, got, want)
		}
	}
	s.typist.lines <- typed{text: "b"}
	s.talk(t, "server> ", "quit")
	s.wants(t, hello+"ACK 1 a  (#)\nACK 3 b  (#)\n") // nothing of the question is shown but its number
	if n := asked.Load(); n != 1 {
		t.Errorf("it was asked %d times", n)
	}
}

func TestWithoutHelpTheUsualWordsAreOffered(t *testing.T) {
	for name, x := range map[string]func(int) string{
		"an echo": func(int) string { return "ACK # HELP" },
		"a NAK":   func(int) string { return "NAK # words: x" },
		"nothing": func(int) string { return "ACK # words:" },
		"another": func(int) string { return "ACK # commands: x" },
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := play(t, time.Hour, tells(&asked, x))
			<-s.typist.prompts
			for range 2 {
				if got := s.offered("wh"); !slices.Equal(got, []string{"WHO", "WHERE", "WHY"}) {
					t.Errorf("%q is offered", got)
				}
			}
			s.typist.lines <- typed{text: "quit"}
			s.wants(t, hello)
			if s.naks != 0 || asked.Load() != 1 {
				t.Errorf("%d NAKs, asked %d times", s.naks, asked.Load())
			}
		})
	}
}

// TestAServerThatDoesNotTellCostsAMoment, and what it lets lie is no missing reply.
func TestAServerThatDoesNotTellCostsAMoment(t *testing.T) {
	s := play(t, time.Hour, func(_ int, nc net.Conn) {
		in := bufio.NewReader(nc)
		for {
			line, err := in.ReadString('\n')
			if err != nil || strings.Contains(line, "close") {
				nc.Close()
				return
			}
		}
	})
	<-s.typist.prompts
	for range 2 {
		if got := s.offered("who"); !slices.Equal(got, []string{"WHO"}) {
			t.Errorf("%q is offered", got)
		}
	}
	s.typist.lines <- typed{text: "close"}
	s.talk(t, "not connected> ", "quit")
	s.wants(t, hello+"-- connection lost: the server has closed it; no reply to 2; the next line connects anew\n")
}

func TestANewConnectionIsAskedAnew(t *testing.T) {
	var asked atomic.Int32
	s := play(t, time.Hour, tells(&asked, func(number int) string { return fmt.Sprintf("ACK # words: w%d", number) }))
	<-s.typist.prompts
	if got := s.offered("w"); !slices.Equal(got, []string{"w1"}) {
		t.Errorf("%q is offered", got)
	}
	s.typist.lines <- typed{text: "close"}
	<-s.typist.prompts
	if got := s.offered("who"); !slices.Equal(got, []string{"WHO"}) { // nobody is there
		t.Errorf("%q is offered", got)
	}
	s.typist.lines <- typed{text: "b"} // nobody there the second time
	s.talk(t, "not connected> ", "c")
	<-s.typist.prompts
	if got := s.offered("w"); !slices.Equal(got, []string{"w3"}) {
		t.Errorf("%q is offered", got)
	}
	s.typist.lines <- typed{text: "quit"}
	if err := <-s.result; err != nil {
		t.Error(err)
	}
}

func TestWhatNoWordLooksLikeIsNotOffered(t *testing.T) {
	for data, want := range map[string][]string{
		"words: a b":                  {"a", "b"},
		"words:a":                     {"a"},
		"words: \x1b[2J; rm a":        {"rm", "a"},
		"words: größe x/y get-all _1": {"get-all", "_1"},
		"words: " + strings.Repeat("x", 33) + " y": {"y"},
		"words: " + strings.Repeat("w ", 1000):     slices.Repeat([]string{"w"}, serverWordsMax),
		"words: ; ;":                               usualWords,
		"Words: a":                                 usualWords,
		"":                                         usualWords,
		"127.0.0.1:5 (1 here, 1 in all) words: surplus": usualWords,
	} {
		if got := readWords(foo.Message{Type: foo.ACK, Seq: 1, Data: []byte(data)}); !slices.Equal(got, want) {
			t.Errorf("%.60q: %q, not %q", data, got, want)
		}
	}
}
