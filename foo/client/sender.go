// This file owns the sending half of a connection: the requests' numbers and
// the bytes that wait to be written. It must not know about replies.
package client

import (
	"bytes"
	"context"
	"fmt"
	"net"

	"fooproxy/foo"
)

type sender struct {
	nc      net.Conn
	waiting []byte // at most sendBytesMax
	torn    bool   // it begins inside a line, whose beginning has been written
	seq     uint64 // of the last request
}

// Send appends one request with the next Seq to the bytes that wait for
// Flush, and returns that Seq. Where they would become more than 64 KiB it
// writes the earlier ones first, which may block. An error means that the
// request was not taken, and that its Seq is free: ErrLF, foo.ErrLineTooLong
// above 64 KiB, or that of the write. data is not kept. Blanks at its
// beginning and one CR at its end are lost on the way, by the grammar.
func (c *Conn) Send(data []byte) (seq uint64, err error) {
	return c.out.request(context.Background(), data)
}

// SendLine sends a line as it is, behind what Send has taken, and adds the
// LF. It may be no Foo line and of any length; a long one is written at once.
// It takes no Seq. The error is ErrLF or that of the write. line is not kept.
func (c *Conn) SendLine(line []byte) error { return c.out.line(line) }

// Flush writes all that waits. After an error the bytes that could not be
// written still wait.
func (c *Conn) Flush() error { return c.out.flush(context.Background()) }

// Unsent returns those of the lines that wait of which no byte has been written,
// with their LF; it is meant for after an error. A server cannot have seen them,
// so they may be sent to another. It belongs to the sending half, and is valid
// until its next call.
func (c *Conn) Unsent() []byte {
	waiting := c.out.waiting
	if c.out.torn {
		waiting = waiting[bytes.IndexByte(waiting, '\n')+1:]
	}
	return waiting
}

func (s *sender) request(ctx context.Context, data []byte) (uint64, error) {
	if bytes.IndexByte(data, '\n') >= 0 {
		return 0, ErrLF
	}
	start := len(s.waiting)
	s.waiting = foo.AppendMessage(s.waiting, foo.REQ, s.seq+1, data)
	if length := len(s.waiting) - start; length > foo.LineBytesMax {
		s.waiting = s.waiting[:start]
		return 0, foo.ErrLineTooLong
	}
	if len(s.waiting) > sendBytesMax {
		s.waiting = s.waiting[:start]
		if err := s.flush(ctx); err != nil {
			return 0, err
		}
		s.waiting = foo.AppendMessage(s.waiting, foo.REQ, s.seq+1, data)
	}
	s.seq++
	return s.seq, nil
}

func (s *sender) line(line []byte) error {
	if bytes.IndexByte(line, '\n') >= 0 {
		return ErrLF
	}
	if len(s.waiting)+len(line)+1 > sendBytesMax {
		if err := s.flush(context.Background()); err != nil {
			return err
		}
	}
	if len(line)+1 > sendBytesMax {
		if _, err := s.nc.Write(line); err != nil {
			return fmt.Errorf("client: send: %w", err)
		}
		line, s.torn = nil, true // Its LF waits.
	}
	s.waiting = append(append(s.waiting, line...), '\n')
	return nil
}

func (s *sender) flush(ctx context.Context) error {
	if len(s.waiting) == 0 {
		return nil
	}
	defer honour(ctx, s.nc.SetWriteDeadline)()
	n, err := s.nc.Write(s.waiting)
	if n > 0 {
		s.torn = s.waiting[n-1] != '\n'
	}
	s.waiting = s.waiting[:copy(s.waiting, s.waiting[n:])]
	if err != nil {
		return fmt.Errorf("client: send: %w", explain(ctx, err))
	}
	return nil
}
