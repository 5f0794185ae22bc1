// This file owns the listening side of a conversation: a goroutine reads all
// that comes, so that a server which must write before it reads is never held
// up, while others wait for what they need. It must not know why they wait.
package check

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"

	"fooproxy/foo"
)

// ear collects a transcript. Its heard is complete when work is done.
type ear struct {
	heard
	lines int             // whole ones in heard
	known int             // how many bytes of heard they are
	seqs  map[uint64]bool // of the replies among them
	mutex sync.Mutex      // of all these
	news  chan struct{}   // bytes have come; holds one token
	ended chan struct{}   // closed at the end of the stream
	work  sync.WaitGroup
}

// listen reads until the stream or the connection ends.
func listen(nc net.Conn) *ear {
	e := &ear{news: make(chan struct{}, 1), ended: make(chan struct{}), seqs: make(map[uint64]bool)}
	e.work.Go(func() {
		defer close(e.ended)
		e.read(nc)
	})
	return e
}

func (e *ear) read(nc net.Conn) {
	buffer := make([]byte, readBytes)
	for {
		n, err := nc.Read(buffer)
		if !e.take(buffer[:n], err) {
			return
		}
		select {
		case e.news <- struct{}{}:
		default:
		}
	}
}

// take returns false where nothing more is to be read.
func (e *ear) take(came []byte, err error) bool {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.received = append(e.received, came...)
	e.note()
	switch {
	case err != nil:
		e.end, e.reason = endOf(err)
	case len(e.received) > heardBytesMax:
		e.end, e.received = endFlood, bytes.Clone(e.received[:floodBytesKept])
	default:
		return true
	}
	return false
}

// note looks at the lines that have become whole, each of them once: who is
// flooded must not look at all again with every read.
func (e *ear) note() {
	for {
		line, _, whole := bytes.Cut(e.received[e.known:], []byte{'\n'})
		if !whole {
			return
		}
		e.known += len(line) + 1
		e.lines++
		if message, err := foo.Parse(line); err == nil && message.Type != foo.REQ {
			e.seqs[message.Seq] = true
		}
	}
}

// waitFor waits until enough has come, and returns false where the stream or
// ctx ends before that.
func (e *ear) waitFor(ctx context.Context, until need) bool {
	hasEnough := func() bool {
		e.mutex.Lock()
		defer e.mutex.Unlock()
		return until.seq > 0 && e.seqs[until.seq] || until.lines > 0 && e.lines >= until.lines
	}
	for !hasEnough() {
		select {
		case <-e.news:
		case <-e.ended:
			return hasEnough() // The last bytes may have come with the end.
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// waitForEnd waits until the stream or ctx ends, or, unless quiet is 0, until
// nothing has come for so long.
func (e *ear) waitForEnd(ctx context.Context, quiet time.Duration) {
	var silence <-chan time.Time
	for {
		if quiet > 0 {
			silence = time.After(quiet)
		}
		select {
		case <-e.news:
		case <-e.ended:
			return
		case <-silence:
			return
		case <-ctx.Done():
			return
		}
	}
}
