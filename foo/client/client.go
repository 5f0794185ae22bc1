// Package client is a blocking client for Foo servers on the standard net
// package. Programs import it, and the tests of everything that stands on the
// poller measure against it; therefore it shares no code with the poller.
//
// This file owns the connection's life: how it begins and ends, and who may
// use which half of it. It must not know the grammar of lines.
//
//	c, err := client.Dial(ctx, "localhost:8001")
//	reply, err := c.Do(ctx, []byte("hey"))
package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"fooproxy/foo"
)

var (
	// ErrLF: the Data or line to send holds an LF, which would make it two.
	ErrLF = errors.New("client: an LF inside a line")
	// ErrNotReply: a server has sent a REQ.
	ErrNotReply = errors.New("client: the line is not a reply")
	// ErrWrongSeq: the reply that came is not the one to the request of Do.
	ErrWrongSeq = errors.New("client: reply of another Seq")
	// ErrNoCloseWrite: this kind of connection cannot be closed in one
	// direction.
	ErrNoCloseWrite = errors.New("client: the connection has no half-close")
)

// NAKError says that the server refused a request. Reason is what the server
// sent, unescaped; Error escapes it. Seq 0 means that the server could not
// decode a line.
type NAKError struct {
	Seq    uint64
	Reason string
}

func (e *NAKError) Error() string {
	return fmt.Sprintf("NAK %d %s", e.Seq, foo.Quote([]byte(e.Reason)))
}

// Conn is one connection to a Foo server.
//
// It has two halves. Send, SendLine, Flush and CloseWrite are the sending
// half; Receive, ReceiveLine and Ready the receiving half; Do needs both. One
// goroutine may use the sending half while another uses the receiving half,
// but neither half is safe for two goroutines at once. Close may be called by
// anyone at any time, and wakes both.
//
// Who sends much before he receives must receive in a second goroutine: a
// server that cannot get rid of its replies stops reading, and then Send and
// Flush wait for ever.
type Conn struct {
	nc  net.Conn
	out sender
	in  receiver
	// late counts the requests of Do calls that gave up: their replies may
	// still come, before the one that a later Do waits for.
	late int
}

// Dial connects to a server at "host:port", or to one at the unix socket
// "unix:/path". The context bounds the dial alone, and so does a limit of 10
// seconds.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	dial := dialTCP
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		dial, addr = dialUnix, path
	}
	nc, err := dial(ctx, addr)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err) // It names the address itself.
	}
	return New(nc), nil
}

func dialTCP(ctx context.Context, addr string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "tcp", addr)
}

// dialUnix tries again while the server's queue of connections is full. For TCP
// the kernel does so, here it answers EAGAIN.
func dialUnix(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	for {
		nc, err := dialer.DialContext(ctx, "unix", path)
		if !errors.Is(err, syscall.EAGAIN) {
			return nc, err
		}
		select {
		case <-ctx.Done():
			return nil, err
		case <-time.After(busyRetry):
		}
	}
}

// New makes a Conn of an open connection, and owns it from then on, its
// deadlines included. No request may have been sent on it: the first that
// Send writes has Seq 1.
func New(nc net.Conn) *Conn {
	return &Conn{
		nc:  nc,
		out: sender{nc: nc},
		in:  receiver{nc: nc, splitter: foo.NewSplitter(replyLineBytesMax)},
	}
}

// Do sends one request and waits for its reply. It is meant for connections
// on which nothing else is outstanding. The reply's Data is the caller's own
// copy.
//
// A NAK is returned as the message, and as a *NAKError. Where the context ends
// first, its error is returned and the connection stays usable: a later Do
// passes over the reply that then comes late. A reply that belongs to no
// request is ErrWrongSeq.
func (c *Conn) Do(ctx context.Context, data []byte) (foo.Message, error) {
	seq, err := c.out.request(ctx, data)
	if err != nil {
		return foo.Message{}, err
	}
	err = c.out.flush(ctx)
	for err == nil {
		var reply foo.Message
		if reply, err = c.Receive(ctx); err != nil {
			break
		}
		reply.Data = append([]byte(nil), reply.Data...)
		switch {
		case reply.Type == foo.NAK && (reply.Seq == seq || reply.Seq == 0):
			return reply, &NAKError{Seq: reply.Seq, Reason: string(reply.Data)}
		case reply.Seq == seq:
			return reply, nil
		case reply.Seq < seq && c.late > 0:
			c.late--
		default:
			err = fmt.Errorf("%w: got %d, want %d", ErrWrongSeq, reply.Seq, seq)
		}
	}
	c.late++
	return foo.Message{}, err
}

// CloseWrite sends what waits for Flush, and then the end of the stream. The
// server's replies can still be received. It is ErrNoCloseWrite where the
// connection is neither TCP nor a unix socket nor TLS.
func (c *Conn) CloseWrite() error {
	if err := c.Flush(); err != nil {
		return err
	}
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok {
		return ErrNoCloseWrite
	}
	if err := half.CloseWrite(); err != nil {
		return fmt.Errorf("client: close for writing: %w", err)
	}
	return nil
}

// Close ends the connection at once, in both directions. What waits for Flush
// is not sent.
func (c *Conn) Close() error {
	if err := c.nc.Close(); err != nil {
		return fmt.Errorf("client: close: %w", err)
	}
	return nil
}

// honour makes a context end a read or a write, by the deadline that
// setDeadline sets. The caller calls the function that it returns when the
// operation has ended; the deadline is lifted then.
func honour(ctx context.Context, setDeadline func(time.Time) error) (done func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	// An error of setDeadline means that the connection is closed, which the
	// operation itself reports.
	if deadline, ok := ctx.Deadline(); ok {
		_ = setDeadline(deadline)
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = setDeadline(time.Unix(1, 0)) // Any time in the past ends it now.
		close(ended)
	})
	return func() {
		if !stop() {
			<-ended // Otherwise it might still set its deadline after ours.
		}
		_ = setDeadline(time.Time{})
	}
}

// explain replaces the error of a deadline by that of the context it came
// from; only contexts set deadlines here.
func explain(ctx context.Context, err error) error {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if cause := ctx.Err(); cause != nil {
		return cause
	}
	return context.DeadlineExceeded // The connection's clock was first.
}
