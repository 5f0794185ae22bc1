package scenario

// This file owns one real connection as a scenario sees it. What is sent is sent by
// a goroutine, since a peer that does not read must not hold the scenario up.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// sendPatience is how long the scenario waits for what it sends to have left: who
// has no room is sent the rest later.
const sendPatience = 30 * time.Millisecond

// socket implements Conn.
type socket struct {
	*net.TCPConn
	in   *bufio.Reader
	out  chan outgoing
	gone bool // closed or reset by the scenario
	held bool
}

// outgoing is a text, or the end of all.
type outgoing struct {
	text string
	end  bool
	done chan struct{}
}

func newSocket(t testing.TB, c *net.TCPConn) *socket {
	s := &socket{TCPConn: c, in: bufio.NewReader(c), out: make(chan outgoing, 4096)}
	_ = c.SetDeadline(time.Now().Add(patience)) // it may be gone already
	var work sync.WaitGroup
	work.Go(s.write)
	t.Cleanup(func() {
		c.Close()
		close(s.out)
		work.Wait()
	})
	return s
}

func (s *socket) write() {
	for o := range s.out {
		if o.end {
			_ = s.TCPConn.CloseWrite() // where it is gone the peer knows
		} else {
			_, _ = io.WriteString(s.TCPConn, o.text) // likewise
		}
		close(o.done)
	}
}

func (s *socket) queue(o outgoing) {
	o.done = make(chan struct{})
	s.out <- o
	select {
	case <-o.done:
	case <-time.After(sendPatience):
	}
}

// Send implements Conn.
func (s *socket) Send(text string) { s.queue(outgoing{text: text}) }

// Finish implements Conn.
func (s *socket) Finish() { s.queue(outgoing{end: true}) }

// SendUrgent implements Conn.
func (s *socket) SendUrgent() {
	s.raw(func(fd int) error {
		_, err := syscall.SendmsgN(fd, []byte{'!'}, nil, nil, syscall.MSG_OOB)
		return err
	})
}

// raw calls f with the descriptor, once.
func (s *socket) raw(f func(fd int) error) (err error) {
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	controlled := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlled, err)
}

// Await implements Conn.
func (s *socket) Await(n int) (got string, end End) {
	text := make([]byte, n)
	n, err := io.ReadFull(s.in, text)
	return string(text[:n]), endOf(err)
}

// AwaitLines implements Conn.
func (s *socket) AwaitLines(most int) (lines []string, end End) {
	line, err := s.in.ReadString('\n')
	if err != nil {
		return nil, endOf(err)
	}
	for lines = []string{line}; len(lines) < most; lines = append(lines, line) {
		there, _ := s.in.Peek(s.in.Buffered()) // as many are there
		if bytes.IndexByte(there, '\n') < 0 {
			break
		}
		line, _ = s.in.ReadString('\n') // likewise
	}
	return lines, Open
}

func endOf(err error) End {
	switch {
	case err == nil:
		return Open
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return FIN
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return RST
	}
	return End(err.Error())
}

// Waiting implements Conn.
func (s *socket) Waiting() (got string, end End) {
	if s.gone || s.held {
		return "", Open
	}
	if n := s.in.Buffered(); n > 0 {
		there, _ := s.in.Peek(n) // they are there
		return string(there), Open
	}
	there := make([]byte, 4<<10)
	n := 0
	err := s.raw(func(fd int) (err error) {
		n, _, err = syscall.Recvfrom(fd, there, syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if n == 0 && err == nil {
			err = io.EOF
		}
		return err
	})
	if errors.Is(err, syscall.EAGAIN) {
		return "", Open
	}
	return string(there[:max(n, 0)]), endOf(err)
}

// Hold implements Conn: nobody reads but who awaits something.
func (s *socket) Hold(on bool) { s.held = on }

// Close implements Conn.
func (s *socket) Close() { s.gone = true; s.TCPConn.Close() }

// Reset implements Conn.
func (s *socket) Reset() {
	_ = s.SetLinger(0) // it may be closed already
	s.Close()
}
