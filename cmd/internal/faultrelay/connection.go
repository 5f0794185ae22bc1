package faultrelay

// This file owns one connection: its two sockets, its two directions, and how
// one side's end becomes the other's.

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"
)

const (
	// readBytes is the most that one read takes, and queueReads how many reads
	// may wait: together what the relay holds of a direction.
	readBytes  = 4 << 10
	queueReads = 16
	// headBytes is how much of a connection's beginning is kept for its report.
	headBytes = 64
	// streamsEach is how many independent random streams a connection has: its
	// plan and its two directions.
	streamsEach = 3
)

// connection is one client's way through the relay.
type connection struct {
	relay  *Relay
	number int
	plan   Plan
	client *net.TCPConn
	over   chan struct{} // closed by abort

	lock     sync.Mutex // guards what follows
	server   *net.TCPConn
	aborted  bool
	head     []byte
	happened []Event
}

func newConnection(r *Relay, client *net.TCPConn, number int) *connection {
	c := &connection{relay: r, number: number, client: client, over: make(chan struct{})}
	c.plan = r.config.Plan(number, rand.New(rand.NewPCG(r.config.Seed, 2*streamsEach*uint64(number))))
	return c
}

func (c *connection) report() Report {
	c.lock.Lock()
	defer c.lock.Unlock()
	return Report{Number: c.number, Client: c.client.RemoteAddr().String(), Head: slices.Clone(c.head), Happened: slices.Clone(c.happened)}
}

func (c *connection) run() {
	server, err := c.relay.dial()
	if err != nil {
		c.abort()
		return
	}
	c.lock.Lock()
	c.server = server
	aborted := c.aborted
	c.lock.Unlock()
	if aborted {
		reset(server)
		return
	}
	requests := &pipe{conn: c, from: c.client, to: server, keepHead: true}
	replies := &pipe{conn: c, from: server, to: c.client}
	stream, seed := streamsEach*uint64(c.number), c.relay.config.Seed
	requests.delays, requests.choices = decide(c.plan.Requests, seed, stream+1)
	replies.delays, replies.choices = decide(c.plan.Replies, seed, stream+2)
	var both sync.WaitGroup
	both.Go(requests.run)
	both.Go(replies.run)
	both.Wait()
	c.client.Close()
	server.Close()
}

// abort ends the connection with RST on both sides, once.
func (c *connection) abort() {
	c.lock.Lock()
	defer c.lock.Unlock()
	if c.aborted {
		return
	}
	c.aborted = true
	close(c.over)
	reset(c.client)
	if c.server != nil {
		reset(c.server)
	}
}

func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // it may be closed already
	c.Close()
}

// note keeps an event for the report. It is noted before it is felt.
func (c *connection) note(e Event) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.happened = append(c.happened, e)
}

// part is the bytes of one read, and when they are due; or the end.
type part struct {
	bytes []byte
	due   time.Time
	end   error
}

// pipe is one direction. One goroutine reads and one writes, so that latency does
// not narrow the line.
type pipe struct {
	conn     *connection
	from, to *net.TCPConn
	keepHead bool
	delays   *delays
	choices  *choices
	windows  []int         // places at which nothing more is read until the window opens
	opened   chan struct{} // says so, once for each of them
	free     time.Time     // when the line is free for the next byte, where it is narrow
	swallow  bool          // nothing is forwarded any more
}

func (p *pipe) run() {
	p.windows = p.choices.windows()
	p.opened = make(chan struct{}, len(p.windows))
	queue := make(chan part, queueReads)
	var reader sync.WaitGroup
	reader.Go(func() { p.read(queue) })
	p.write(queue)
	reader.Wait()
}

// read fills the queue until the end, which it puts there as well.
func (p *pipe) read(queue chan<- part) {
	defer close(queue)
	for place := 0; ; {
		most, ok := p.awaitWindow(place)
		if !ok {
			return
		}
		bytes := make([]byte, most)
		n, err := p.from.Read(bytes)
		place += n
		if n > 0 && p.keepHead {
			p.conn.keep(bytes[:n])
		}
		select {
		case queue <- part{bytes: bytes[:n], end: err, due: time.Now().Add(p.delays.next())}:
		case <-p.conn.over:
			return
		}
		if err != nil {
			return
		}
	}
}

// awaitWindow waits while the window is closed, and gives how many bytes may be
// read at this place: up to the next place where it closes.
func (p *pipe) awaitWindow(place int) (most int, ok bool) {
	for len(p.windows) > 0 && p.windows[0] <= place {
		select {
		case <-p.opened:
			p.windows = p.windows[1:]
		case <-p.conn.over:
			return 0, false
		}
	}
	if len(p.windows) > 0 {
		return min(readBytes, p.windows[0]-place), true
	}
	return readBytes, true
}

func (c *connection) keep(bytes []byte) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.head = append(c.head, bytes[:min(len(bytes), headBytes-len(c.head))]...)
}

// write empties the queue, and passes the end on as it came.
func (p *pipe) write(queue <-chan part) {
	p.happen()
	for part := range queue {
		if !p.wait(part.due) {
			break
		}
		if err := p.forward(part.bytes); err != nil {
			p.conn.abort()
			break
		}
		switch {
		case part.end == nil || p.swallow:
		case errors.Is(part.end, io.EOF):
			_ = p.to.CloseWrite() // where it is gone there is nobody to tell
		default:
			p.conn.abort()
		}
	}
	for range queue { // what is left after an abort
	}
}

// forward writes in the pieces that the plan asks for.
func (p *pipe) forward(bytes []byte) error {
	for len(bytes) > 0 && !p.swallow {
		n := p.choices.next(len(bytes))
		if !p.wait(p.free) {
			return net.ErrClosed
		}
		if _, err := p.to.Write(bytes[:n]); err != nil {
			return err
		}
		if rate := p.choices.direction.Rate; rate > 0 {
			p.free = later(p.free, time.Now()).Add(time.Duration(n) * time.Second / time.Duration(rate))
		}
		p.choices.went(n)
		bytes = bytes[n:]
		p.happen()
	}
	return nil
}

// happen has all events come about whose place this is.
func (p *pipe) happen() {
	for e, ok := p.choices.due(); ok; e, ok = p.choices.due() {
		p.conn.note(e)
		switch e.Kind {
		case Reset:
			p.conn.abort()
		case HalfClose:
			_ = p.to.CloseWrite() // where it is gone there is nobody to tell
			p.swallow = true
		case Blackhole:
			p.swallow = true
		case Urgent:
			urgent(p.to)
		case ZeroWindow:
			until := time.Now().Add(e.For)
			if e.For == 0 {
				until = until.AddDate(1, 0, 0)
			}
			if p.wait(until) {
				p.opened <- struct{}{} // there is room for all of them
			}
		}
	}
}

// wait reports whether the connection still stands then.
func (p *pipe) wait(until time.Time) bool {
	left := time.Until(until)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.conn.over:
		return false
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// urgent sends a byte beside the stream. Where the peer is gone, the next write
// will say so.
func urgent(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Write(func(fd uintptr) bool {
		_, err := syscall.SendmsgN(int(fd), []byte{'!'}, nil, nil, syscall.MSG_OOB|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
}
