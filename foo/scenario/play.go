package scenario

// This file owns the play: who is who, and what each verb asks of a stage. It
// knows no kernel.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Stage is where a scenario is played. It belongs to one play.
type Stage interface {
	// Dial connects a client to whom the scenario is about.
	Dial() (Conn, error)
	// Accept gives the next connection at an address; an error where none comes.
	Accept(addr string) (Conn, error)
	// Accepted is how many have come there until now, and are about to where that are
	// fewer than wanted.
	Accepted(addr string, wanted int) int
	// Refuse has nobody listen there any more, Listen somebody again.
	Refuse(addr string)
	Listen(addr string) error
	// Settle lets what was begun come about, as far as the stage can tell.
	Settle()
	// Pass lets time pass.
	Pass(time.Duration)
	// Do is for lines that are the stage's own; ErrUnknown where this is none.
	Do(words []string, text string) error
}

// ErrUnknown is a line that means nothing.
var ErrUnknown = errors.New("nobody understands this")

// End is how a connection ended.
type End string

// The ends.
const (
	Open End = ""
	FIN  End = "FIN"
	RST  End = "RST"
)

// Conn is the far end of a connection: a client's, or a server's.
type Conn interface {
	// Send begins to send; it returns when all is sent or nothing more goes.
	Send(text string)
	SendUrgent()
	// Await gives the next n bytes. Fewer, where the connection ended, or where
	// nothing more comes.
	Await(n int) (got string, end End)
	// AwaitLines gives the next line and those that have come with it, at most so
	// many.
	AwaitLines(most int) (lines []string, end End)
	// Waiting gives what is there now and has not been awaited.
	Waiting() (got string, end End)
	// Hold has it read nothing, until it is called with false.
	Hold(bool)
	Finish()
	Close()
	Reset()
}

// play is one play of a scenario.
type play struct {
	*Scenario
	stage   Stage
	clients map[string]Conn
	at      map[string][]Conn // who has come, by the address
	names   []string          // of all, in the order in which they came
	conns   []Conn
}

func newPlay(s *Scenario, stage Stage) *play {
	return &play{Scenario: s, stage: stage, clients: map[string]Conn{}, at: map[string][]Conn{}}
}

// Play plays a scenario. The stage is set already.
func Play(t *testing.T, s *Scenario, stage Stage) {
	t.Helper()
	p := newPlay(s, stage)
	for _, l := range s.lines {
		if err := p.play(l); err != nil {
			t.Fatalf("%s.txt, line %d, %v: %v", s.Name, l.number, l, err)
		}
	}
	p.stage.Settle()
	for i, c := range p.conns {
		if got, _ := c.Waiting(); got != "" {
			t.Fatalf("%s.txt: at the end %s has %s that nobody heard", s.Name, p.names[i], brief(got))
		}
	}
}

func (p *play) play(l line) error {
	who, rest := l.words[0], strings.Join(l.words[1:], " ")
	switch {
	case who == "time" && strings.HasPrefix(rest, "passes "):
		d, err := time.ParseDuration(strings.TrimPrefix(rest, "passes "))
		if err == nil {
			p.stage.Pass(d)
		}
		return err
	case who[0] >= '0' && who[0] <= '9':
		return p.playClients(who, rest, l)
	case p.isAddr(who):
		return p.playAddr(who, rest)
	}
	if addr, from, to := p.isConn(who); to > 0 {
		for number := from; number <= to; number++ {
			c, err := p.accepted(addr, number)
			if err == nil {
				err = p.playConn(c, rest, l)
			}
			if err != nil {
				return fmt.Errorf("%s%d: %w", addr, number, err)
			}
		}
		return nil
	}
	return p.stage.Do(l.words, l.text)
}

// playClients has each of a range of clients do the same.
func (p *play) playClients(who, rest string, l line) error {
	from, to, err := readRange(who)
	if err != nil {
		return err
	}
	for n := from; n <= to; n++ {
		if err := p.playClient(strconv.Itoa(n), rest, l); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) playClient(who, rest string, l line) error {
	c, known := p.clients[who]
	switch {
	case rest == "connects" && known:
		return fmt.Errorf("%s is there already", who)
	case rest == "connects":
		c, err := p.stage.Dial()
		if err != nil {
			return err
		}
		p.clients[who] = c
		p.join(who, c)
		p.stage.Settle()
		return nil
	case rest == "is refused":
		if _, err := p.stage.Dial(); err == nil {
			return errors.New("it is accepted")
		}
		return nil
	case !known:
		return fmt.Errorf("%s is not there", who)
	}
	return p.playConn(c, rest, l)
}

func (p *play) join(name string, c Conn) {
	p.names, p.conns = append(p.names, name), append(p.conns, c)
}

func (p *play) isAddr(name string) bool {
	for _, addr := range p.Addrs() {
		if addr == name {
			return true
		}
	}
	return false
}

// isConn reads A2 as the second connection at A, A2-4 as that and two more; to is 0
// where it is no connection.
func (p *play) isConn(name string) (addr string, from, to int) {
	for _, addr := range p.Addrs() {
		if digits, found := strings.CutPrefix(name, addr); found {
			if from, to, err := readRange(digits); err == nil && from > 0 {
				return addr, from, to
			}
		}
	}
	return "", 0, 0
}

// readRange reads 2-4, and 2 as 2-2.
func readRange(text string) (from, to int, err error) {
	low, high, isRange := strings.Cut(text, "-")
	from, err = strconv.Atoi(low)
	to = from
	if err == nil && isRange {
		to, err = strconv.Atoi(high)
	}
	return from, to, err
}

func (p *play) accepted(addr string, number int) (Conn, error) {
	for len(p.at[addr]) < number {
		c, err := p.stage.Accept(addr)
		if err != nil {
			return nil, err
		}
		p.at[addr] = append(p.at[addr], c)
		p.join(fmt.Sprint(addr, len(p.at[addr])), c)
	}
	return p.at[addr][number-1], nil
}

func (p *play) playAddr(addr, rest string) error {
	switch rest {
	case "refuses":
		p.stage.Refuse(addr)
	case "listens":
		return p.stage.Listen(addr)
	case "is killed":
		p.stage.Refuse(addr)
		for _, c := range p.at[addr] {
			c.Reset()
		}
	default:
		var want int
		if n, err := fmt.Sscanf(rest, "has %d connection", &want); n != 1 || err != nil {
			return ErrUnknown
		}
		p.stage.Settle()
		if got := p.stage.Accepted(addr, want); got != want {
			return fmt.Errorf("it has %d", got)
		}
	}
	p.stage.Settle()
	return nil
}

// playConn is what clients and servers do alike.
func (p *play) playConn(c Conn, rest string, l line) error {
	if strings.HasPrefix(rest, "hears") {
		return p.hear(c, strings.TrimSpace(strings.TrimPrefix(rest, "hears")), l)
	}
	if count, ok := strings.CutPrefix(rest, "answers "); ok {
		count, _ = strings.CutSuffix(count, " with")
		n, err := strconv.Atoi(count)
		if err != nil {
			return err
		}
		return p.answer(c, n, l)
	}
	switch {
	case rest == "sends" && l.spoken:
		c.Send(l.text)
	case rest == "sends an urgent byte":
		c.SendUrgent()
	case rest == "stops reading":
		c.Hold(true)
	case rest == "reads again":
		c.Hold(false)
	case rest == "ends":
		c.Finish()
	case rest == "closes":
		c.Close()
	case rest == "resets":
		c.Reset()
	default:
		return ErrUnknown
	}
	p.stage.Settle()
	return nil
}

func (p *play) hear(c Conn, what string, l line) error {
	want, end := l.text, Open
	switch {
	case l.spoken && what == "":
	case !l.spoken && what == "nothing":
		p.stage.Settle()
		if got, ended := c.Waiting(); got != "" || ended != Open {
			return fmt.Errorf("it hears %s %s", brief(got), ended)
		}
		return nil
	case !l.spoken && (what == "FIN" || what == "RST"):
		end = End(what)
	default:
		return ErrUnknown
	}
	got, ended := c.Await(max(len(want), 1))
	if got != want || end != Open && ended != end || len(want) == 0 && ended == Open {
		return fmt.Errorf("it hears %s %s\n      but should hear %s %s", brief(got), ended, brief(want), end)
	}
	return nil
}

// answer has a server answer requests as the field's servers do.
func (p *play) answer(c Conn, count int, l line) error {
	for n := 0; n < count; {
		asked, end := c.AwaitLines(count - n)
		if len(asked) == 0 {
			return fmt.Errorf("only %d lines came, then %s", n, end)
		}
		replies := ""
		for _, line := range asked {
			rest, ok := strings.CutPrefix(line, "REQ ")
			if !ok {
				return fmt.Errorf("it was asked %s", brief(line))
			}
			if l.spoken {
				seq, _, _ := strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
				rest = seq + " " + l.text + "\n"
			}
			replies += "ACK " + rest
		}
		c.Send(replies)
		n += len(asked)
	}
	p.stage.Settle()
	return nil
}

// brief shows a text, only the ends of a long one.
func brief(s string) string {
	const most = 200
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q … %q (%d bytes)", s[:most/2], s[len(s)-most/2:], len(s))
}
