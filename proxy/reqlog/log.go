// Package reqlog writes a line of JSON for each request of a proxy and for each
// connect and close, without ever making the proxy wait: not for the disk, nor for
// whoever reads the lines. It knows nothing of sockets, records and sessions.
//
//	      the loop                         the writer's goroutine
//	Connect, Request, Close ──► ring ──► lines ──► write ──► file, fifo, stdout
//	         │ full                                  │ error
//	         └────────────► dropped ◄────────────────┘
//
// This file owns the loop's side and the life of the log.
package reqlog

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
)

// Log is the log of one loop. Connect, Request, Close and EndTurn belong to the
// loop's goroutine: they neither allocate nor wait nor call the kernel, but for
// EndTurn, which wakes the writer where it sleeps. The others are for anybody.
type Log struct {
	config  Config
	ring    *ring
	out     *output
	dropped atomic.Uint64

	asleep atomic.Bool // the writer waits for wake
	wake   chan struct{}
	reopen chan struct{}
	quit   chan struct{} // closed by Stop
	done   chan struct{} // closed when the writer has ended
	once   sync.Once
}

// Open opens the file and starts the writer; Stop ends it. The error is that
// the file cannot be opened. A fifo that nobody reads yet is no error.
func Open(config Config) (*Log, error) {
	out, err := openOutput(config.Path)
	if err != nil {
		return nil, err
	}
	return start(config, out, ringEntries), nil
}

func start(config Config, out *output, entries int) *Log {
	if config.Log == nil {
		config.Log = zap.NewNop()
	}
	l := &Log{
		config: config, out: out, ring: newRing(entries),
		wake: make(chan struct{}, 1), reopen: make(chan struct{}, 1),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go newWriter(l).run()
	return l
}

// Connect logs a client's connection.
func (l *Log) Connect(now int64, p *Peers) {
	if l.config.Slow > 0 {
		return
	}
	if e := l.claim(); e != nil {
		*e = entry{at: now, peers: *p, event: connectEvent}
	}
}

// Request logs a request that has ended.
func (l *Log) Request(now int64, p *Peers, r *Request) {
	if now-r.Arrived < int64(l.config.Slow) {
		return
	}
	if e := l.claim(); e != nil {
		e.at, e.request, e.peers, e.event = now, *r, *p, requestEvent
	}
}

// Close logs that a client's connection is gone, and why. The errno is the
// kernel's word, 0 where it had none.
func (l *Log) Close(now int64, p *Peers, why Why, errno syscall.Errno) {
	if l.config.Slow > 0 {
		return
	}
	if e := l.claim(); e != nil {
		*e = entry{at: now, peers: *p, event: closeEvent, why: why, errno: uint16(errno)}
	}
}

// claim counts what finds no room.
func (l *Log) claim() *entry {
	e := l.ring.claim()
	if e == nil {
		l.dropped.Add(1)
	}
	return e
}

// EndTurn hands over what this turn has logged. The writer is woken only where
// it sleeps, and while there are lines it does not sleep for long, so a busy
// loop wakes it at most once in gatherTime.
func (l *Log) EndTurn() {
	if l.ring.show() && l.asleep.Load() && l.asleep.CompareAndSwap(true, false) {
		poke(l.wake)
	}
}

// poke fills a channel of one place.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Dropped is the number of lines that were not written: the ring was full, or
// the file could not be written.
func (l *Log) Dropped() uint64 { return l.dropped.Load() }

// Reopen has the writer open its file anew, as after a rotation. Lines that were
// logged before may still go to the old one; none is lost or written twice. It
// does not wait.
func (l *Log) Reopen() { poke(l.reopen) }

// Write writes a line of somebody else's between two lines of the log, where both
// go to the same stream. It waits for whoever reads them.
func (l *Log) Write(line []byte) (int, error) { return l.out.writeOther(line) }

// Stop writes what was logged, and waits for that no longer than a second: who
// does not read must not keep the process from ending. The loop has ended; what
// it logged last is still handed over. It may be called again.
func (l *Log) Stop() {
	l.once.Do(func() {
		l.EndTurn()
		close(l.quit)
	})
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-l.done:
	case <-timer.C:
		left := l.ring.shown.Load() - l.ring.head.Load() // and a batch at most, in the writer's hands
		l.dropped.Add(left)
		l.config.Log.Warn("the request log is not read, its last lines are not written", zap.String("file", l.config.Path),
			zap.Uint64("lines_left", left), zap.Uint64("lines_dropped", l.Dropped()))
	}
}
