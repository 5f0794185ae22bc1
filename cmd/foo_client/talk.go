// This file owns the conversation: requests from stdin, replies to stdout. It
// must not know how requests are made of lines.
//
//	stdin -> sendRequests -> server -> printReplies -> stdout
//
// One goroutine sends while another receives. Whoever sees first that stdin
// has ended and nothing is outstanding ends the conversation.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"fooproxy/cmd/internal/cli"
	"fooproxy/foo"
	"fooproxy/foo/client"
)

var (
	errAllAnswered = errors.New("all replies have arrived")
	errQuiet       = errors.New("waited long enough")

	// errRefused is all that is wrong where -e is given and a NAK came. It is
	// the exit code alone: the NAK itself has been printed.
	errRefused = errors.New("a request was refused")
)

type talk struct {
	conn     *client.Conn
	requests *requestReader
	out      io.Writer
	escape   bool
	wait     time.Duration
	refusals bool                    // a NAK is a failure
	end      context.CancelCauseFunc // ends the conversation; the first cause counts
	room     chan struct{}           // holds one token for each outstanding request

	mutex       sync.Mutex
	outstanding map[uint64]int // how many requests of each Seq have no reply
	missing     int            // their sum
	wrong       int            // replies to nothing that is outstanding
	naks        int            // of any Seq, 0 and wrong ones included
	sendEnded   bool           // nothing will be sent any more
	sendErr     error          // why, where it is not the end of stdin
	quiet       *time.Timer    // from sendEnded on: calls end when no reply comes
}

// runTalk holds the conversation, and returns nil where each request got its
// reply and could be printed.
func runTalk(ctx context.Context, o options, s streams) error {
	peer, err := findServer(ctx, o.server)
	if err != nil {
		return err
	}
	conn, err := peer.dial(ctx)
	if err != nil {
		return err
	}
	defer closeAll([]*client.Conn{conn})
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	t := &talk{
		conn: conn, requests: newRequestReader(s.in), out: s.out, escape: cli.IsTerminal(s.out), wait: o.wait,
		refusals: o.failOnNak, end: end, room: make(chan struct{}, outstandingMax), outstanding: make(map[uint64]int),
	}
	// It is not waited for: it may sit in a read of stdin that never returns.
	go func() { t.endSending(nameless(t.sendRequests(ctx))) }()
	err = t.verdict(ctx, t.printReplies(ctx))
	if err == nil && t.refused() {
		return errRefused
	}
	return err
}

// sendRequests sends until stdin ends, and then closes that direction.
func (t *talk) sendRequests(ctx context.Context) error {
	for {
		if t.requests.waits() {
			if err := t.conn.Flush(); err != nil {
				return err
			}
		}
		line, seq, err := t.requests.next()
		if err != nil {
			t.noteSendEnded(err)
			if closeErr := t.conn.CloseWrite(); err == io.EOF {
				return closeErr
			}
			return err
		}
		if err := t.takeRoom(ctx, seq); err != nil {
			return err
		}
		if err := t.conn.SendLine(line); err != nil {
			return err
		}
	}
}

// takeRoom counts a request as outstanding, and waits while there are too many.
func (t *talk) takeRoom(ctx context.Context, seq uint64) error {
	select {
	case t.room <- struct{}{}:
	default:
		if err := t.conn.Flush(); err != nil {
			return err
		}
		select {
		case t.room <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.outstanding[seq]++
	t.missing++
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

func (t *talk) endSending(err error) {
	t.noteSendEnded(err)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.endIfAnswered()
}

func (t *talk) endIfAnswered() {
	if t.sendEnded && t.missing == 0 {
		t.end(errAllAnswered)
	}
}

// printReplies prints lines until the stream or ctx ends.
func (t *talk) printReplies(ctx context.Context) error {
	var buffer []byte
	for {
		line, err := t.conn.ReceiveLine(ctx)
		err = nameless(err)
		if err != nil && len(line) == 0 {
			return err
		}
		if t.escape {
			buffer = foo.AppendEscaped(buffer[:0], line)
		} else {
			buffer = append(buffer[:0], line...)
		}
		if err == nil || t.escape {
			buffer = append(buffer, '\n') // A fragment has none, and gets none in a file.
		}
		if _, err := t.out.Write(buffer); err != nil {
			return fmt.Errorf("stdout: %w", err)
		}
		if err != nil {
			return err
		}
		t.settle(line)
	}
}

// settle takes the request that a reply belongs to off the list, and counts a
// reply to none. Lines that are no replies change nothing; they are printed, and
// that is all one can do about them.
func (t *talk) settle(line []byte) {
	reply, err := foo.Parse(line)
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.quiet != nil {
		t.quiet.Reset(t.wait)
	}
	if reply.Type == foo.NAK {
		t.naks++
	}
	if err != nil || reply.Type == foo.REQ {
		return
	}
	if t.outstanding[reply.Seq] == 0 {
		t.wrong++
		return
	}
	if t.outstanding[reply.Seq]--; t.outstanding[reply.Seq] == 0 {
		delete(t.outstanding, reply.Seq)
	}
	t.missing--
	<-t.room
	t.endIfAnswered()
}

// verdict says what the end of the conversation means, which is given by the
// end of ctx or, before that, by an error of the connection or of stdout.
func (t *talk) verdict(ctx context.Context, err error) error {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	switch {
	case err == errAllAnswered, err == io.EOF && t.sendEnded && t.missing == 0:
		return t.withFaults(t.sendErr)
	case err == errQuiet:
		return t.withFaults(fmt.Errorf("no reply for %v", t.wait))
	case err == io.EOF:
		return t.withFaults(errors.New("the server has closed the connection"))
	case ctx.Err() != nil && err == context.Cause(ctx) && t.missing == 0:
		return t.withFaults(nil) // A signal, and nothing is lost by it.
	}
	return t.withFaults(err)
}

// refused says whether a NAK came and is a failure.
func (t *talk) refused() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.refusals && t.naks > 0
}

// withFaults adds to err, which may be nil, what is wrong with the replies.
func (t *talk) withFaults(err error) error {
	var faults []string
	if err != nil {
		faults = append(faults, err.Error())
	}
	if t.missing > 0 {
		faults = append(faults, fmt.Sprintf("replies missing: %d", t.missing))
	}
	if t.wrong > 0 {
		faults = append(faults, fmt.Sprintf("wrong replies: %d", t.wrong))
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
