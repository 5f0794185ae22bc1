// This file owns one connection to the server: what was asked on it and when,
// and the lines that come. It must not know what is made of them.
package prompt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"fooproxy/foo/client"
)

// errNotRead: no request can be written.
var errNotRead = errors.New("the server has not read")

// arrival is a line from the server, or the end of the connection: err is not
// nil then, and the line what had come of the next one.
type arrival struct {
	line []byte
	at   time.Time
	err  error
}

// asked is a request without its reply.
type asked struct {
	seq    uint64
	sentAt time.Time
	late   bool // it is not waited for any more

	forWords bool // nobody typed it: it asks for the server's words
}

// connection is for one goroutine; a second one of its own receives.
type connection struct {
	conn        *client.Conn
	requests    Requests
	outstanding []asked // the oldest first
	arrivals    chan arrival
	closed      chan struct{}
	once        sync.Once

	words      []string        // of the server; nil until it has told
	wordsAsked bool            // it was asked
	wantsWords chan<- []string // who asked last
}

func newConnection(conn *client.Conn) *connection {
	c := &connection{conn: conn, arrivals: make(chan arrival, arrivalsMax), closed: make(chan struct{})}
	go c.receive()
	return c
}

// receive passes lines on with the time at which they came; they may have to
// wait before they are shown.
func (c *connection) receive() {
	for {
		line, err := c.conn.ReceiveLine(context.Background())
		if c.isClosed() {
			return // An error that we made ourselves is no news.
		}
		select {
		case c.arrivals <- arrival{bytes.Clone(line), time.Now(), err}:
		case <-c.closed:
			return
		}
		if err != nil {
			return
		}
	}
}

// send sends a request's line. A server that does not read is given up after
// the time of wait: the write fails then, since the connection is closed.
func (c *connection) send(ctx context.Context, line []byte, seq uint64, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	defer context.AfterFunc(ctx, c.close)()
	c.outstanding = append(c.outstanding, asked{seq: seq, sentAt: time.Now()})
	err := c.conn.SendLine(line)
	if err == nil {
		err = c.conn.Flush()
	}
	if err != nil && errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
		return fmt.Errorf("%w for %v", errNotRead, wait)
	}
	return err
}

// settle takes the request that a reply belongs to off the list; among several
// of one Seq it is the oldest.
func (c *connection) settle(seq uint64) (asked, bool) {
	at := slices.IndexFunc(c.outstanding, func(a asked) bool { return a.seq == seq })
	if at < 0 {
		return asked{}, false
	}
	request := c.outstanding[at]
	c.outstanding = slices.Delete(c.outstanding, at, at+1)
	return request, true
}

// takeBack forgets the last request where no byte of it was written, and reports
// whether that is so. It is for after a send that failed.
func (c *connection) takeBack() bool {
	if len(c.conn.Unsent()) == 0 {
		return false
	}
	c.outstanding = c.outstanding[:len(c.outstanding)-1]
	return true
}

// missing are the numbers of all requests without reply, sorted.
func (c *connection) missing() (seqs []uint64) {
	for _, request := range c.outstanding {
		if !request.forWords {
			seqs = append(seqs, request.seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// giveUp says of all requests without reply that they are not waited for.
func (c *connection) giveUp() {
	for i := range c.outstanding {
		c.outstanding[i].late = true
	}
}

// waiting is how many requests are waited for.
func (c *connection) waiting() int {
	count := 0
	for _, request := range c.outstanding {
		if !request.late && !request.forWords {
			count++
		}
	}
	return count
}

func (c *connection) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// close may be called by any goroutine, and again.
func (c *connection) close() {
	c.once.Do(func() {
		close(c.closed)
		_ = c.conn.Close() // Whatever is left unsent is given up on purpose.
	})
}
