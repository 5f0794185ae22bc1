// This file owns the server whose faults the checks must find: a small one on
// the standard library, right in all but what is planted. It must not know
// the checks.
package check

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/foo"
)

// manners is where a fault can be planted. What is nil or zero is done right.
type manners struct {
	hear       func(p *peer, came []byte) []byte                    // what it understands of a read
	lines      func(p *peer, lines []string, tail []byte) []byte    // what it does with the lines of a read; returns the tail it keeps
	answer     func(p *peer, line string) (reply string, done bool) // done: this is its reply, however wrong
	fragment   func(rest string) string                             // its reply at the end of the stream
	leave      func(p *peer, err error)                             // at the end of a connection
	lineMax    int
	delay      time.Duration // of replies
	idle       time.Duration // for which a client may say nothing at first
	clients    int           // at once; the others are closed
	hangOnLong bool
	dieOnLong  bool
}

// planted is a server with its manners.
type planted struct {
	manners
	listener net.Listener
	work     sync.WaitGroup
	places   chan struct{}
	turn     sync.Mutex // for whoever wants to hold others up

	ended chan struct{} // closed with the test

	mutex sync.Mutex
	peers map[*peer]bool
}

// peer is one connection of it, for its own goroutine.
type peer struct {
	*planted
	nc      *net.TCPConn
	pending []byte
	told    int             // lines
	seen    map[string]bool // words of lines
	holds   bool            // the turn
	later   []byte          // replies that wait
	timer   *time.Timer
	mutex   sync.Mutex // of later and of writes
}

// start serves until the test ends.
func start(t *testing.T, m manners) *planted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if m.lineMax == 0 {
		m.lineMax = foo.LineBytesMax
	}
	if m.clients == 0 {
		m.clients = 1000
	}
	s := &planted{manners: m, listener: listener, places: make(chan struct{}, m.clients), ended: make(chan struct{}), peers: make(map[*peer]bool)}
	s.work.Go(s.accept)
	t.Cleanup(func() {
		close(s.ended)
		s.die()
		s.work.Wait()
	})
	return s
}

// dial is how the checks reach it.
func (s *planted) dial(ctx context.Context) (net.Conn, error) {
	return dialTo(s.listener.Addr().String())(ctx)
}

func dialTo(addr string) Dial {
	return func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", addr)
	}
}

func (s *planted) accept() {
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			return
		}
		select {
		case s.places <- struct{}{}:
		default:
			nc.Close()
			continue
		}
		p := &peer{planted: s, nc: nc.(*net.TCPConn), seen: make(map[string]bool)}
		s.mutex.Lock()
		s.peers[p] = true
		s.mutex.Unlock()
		s.work.Go(func() {
			p.serve()
			p.mutex.Lock()
			nc.Close()
			p.mutex.Unlock()
			s.mutex.Lock()
			delete(s.peers, p)
			s.mutex.Unlock()
			<-s.places
		})
	}
}

// die takes the whole server down.
func (s *planted) die() {
	s.listener.Close()
	s.closeAll()
}

func (s *planted) closeAll() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for p := range s.peers {
		p.nc.Close()
	}
}

func (p *peer) serve() {
	buffer := make([]byte, 64<<10)
	if p.idle > 0 {
		p.nc.SetReadDeadline(time.Now().Add(p.idle))
	}
	for {
		n, err := p.nc.Read(buffer)
		p.nc.SetReadDeadline(time.Time{})
		came := buffer[:n]
		if p.hear != nil {
			came = p.hear(p, came)
		}
		p.pending = append(p.pending, came...)
		if err == nil && !p.takeLines() {
			err = net.ErrClosed
		}
		if err != nil {
			p.end(err)
			return
		}
	}
}

// takeLines returns false where the server ends the connection.
func (p *peer) takeLines() bool {
	var lines []string
	for {
		line, tail, whole := bytes.Cut(p.pending, []byte{'\n'})
		if len(line) >= p.lineMax {
			p.takeAll(lines)
			return p.refuseLong()
		}
		if !whole {
			break
		}
		lines, p.pending = append(lines, string(line)), tail
	}
	if p.lines != nil {
		p.pending = p.lines(p, lines, p.pending)
		return true
	}
	return p.takeAll(lines)
}

func (p *peer) takeAll(lines []string) bool {
	var replies strings.Builder
	goOn := true
	for _, line := range lines {
		p.told++
		reply := p.reply(line)
		if reply == hangUp {
			goOn = false
			break
		}
		if text, ends := strings.CutSuffix(reply, hangUp); ends {
			replies.WriteString(text)
			goOn = false
			break
		}
		replies.WriteString(reply)
	}
	p.say(replies.String())
	return goOn
}

// hangUp at the end of a reply closes the connection behind it.
const hangUp = "\x00hang up"

// reply answers a line as the protocol wants it, unless something is planted.
func (p *peer) reply(line string) string {
	if p.answer != nil {
		if reply, done := p.answer(p, line); done {
			return reply
		}
	}
	return rightReply(line)
}

func rightReply(line string) string {
	message, err := foo.Parse([]byte(line))
	switch {
	case err != nil:
		return "NAK 0 " + err.Error() + "\n"
	case message.Type != foo.REQ:
		return "NAK 0 not a request\n"
	case foo.CheckData(message.Data) != nil:
		return string(foo.AppendMessage(nil, foo.NAK, message.Seq, []byte("bad data")))
	}
	return string(foo.AppendMessage(nil, foo.ACK, message.Seq, message.Data))
}

func (p *peer) say(words string) {
	if words == "" {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.delay == 0 {
		p.nc.Write([]byte(words)) // Who has gone gets nothing.
		return
	}
	p.later = append(p.later, words...)
	if p.timer == nil {
		p.timer = time.AfterFunc(p.delay, p.sayLater)
	}
}

func (p *peer) sayLater() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.timer = nil
	p.nc.Write(p.later) // Who has gone gets nothing.
	p.later = nil
}

// refuseLong says so, and swallows what is left.
func (p *peer) refuseLong() bool {
	switch {
	case p.hangOnLong:
		<-p.ended
		return false
	case p.dieOnLong:
		p.die()
		return false
	}
	p.nc.Write([]byte("NAK 0 line too long\n")) // at once, whatever waits
	p.nc.CloseWrite()
	buffer := make([]byte, 64<<10)
	for {
		if _, err := p.nc.Read(buffer); err != nil {
			return false
		}
	}
}

func (p *peer) end(err error) {
	if p.leave != nil {
		p.leave(p, err)
	}
	if p.fragment != nil && len(p.pending) > 0 {
		p.say(p.fragment(string(p.pending)))
	}
}

func wasReset(err error) bool { return errors.Is(err, syscall.ECONNRESET) }
