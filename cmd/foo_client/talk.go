// This file owns the conversation: requests from stdin, replies to stdout, and how
// it goes on with the next server after a loss. It must not know how requests are
// made of lines, nor how a server is found.
//
//	stdin -> readRequests -> run -> link -> receive -> stdout
//	                          ▲      │
//	                          └──────┘ a link has ended: what was not written is
//	                                   sent on the next one, what was is lost
//
// One goroutine reads, one sends, and one for each link receives. The sender alone
// decides what becomes of a loss. Whoever sees first that stdin has ended and
// nothing is outstanding ends the conversation.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo/prompt"
)

var (
	errAllAnswered = errors.New("all replies have arrived")
	errQuiet       = errors.New("waited long enough")

	// errRefused is all that is wrong where -e is given and a NAK came. It is
	// the exit code alone: the NAK itself has been printed.
	errRefused = errors.New("a request was refused")
)

// talk belongs to the sender, but for what the mutex guards, the links' counts
// among it, and what is said to be the receiver's.
type talk struct {
	route    *route
	patience time.Duration // 0: the first loss ends the conversation
	batches  <-chan batch
	queue    []request // read, and to be sent before others
	stdinErr error     // why nothing comes behind that; nil while something may
	link     *link     // nil where there is none
	complain func(error)

	out      io.Writer // the receiver's
	escape   bool
	wait     time.Duration
	refusals bool                    // a NAK is a failure
	end      context.CancelCauseFunc // ends the conversation; the first cause counts
	room     chan struct{}           // holds one token for each outstanding request

	mutex     sync.Mutex
	waiting   int         // requests that wait for their reply
	lost      int         // requests whose reply cannot come any more
	wrong     int         // replies to nothing that is outstanding
	naks      int         // of any Seq, 0 and wrong ones included
	sendEnded bool        // nothing will be sent any more
	sendErr   error       // why, where it is not the end of stdin
	quiet     *time.Timer // while sendEnded: calls end when no reply comes
}

// runTalk holds the conversation, and returns nil where each request got its
// reply and could be printed.
func runTalk(ctx context.Context, o options, s streams) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := &talk{
		route: newRoute(o.servers), complain: func(err error) { complain(s, err) },
		out: s.out, escape: cli.IsTerminal(s.out), wait: o.wait,
		refusals: o.failOnNak, end: end, room: make(chan struct{}, outstandingMax),
	}
	conn, name, err := t.route.round(ctx)
	if err != nil {
		return err
	}
	t.patience = o.patience(len(t.route.servers))
	t.open(ctx, newLink(conn, name, false))
	// It is not waited for: it may sit in a read of stdin that never returns.
	t.batches = readRequests(ctx, s.in)
	err = t.run(ctx)
	t.closeLink()
	if err = t.verdict(ctx, err); err == nil && t.refused() {
		return errRefused
	}
	return err
}

// open begins to receive on a link. The end of ctx closes it, which wakes a
// sender whom nobody reads.
func (t *talk) open(ctx context.Context, l *link) {
	t.link = l
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() }) // closeLink does it again
	go func() {
		defer stop()
		t.receive(ctx, l)
	}()
}

// closeLink waits for the receiver, which the end of the connection or of ctx
// has told.
func (t *talk) closeLink() {
	if t.link != nil {
		<-t.link.ended
		_ = t.link.conn.Close() // whatever is left unsent is given up or kept elsewhere
		t.link = nil
	}
}

// run sends until stdin has ended, and returns why nothing more comes.
func (t *talk) run(ctx context.Context) error {
	for {
		var err error
		switch {
		case len(t.queue) > 0:
			next := t.queue[0]
			t.queue = t.queue[1:]
			err = t.send(ctx, next)
		case t.stdinErr != nil:
			err = t.finish(ctx)
		default:
			err = t.read(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// read waits for requests from stdin, or for the loss of the link. Where it must
// wait, all that was sent leaves first.
func (t *talk) read(ctx context.Context) error {
	var ended chan struct{}
	if t.link != nil {
		ended = t.link.ended
		if len(t.batches) == 0 {
			t.flush()
		}
	}
	select {
	case b := <-t.batches:
		t.queue, t.stdinErr = b.requests, b.err
		return nil
	case <-ended:
		return t.part(ctx)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush leaves the error to the receiver, who sees the end of the connection too.
// Where no other server goes on, nothing more is sent.
func (t *talk) flush() { t.noteBroken(t.link.conn.Flush()) }

func (t *talk) noteBroken(err error) {
	if err != nil && t.patience == 0 {
		t.noteSendEnded(nameless(err))
	}
}

// send sends a request on the link, or on a new one. After a loss it is back in
// the queue, behind those that are sent again.
func (t *talk) send(ctx context.Context, r request) error {
	if t.link == nil {
		conn, name, err := t.route.goOn(ctx, t.patience)
		if err != nil {
			return err
		}
		t.open(ctx, newLink(conn, name, true))
	}
	l := t.link
	if t.takeRoom(ctx, l) && t.sendOn(l, r) {
		return nil
	}
	t.queue = append([]request{r}, t.queue...)
	return t.awaitLoss(ctx)
}

// sendOn reports whether the link has taken the request. It has the room of one.
func (t *talk) sendOn(l *link, r request) bool {
	t.mutex.Lock()
	seq := l.note(r.seq)
	t.waiting++
	t.mutex.Unlock()
	line := r.line
	if l.rewrites {
		line = replaceSeq(nil, line, seq)
	}
	err := l.conn.SendLine(line)
	if err == nil {
		return true
	}
	t.noteBroken(err)
	t.mutex.Lock()
	l.settle(seq)
	t.waiting--
	t.mutex.Unlock()
	<-t.room
	return false
}

// takeRoom waits while too many requests are outstanding, or while the link is not
// known to be alive. It reports false where the link or ctx ends.
func (t *talk) takeRoom(ctx context.Context, l *link) bool {
	if l.seq > 0 && !t.await(ctx, l, l.alive) {
		return false
	}
	select {
	case t.room <- struct{}{}:
		return true
	default:
	}
	t.flush()
	select {
	case t.room <- struct{}{}:
		return true
	case <-l.ended:
	case <-ctx.Done():
	}
	return false
}

// await waits for something while the link lasts.
func (t *talk) await(ctx context.Context, l *link, event <-chan struct{}) bool {
	select {
	case <-event:
		return true
	default:
	}
	t.flush()
	select {
	case <-event:
		return true
	case <-l.ended:
	case <-ctx.Done():
	}
	return false
}

// awaitLoss waits for the receiver, which sees the end of a connection on which
// nothing can be sent, and parts with the link.
func (t *talk) awaitLoss(ctx context.Context) error {
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case <-t.link.ended:
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		_ = t.link.conn.Close() // it wakes the receiver
		<-t.link.ended
	}
	return t.part(ctx)
}

// part leaves a link that has ended: what was not written goes back into the
// queue, and the rest is told to be lost. It returns why the conversation cannot
// go on.
func (t *talk) part(ctx context.Context) error {
	l := t.link
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case t.patience == 0, errors.Is(l.why, errStdout):
		return l.why
	}
	t.mutex.Lock()
	unsent := l.takeBack()
	lost := l.lost()
	t.waiting -= len(unsent) + len(lost)
	t.lost += len(lost)
	if l.answered {
		t.route.noteAlive()
	}
	t.mutex.Unlock()
	for range len(unsent) + len(lost) {
		<-t.room
	}
	t.queue = append(unsent, t.queue...)
	t.closeLink()
	what := fmt.Errorf("%s: %w", l.name, explainEnd(l.why))
	if len(lost) > 0 {
		what = fmt.Errorf("%w; no reply to %s", what, prompt.ShowSeqs(lost))
	}
	t.complain(what)
	return nil
}

func explainEnd(why error) error {
	if why == io.EOF {
		return errors.New("the server has closed the connection")
	}
	return why
}

// finish ends the sending, and waits for the last replies. Where there is no link
// nothing is outstanding. A link that is lost before all was written is not the
// end.
func (t *talk) finish(ctx context.Context) error {
	t.noteSendEnded(t.stdinErr)
	if t.link == nil {
		return errAllAnswered
	}
	if err := t.link.conn.CloseWrite(); ctx.Err() == nil {
		t.noteBroken(err)
	}
	t.mutex.Lock()
	t.endIfAnswered()
	t.mutex.Unlock()
	select {
	case <-t.link.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mutex.Lock()
	answered := t.waiting == 0
	t.mutex.Unlock()
	if answered {
		return t.link.why
	}
	if err := t.part(ctx); err != nil || len(t.queue) == 0 {
		return err // and without one finish comes again, without a link
	}
	t.noteSendGoesOn()
	return nil
}

// noteSendEnded must come before the half-close: a server's close that answers
// it shall not look like one of its own accord. The first error counts.
func (t *talk) noteSendEnded(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.sendEnded = true
	if err != io.EOF && t.sendErr == nil {
		t.sendErr = err
	}
	if t.quiet == nil {
		t.quiet = time.AfterFunc(t.wait, func() { t.end(errQuiet) })
	}
}

func (t *talk) noteSendGoesOn() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.sendEnded = false
	t.quiet.Stop()
	t.quiet = nil
}

// endIfAnswered is for who holds the mutex.
func (t *talk) endIfAnswered() {
	if t.sendEnded && t.waiting == 0 {
		t.end(errAllAnswered)
	}
}
