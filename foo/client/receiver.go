// This file owns the receiving half of a connection: the bytes that have come
// and the replies in them. It must not know about requests.
package client

import (
	"context"
	"fmt"
	"io"
	"net"

	"fooproxy/foo"
)

type receiver struct {
	nc       net.Conn
	splitter *foo.Splitter
	err      error // of the last read; kept until all lines before it are out
}

// Receive waits for the next reply line and returns it, whatever its Seq;
// "NAK 0" too, which matches no request. Its Data is valid until the next
// Receive, ReceiveLine or Do.
//
// A line that is not Foo, or that is a REQ, is an error that holds the line
// (quoted) and wraps one of package foo's named errors or ErrNotReply; the
// next Receive goes on behind it. The end of the stream is io.EOF itself.
// All other errors are those of ReceiveLine.
func (c *Conn) Receive(ctx context.Context) (foo.Message, error) {
	line, err := c.in.line(ctx)
	if err != nil {
		return foo.Message{}, err
	}
	message, err := foo.Parse(line)
	if err == nil && message.Type == foo.REQ {
		err = ErrNotReply
	}
	if err != nil && err != foo.ErrNakZero {
		return foo.Message{}, fmt.Errorf("client: reply %s: %w", foo.Quote(line), err)
	}
	return message, nil
}

// ReceiveLine waits for the next line and returns it as it came, Foo or not,
// without its LF. It is valid until the next Receive, ReceiveLine or Do.
//
// The end of the stream is io.EOF itself. Where the stream ends or breaks in
// the middle of a line, the fragment is returned with an error that wraps
// io.ErrUnexpectedEOF or that of the read. A line above 64 KiB, LF counted, is
// foo.ErrLineTooLong, and ends the receiving half for good. Where the context
// ends first, its error is wrapped; nothing is lost, and the next call goes
// on.
func (c *Conn) ReceiveLine(ctx context.Context) ([]byte, error) {
	return c.in.line(ctx)
}

// Ready says whether the next Receive or ReceiveLine returns without waiting.
// It belongs to the receiving half. Who answers what he receives can use it to
// flush once for many lines.
func (c *Conn) Ready() bool { return c.in.err != nil || c.in.splitter.Ready() }

func (r *receiver) line(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("client: receive: %w", err)
	}
	for {
		line, ok, err := r.splitter.Next()
		if err != nil {
			return nil, fmt.Errorf("client: receive: %w", err)
		}
		if ok {
			return line, nil
		}
		if r.err != nil {
			return r.end()
		}
		if err := r.read(ctx); err != nil {
			return nil, err
		}
	}
}

// read waits for bytes. It returns an error only where the context has ended;
// all others are kept for later, since bytes may have come with them.
func (r *receiver) read(ctx context.Context) error {
	defer honour(ctx, r.nc.SetReadDeadline)()
	n, err := r.nc.Read(r.splitter.Room())
	r.splitter.Advance(n)
	if err == nil || err == io.EOF {
		r.err = err
		return nil
	}
	explained := explain(ctx, err)
	if explained == err {
		r.err = fmt.Errorf("client: receive: %w", err)
		return nil
	}
	if n > 0 {
		return nil // The next read, if there must be one, ends as this one did.
	}
	return fmt.Errorf("client: receive: %w", explained)
}

// end tells how the stream ended, once all its lines are out.
func (r *receiver) end() ([]byte, error) {
	fragment := r.splitter.Rest()
	if len(fragment) == 0 {
		return nil, r.err
	}
	err := r.err
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fragment, fmt.Errorf("client: the stream ended in mid-line at %s: %w", foo.Quote(fragment), err)
}
