// This file owns one connection of a conversation: the numbers on it, and which
// of its requests have no reply. It must not know what comes before or after it.
package main

import (
	"bytes"
	"slices"
	"strconv"

	"fooproxy/foo"
	"fooproxy/foo/client"
)

// link is a connection. Numbers start at 1 on each, so all but the first of a
// conversation give requests numbers of their own, and replies the old ones back:
// the user sees the numbers of his requests, whatever became of the connection.
type link struct {
	conn *client.Conn
	name string // of the server

	// ended is closed when nothing more comes; why is valid then.
	ended chan struct{}
	why   error

	// alive is closed at the first reply; on the first link of a conversation it is
	// closed from the start. No second request is sent before: a proxy that takes
	// connections and ends them shall not cost a window of requests each time.
	alive chan struct{}

	rewrites bool
	seq      uint64            // the last one sent, where it rewrites
	shown    map[uint64]uint64 // by the number on this link: the user's
	sent     map[uint64]int    // how many requests of each number on this link have no reply
	answered bool              // a reply has come
}

func newLink(conn *client.Conn, name string, rewrites bool) *link {
	l := &link{
		conn: conn, name: name, rewrites: rewrites, sent: make(map[uint64]int),
		ended: make(chan struct{}), alive: make(chan struct{}),
	}
	if rewrites {
		l.shown = make(map[uint64]uint64)
	} else {
		close(l.alive)
	}
	return l
}

// noteAlive is called by the receiver alone.
func (l *link) noteAlive() {
	select {
	case <-l.alive:
	default:
		close(l.alive)
	}
}

// note counts a request as sent, and returns its number here.
func (l *link) note(shown uint64) (seq uint64) {
	seq = shown
	if l.rewrites {
		l.seq++
		seq = l.seq
		l.shown[seq] = shown
	}
	l.sent[seq]++
	return seq
}

// settle takes one request of this number off, and returns its number for the
// user. ok is false where there is none.
func (l *link) settle(seq uint64) (shown uint64, ok bool) {
	if l.sent[seq] == 0 {
		return 0, false
	}
	if l.sent[seq]--; l.sent[seq] == 0 {
		delete(l.sent, seq)
	}
	if !l.rewrites {
		return seq, true
	}
	shown = l.shown[seq]
	delete(l.shown, seq)
	return shown, true
}

// takeBack takes off those requests of which no byte was written, and returns them
// with the user's numbers. It is for a link that has ended.
func (l *link) takeBack() (unsent []request) {
	for line := range bytes.Lines(l.conn.Unsent()) {
		line = line[:len(line)-1]
		message, err := foo.Parse(line)
		if err != nil {
			panic("foo_client: a line that is no request was sent")
		}
		shown, ok := l.settle(message.Seq)
		if !ok {
			panic("foo_client: a request that was not sent has its reply")
		}
		unsent = append(unsent, request{replaceSeq(nil, line, shown), shown})
	}
	return unsent
}

// lost takes off all that have no reply, and returns their numbers, sorted.
func (l *link) lost() (seqs []uint64) {
	for seq, count := range l.sent {
		for range count {
			shown, _ := l.settle(seq) // It is there: it was counted.
			seqs = append(seqs, shown)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// replaceSeq appends a line that is Foo with another Seq; all other bytes stay.
func replaceSeq(dst, line []byte, seq uint64) []byte {
	start := bytes.IndexAny(line, "0123456789") // a Type has none
	end := start
	for end < len(line) && line[end] >= '0' && line[end] <= '9' {
		end++
	}
	return append(strconv.AppendUint(append(dst, line[:start]...), seq, 10), line[end:]...)
}
