// This file owns what comes on a connection of a conversation: it is printed, and
// its requests are taken off the list. It must not know what is sent when.
package main

import (
	"context"
	"errors"
	"fmt"

	"fooproxy/foo"
)

// errStdout wraps what is wrong with stdout: no other server mends it.
var errStdout = errors.New("stdout")

// receive prints what comes on a link until that or ctx ends, and says then why.
func (t *talk) receive(ctx context.Context, l *link) {
	l.why = t.printReplies(ctx, l)
	if t.patience > 0 {
		_ = l.conn.Close() // It wakes a sender whom nobody reads; closeLink does it again.
	}
	close(l.ended)
}

// nextLine waits for a line. Where another server goes on, a link on which requests
// wait and no reply comes has ended too: its server hangs, or is gone without a
// word.
func (t *talk) nextLine(ctx context.Context, l *link) ([]byte, error) {
	if t.patience == 0 || l.conn.Ready() {
		return l.conn.ReceiveLine(ctx)
	}
	for waited := false; ; {
		within, cancel := context.WithTimeout(ctx, t.wait)
		line, err := l.conn.ReceiveLine(within)
		isLate := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		cancel()
		switch {
		case !isLate:
			return line, err
		case waited:
			return nil, fmt.Errorf("no reply for %v", t.wait)
		}
		// What waits now may have been sent a moment ago.
		t.mutex.Lock()
		waited = t.waiting > 0 && !t.sendEnded // at the end the quiet timer says so
		t.mutex.Unlock()
	}
}

// printReplies prints lines until the stream or ctx ends. A request has its reply
// when that is printed.
func (t *talk) printReplies(ctx context.Context, l *link) error {
	var buffer []byte
	for {
		line, err := t.nextLine(ctx, l)
		if err != nil && ctx.Err() != nil {
			return ctx.Err()
		}
		if err = nameless(err); err != nil && (len(line) == 0 || t.patience > 0) {
			return err // Where another server goes on, a fragment would stand before its first line.
		}
		reply, notReply := parseReply(line)
		buffer = t.appendShown(buffer[:0], l, line, reply)
		if err == nil || t.escape {
			buffer = append(buffer, '\n') // A fragment has none, and gets none in a file.
		}
		if _, err := t.out.Write(buffer); err != nil {
			return fmt.Errorf("%w: %w", errStdout, err)
		}
		if err != nil {
			return err
		}
		t.settle(l, reply, notReply)
	}
}

// errNotReply: a REQ came.
var errNotReply = errors.New("not a reply")

// parseReply returns a message without Seq beside an error, but with the Type of a
// NAK 0.
func parseReply(line []byte) (foo.Message, error) {
	reply, err := foo.Parse(line)
	if err == nil && reply.Type == foo.REQ {
		reply, err = foo.Message{}, errNotReply
	}
	return reply, err
}

// appendShown appends a line as the user sees it: with the number that he knows,
// where it is a reply to a request of his.
func (t *talk) appendShown(dst []byte, l *link, line []byte, reply foo.Message) []byte {
	t.mutex.Lock()
	shown, ok := l.shown[reply.Seq]
	t.mutex.Unlock()
	if ok && shown != reply.Seq {
		line = replaceSeq(nil, line, shown)
	}
	if t.escape {
		return foo.AppendEscaped(dst, line)
	}
	return append(dst, line...)
}

// settle takes the request that a reply belongs to off the list, and counts a
// reply to none. Lines that are no replies change nothing; they are printed, and
// that is all one can do about them.
func (t *talk) settle(l *link, reply foo.Message, notReply error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.quiet != nil {
		t.quiet.Reset(t.wait)
	}
	if reply.Type == foo.NAK {
		t.naks++
	}
	if notReply != nil {
		return
	}
	if _, ok := l.settle(reply.Seq); !ok {
		t.wrong++
		return
	}
	l.noteAlive()
	l.answered = true
	t.waiting--
	<-t.room
	t.endIfAnswered()
}
