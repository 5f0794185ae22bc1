// This file owns one connection of a load run: what is sent on it and what is
// made of its replies. It must not know the other connections.
//
//	send --- requests ---> server --- replies ---> receive
//	  ^                                              |
//	  +------------- poke: the window moved ---------+
package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"fooproxy/foo"
	"fooproxy/foo/client"
)

// tally counts what the replies on one connection were.
type tally struct {
	acks, naks uint64
	wrongSeq   uint64 // replies to nothing that is outstanding
	wrongOrder uint64 // replies that came before an earlier one's
	wrongData  uint64 // ACKs whose Data is not what was sent
	notReplies uint64 // lines that are no ACK or NAK with a Seq
}

func (t *tally) add(other tally) {
	t.acks += other.acks
	t.naks += other.naks
	t.wrongSeq += other.wrongSeq
	t.wrongOrder += other.wrongOrder
	t.wrongData += other.wrongData
	t.notReplies += other.notReplies
}

func (t *tally) mismatches() uint64 { return t.wrongSeq + t.wrongOrder + t.wrongData + t.notReplies }

type lane struct {
	conn      *client.Conn
	index     int
	requests  uint64 // to be sent in all
	size      int    // bytes of Data
	pace      pace
	start     time.Time
	latencies *latencies
	window    *window

	poke     chan struct{} // there may be room in the window
	received chan struct{} // closed when receive has ended
	sendDone chan struct{} // closed when send has ended; sendErr is set before
	sendErr  error
	stopped  atomic.Bool // send has ended early, and all that it counted is sent

	// The rest is for receive, and for all when both have ended.
	tally    tally
	lastAt   time.Duration // when the last reply came
	lost     error         // why replies are missing
	payload  []byte
	measured []time.Duration // not yet in latencies
}

// send sends all requests, or those that are due before stop is closed.
func (l *lane) send(stop <-chan struct{}) {
	defer close(l.sendDone)
	err := l.sendRequests(stop)
	if err == nil {
		err = l.conn.Flush()
	}
	l.sendErr = err
	if err == nil && l.window.sent.Load() < l.requests {
		// Either the receiver sees this with the last reply, or it has had that
		// and waits for one that is not coming. No server's close is relied on.
		l.stopped.Store(true)
		if l.window.missing() == 0 {
			l.sendErr = l.conn.Close()
		}
	}
}

func (l *lane) sendRequests(stop <-chan struct{}) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var payload []byte
	var woken time.Duration
	for seq := uint64(1); seq <= l.requests; seq++ {
		if l.ended(stop) {
			return nil
		}
		for l.window.full() {
			if err := l.conn.Flush(); err != nil {
				return err
			}
			select {
			case <-l.poke:
			case <-l.received:
				return nil
			case <-stop:
				return nil
			}
		}
		due, now := l.pace.due(l.index, seq), time.Since(l.start)
		if due > now {
			if err := l.conn.Flush(); err != nil {
				return err
			}
			timer.Reset(due - now)
			select {
			case <-timer.C:
			case <-l.received:
				return nil
			case <-stop:
				return nil
			}
			now = time.Since(l.start)
			woken = now
		}
		if l.pace.rate > 0 {
			// A request that the server kept from being sent counts from when
			// it was due. What a timer of ours came too late is not counted.
			now = max(due, woken)
		}
		payload = appendPayload(payload[:0], l.index, l.window.note(now), l.size)
		if _, err := l.conn.Send(payload); err != nil {
			return err
		}
	}
	return nil
}

func (l *lane) ended(stop <-chan struct{}) bool {
	select {
	case <-l.received:
		return true
	case <-stop:
		return true
	default:
		return false
	}
}

// receive takes replies until all have come or none can come any more.
func (l *lane) receive() {
	defer close(l.received)
	for l.window.answers.Load() < l.requests {
		line, err := l.conn.ReceiveLine(context.Background())
		if err != nil {
			l.lost = err
			break
		}
		l.judge(line)
		if ready := l.conn.Ready(); !ready || len(l.measured) == latencyBatch {
			l.record()
		}
		if l.stopped.Load() && l.window.missing() == 0 {
			break
		}
	}
	l.record()
	if l.lost == nil {
		l.listenForStrays()
	}
}

// judge counts a line as what it is.
func (l *lane) judge(line []byte) {
	reply, err := foo.Parse(line)
	if err != nil || reply.Type == foo.REQ {
		l.tally.notReplies++
		return
	}
	sentAt, inOrder, ok := l.window.settle(reply.Seq)
	if !ok {
		l.tally.wrongSeq++
		return
	}
	l.lastAt = time.Since(l.start)
	l.measured = append(l.measured, l.lastAt-sentAt)
	if !inOrder {
		l.tally.wrongOrder++
	}
	if reply.Type == foo.NAK {
		l.tally.naks++
		return
	}
	l.tally.acks++
	l.payload = appendPayload(l.payload[:0], l.index, reply.Seq, l.size)
	if !bytes.Equal(l.payload, reply.Data) {
		l.tally.wrongData++
	}
}

// record hands the latencies on, and wakes the sender.
func (l *lane) record() {
	if len(l.measured) > 0 {
		l.latencies.record(l.measured)
		l.measured = l.measured[:0]
	}
	select {
	case l.poke <- struct{}{}:
	default: // It has been woken and has not looked yet.
	}
}

// listenForStrays ends the connection in order, and counts what comes although
// all requests are answered.
func (l *lane) listenForStrays() {
	<-l.sendDone
	if l.sendErr != nil || l.conn.CloseWrite() != nil {
		return // All replies are there; how the connection ends is no matter.
	}
	ctx, cancel := context.WithTimeout(context.Background(), strayWait)
	defer cancel()
	for {
		line, err := l.conn.ReceiveLine(ctx)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return
		}
		l.judge(line)
		if err != nil {
			return
		}
	}
}
