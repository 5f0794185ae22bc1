package scenario

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestTexts(t *testing.T) {
	for source, want := range map[string]string{
		`"a"`:                     "a",
		`"a\n" "b"`:               "a\nb",
		`3*"ab" "c"`:              "abababc",
		`1..3*"# "`:               "1 2 3 ",
		`9..10*("REQ # " 2*"x" )`: "REQ 9 xxREQ 10 xx",
		`2*(1..2*"#" "-")`:        "12-12-",
		`"a # b" # and a comment`: "a # b",
		`"3*\"x\""`:               `3*"x"`,
		`0*"a"`:                   "",
		`"\x00\xff"   "z"  `:      "\x00\xffz",
	} {
		if got, err := readText(source); got != want || err != nil {
			t.Errorf("%s is %q, %v", source, got, err)
		}
	}
	for _, source := range []string{`"a`, `("a"`, `"a")`, `x"a"`, `x*"a"`, `1..x*"a"`, `9999999*"abc"`, `"a" b`, `3*`} {
		if got, err := readText(source); err == nil {
			t.Errorf("%s is read as %q", source, got)
		}
	}
}

func TestFilesThatMeanNothing(t *testing.T) {
	for name, file := range map[string]string{
		"no stage":       "server A\n1 connects\n",
		"nothing":        "on simulated\nserver A\n",
		"a bad server":   "on simulated\nserver A B\n1 connects\n",
		"a name alone":   "on simulated\nname A\n1 connects\n",
		"a bad text":     "on simulated\n1 sends \"a\n",
		"a comment only": "# on simulated\n",
	} {
		if _, err := parse("x", file); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

// script is a stage that notes what is asked of it. Connections hear what the other
// end said.
type script struct {
	asked []string
	came  []Conn
}

func (s *script) note(what string, args ...any) {
	s.asked = append(s.asked, fmt.Sprintf(what, args...))
}

func (s *script) Dial() (Conn, error) {
	client, server := &end{script: s}, &end{script: s}
	client.other, server.other = server, client
	s.came = append(s.came, server)
	return client, nil
}

func (s *script) Accept(string) (Conn, error) {
	if len(s.came) == 0 {
		return nil, fmt.Errorf("nobody comes")
	}
	c := s.came[0]
	s.came = s.came[1:]
	return c, nil
}
func (s *script) Accepted(string, int) int { return len(s.came) }
func (s *script) Refuse(addr string)       { s.note("%s refuses", addr) }
func (s *script) Listen(addr string) error { s.note("%s listens", addr); return nil }
func (s *script) Settle()                  {}
func (s *script) Pass(d time.Duration)     { s.note("%v", d) }
func (s *script) Do(words []string, text string) error {
	if words[0] != "the" {
		return ErrUnknown
	}
	s.note("%s %q", strings.Join(words, " "), text)
	return nil
}

type end struct {
	*script
	other *end
	in    string
	ended End
}

func (e *end) Send(text string) { e.other.in += text }
func (e *end) SendUrgent()      { e.note("urgent") }
func (e *end) Await(n int) (string, End) {
	n = min(n, len(e.in))
	got := e.in[:n]
	e.in = e.in[n:]
	if got == "" {
		return "", e.ended
	}
	return got, Open
}
func (e *end) AwaitLines(most int) (lines []string, _ End) {
	for line, rest, ok := strings.Cut(e.in, "\n"); ok && len(lines) < most; line, rest, ok = strings.Cut(e.in, "\n") {
		lines, e.in = append(lines, line+"\n"), rest
	}
	return lines, e.ended
}
func (e *end) Waiting() (string, End) { return e.in, e.ended }
func (e *end) Hold(on bool)           { e.note("hold %v", on) }
func (e *end) Finish()                { e.other.ended = FIN }
func (e *end) Close()                 { e.other.ended = FIN }
func (e *end) Reset()                 { e.other.ended = RST }

const head = "on script\nserver A\n"

func TestWhatIsAskedOfAStage(t *testing.T) {
	s, err := parse("x", head+`
1-2 connects      # both
A has 2 connections
1 sends 1..2*"REQ # x\n"
A1 answers 1
1 hears "ACK 1 x\n"
A1 answers 1 with "y"
1 hears "ACK 2 y\n"
A2 hears nothing
2 stops reading
2 reads again
2 sends an urgent byte
2 ends
A2 hears FIN
time passes 20ms
the loop stands still
the log has "something"
A is killed
1 hears RST
A listens
`)
	if err != nil {
		t.Fatal(err)
	}
	stage := &script{}
	Play(t, s, stage)
	want := []string{"hold true", "hold false", "urgent", "20ms", `the loop stands still ""`, `the log has "something"`, "A refuses", "A listens"}
	if fmt.Sprint(stage.asked) != fmt.Sprint(want) {
		t.Errorf("asked: %q", stage.asked)
	}
}

// TestWhatDoesNotHold has each of these scenarios end with its last line.
func TestWhatDoesNotHold(t *testing.T) {
	for _, story := range []string{
		`1 hears nothing`,
		"1 connects\n1 connects",
		"1 connects\n1 jumps",
		"1 connects\n1 hears \"a\"",
		"1 connects\n1 hears FIN",
		"1 connects\nA1 sends \"ab\"\n1 hears \"b\"",
		"1 connects\nA1 sends \"a\"\n1 hears nothing",
		"1 connects\nA1 sends \"a\"\n1 hears FIN",
		"1 connects\nA1 resets\n1 hears FIN",
		"1 connects\nA1 ends\n1 hears nothing",
		"1 connects\nA2 hears nothing",
		"1 connects\nA1 answers 1",
		"1 connects\n1 sends \"REQ 1\\n\"\nA1 answers 2",
		"1 connects\n1 sends \"ACK 1\\n\"\nA1 answers 1",
		"1 connects\n1 is refused",
		"A has 1 connection",
		"time passes soon",
		"anything else",
	} {
		s, err := parse("x", head+story)
		if err != nil {
			t.Fatal(err)
		}
		p := newPlay(s, &script{})
		for i, l := range s.lines {
			err := p.play(l)
			if last := i == len(s.lines)-1; last != (err != nil) {
				t.Errorf("%q: line %d: %v", story, i+1, err)
			}
		}
	}
}
