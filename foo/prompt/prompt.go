// Package prompt is a conversation with a Foo server at a terminal: a line is
// edited, sent as a request, and its reply shown with the time it took. It is a
// package of its own because cmd holds no logic, and stands on the blocking
// client: a person is no load.
//
// This file owns the course of the conversation: who is waited for, and what
// is done when something comes. It must not know how a line is edited, drawn
// or kept.
//
//	editor ── a typed line ──►            ── request ──► server
//	 (asked for one at a time)  this file                  │
//	screen ◄── what is shown ──           ◄── lines ───────┘
//
// All state belongs to the goroutine that called Run. One more waits in the
// editor while a line is being typed, and one in the connection's read.
package prompt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/peterh/liner"

	"fooproxy/foo/client"
)

// Options say whom to speak with, and how.
type Options struct {
	// Dial opens a connection, the first and each one after a loss, and tells the
	// server's name for prompt and messages. After a loss it may be another server.
	// It must bound itself.
	Dial func(context.Context) (conn *client.Conn, name string, err error)
	// Wait is how long a reply is waited for before the prompt comes back.
	Wait time.Duration
	// History is the file that keeps the typed lines; without it none does.
	History string
}

// Run holds the conversation on stdin and stdout, which must be a terminal,
// until the user or ctx ends it, and returns how many NAKs came. The error
// says that the terminal failed, or that ctx ended while a reply was missing.
// One Run at a time: a process has one terminal.
func Run(ctx context.Context, o Options) (naks int, err error) {
	p := &prompt{options: o, typed: make(chan typed, 1)}
	history, lines, historyErr := openHistory(o.History)
	p.history, p.words.server = history, make(asker)
	defer history.close()
	p.editor, p.screen.redraw = newEditor(&p.words)
	defer func() {
		if closeErr := p.editor.Close(); err == nil {
			err = closeErr
		}
	}()
	p.screen.out, p.columns = os.Stdout, terminalColumns
	for _, line := range lines {
		p.remember(line)
	}
	if historyErr != nil {
		p.screen.say("%v; what you type is not kept", historyErr)
	}
	err = p.run(ctx)
	return p.naks, err
}

// typed is what the editor returned.
type typed struct {
	text string
	err  error
}

type prompt struct {
	options Options
	editor  editor
	screen  screen
	columns func() int // of the terminal, now
	history *history
	words   words
	typed   chan typed // from the goroutine in the editor

	connection *connection // nil while there is none
	server     string      // the name of the one that was connected last
	released   bool        // the prompt is given back although a reply is missing
	naks       int
	abortedAt  time.Time // when ^C was pressed last
	hinted     bool      // the user has been told how to end
}

// errQuit ends the conversation in order.
var errQuit = errors.New("quit")

func (p *prompt) run(ctx context.Context) error {
	defer func() {
		if p.connection != nil {
			p.connection.close()
		}
	}()
	if p.connect(ctx) {
		p.screen.say("connected to %s; help tells what you can type", p.server)
	}
	for {
		line, err := p.ask(ctx)
		if err == nil {
			err = p.obey(ctx, line)
		}
		if err == nil {
			err = p.screen.err
		}
		switch {
		case err == errQuit:
			return nil
		case ctx.Err() != nil:
			return p.interrupted(ctx)
		case err != nil:
			return err
		}
	}
}

// interrupted is the verdict when ctx has ended: nil where nothing is lost.
func (p *prompt) interrupted(ctx context.Context) error {
	// What stands on the screen has no end of line yet.
	p.screen.asking = false
	p.screen.print("")
	if p.connection == nil || len(p.connection.missing()) == 0 {
		return nil
	}
	return fmt.Errorf("%w; replies missing: %d", context.Cause(ctx), len(p.connection.missing()))
}

// ask has a line typed, and shows what comes meanwhile.
func (p *prompt) ask(ctx context.Context) (typed, error) {
	name := "not connected"
	if p.connection != nil {
		name = p.server
	}
	columns := p.columns()
	p.screen.prompt = promptText(name, columns)
	p.screen.draws = p.screen.redraw != nil && fits(p.screen.prompt, columns)
	p.screen.asking = true
	go func(text string) {
		line, err := p.editor.Prompt(text)
		p.typed <- typed{line, err}
	}(p.screen.prompt)
	for {
		select {
		case line := <-p.typed:
			p.screen.asking = false
			return line, nil
		case a := <-p.arrivals():
			p.take(a)
		case answer := <-p.words.server:
			p.tellWords(ctx, answer)
		case <-ctx.Done():
			return typed{}, ctx.Err()
		}
		if p.screen.err != nil {
			return typed{}, p.screen.err
		}
	}
}

// takeAll shows what has come by now. The end of the connection may be among it.
func (p *prompt) takeAll() {
	arrivals := p.connection.arrivals
	for range len(arrivals) {
		p.take(<-arrivals)
	}
}

// arrivals is where lines come from; nothing ever comes without a connection.
func (p *prompt) arrivals() <-chan arrival {
	if p.connection == nil {
		return nil
	}
	return p.connection.arrivals
}

// obey does what was typed.
func (p *prompt) obey(ctx context.Context, line typed) error {
	switch {
	case line.err == nil:
	case line.err == io.EOF:
		p.screen.print("") // ^D has no end of line.
		return errQuit
	case line.err == liner.ErrPromptAborted:
		return p.abort()
	default:
		return fmt.Errorf("the terminal: %w", line.err)
	}
	p.abortedAt = time.Time{}
	what, text := interpret(line.text)
	switch what {
	case isNothing:
		return nil
	case isQuit:
		return errQuit
	}
	p.keep(line.text)
	if what == isHelp {
		p.screen.print(helpText)
		return nil
	}
	return p.request(ctx, text, what == isData)
}

// abort ends the conversation at the second ^C. The editor clears the line and
// does not tell whether there was one, so the first cannot mean the end.
func (p *prompt) abort() error {
	now := time.Now()
	if !p.abortedAt.IsZero() && now.Sub(p.abortedAt) < abortWithin {
		return errQuit
	}
	p.abortedAt = now
	if !p.hinted {
		p.hinted = true
		p.screen.say("^C again, ^D or quit ends")
	}
	return nil
}

// keep puts a line into the history and its file.
func (p *prompt) keep(line string) {
	if !isMemorable(line) {
		return
	}
	p.remember(line)
	if err := p.history.add(line); err != nil {
		p.screen.say("%v; what you type is not kept any more", err)
	}
}

func (p *prompt) remember(line string) {
	p.editor.AppendHistory(line)
	p.words.note(line)
}

// request sends a line, and waits for its reply. The connection that was lost
// meanwhile, or never made, is made first: the line goes out on a new one, and
// has its first number. So it does where the loss shows only now, and no byte of
// the line was written.
func (p *prompt) request(ctx context.Context, text string, isData bool) error {
	if p.connection != nil {
		p.takeAll()
	}
	again, err := p.send(ctx, text, isData)
	if again && err == nil {
		_, err = p.send(ctx, text, isData)
	}
	if err != nil {
		return err
	}
	return p.wait(ctx)
}

// send reports whether the line may be sent again: its connection was lost before
// any of it was written.
func (p *prompt) send(ctx context.Context, text string, isData bool) (again bool, err error) {
	if p.connection == nil {
		if !p.connect(ctx) {
			return false, nil
		}
		p.screen.say("connected to %s anew; numbers start at 1", p.server)
	}
	c := p.connection
	if len(c.outstanding) >= outstandingMax {
		p.screen.say("not sent: %d requests have no reply yet", len(c.outstanding))
		return false, nil
	}
	makeLine := c.requests.Make
	if isData {
		makeLine = c.requests.MakeData
	}
	line, seq, err := makeLine([]byte(text))
	if err != nil {
		p.screen.say("not sent: %v", err)
		return false, nil
	}
	err = c.send(ctx, line, seq, p.options.Wait)
	if err == nil {
		return false, nil
	}
	if ctx.Err() != nil {
		return false, ctx.Err() // It has closed the connection; that is no loss.
	}
	again = !errors.Is(err, errNotRead) && c.takeBack()
	p.lose(err)
	return again, nil
}

// wait shows what comes until the reply is there, or was waited for long
// enough. The rest of the wait is the prompt's: a reply that comes late is
// shown when it comes.
func (p *prompt) wait(ctx context.Context) error {
	timer := time.NewTimer(p.options.Wait)
	defer timer.Stop()
	p.released = false
	for p.connection != nil && p.connection.waiting() > 0 && !p.released && p.screen.err == nil {
		select {
		case a := <-p.connection.arrivals:
			p.take(a)
		case <-timer.C:
			p.screen.say("no reply for %v; it is shown when it comes", p.options.Wait)
			p.released = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if p.connection != nil {
		p.connection.giveUp()
	}
	return nil
}

// connect makes a connection, or says why there is none.
func (p *prompt) connect(ctx context.Context) bool {
	conn, name, err := p.options.Dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.screen.say("not connected: %s; the next line tries again", nameless(err))
		}
		return false
	}
	p.connection, p.server = newConnection(conn), name
	return true
}

// nameless leaves the library's name off its errors: a person at a terminal
// has no use for it.
func nameless(err error) string { return strings.TrimPrefix(err.Error(), "client: ") }
