package cli

// This file owns the way from a logger to stderr: a bounded queue, one
// goroutine that writes, and the count of what got lost. It knows lines, not
// what is in them.
//
//	any goroutine          the ring's goroutine
//	  Write ──► lines ──► put ──► stderr
//	    │ full              │ error
//	    └─────► dropped ◄───┘ ──► a report, at most one a second

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// ring is a zapcore.WriteSyncer that never waits for its reader. An event loop
// logs through it, and stderr may be a pipe nobody empties, so a line that
// finds no room is dropped and counted instead. A BufferedWriteSyncer would
// only postpone the wait.
type ring struct {
	out     io.Writer
	report  func(dropped uint64) []byte // makes the line about dropped lines
	lines   chan []byte
	queued  atomic.Int64 // bytes in lines
	dropped atomic.Uint64
	closed  atomic.Bool
	quit    chan struct{} // closed by close
	done    chan struct{} // closed when the goroutine has ended
	once    sync.Once

	// What follows belongs to the ring's goroutine.
	reported   uint64
	reportedAt time.Time
	torn       bool // the last write broke off inside a line
}

// newRing starts the goroutine; close ends it.
func newRing(out io.Writer, report func(uint64) []byte) *ring {
	r := &ring{
		out: out, report: report,
		lines: make(chan []byte, logLinesMax),
		quit:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	go r.run()
	return r
}

// Write queues one line and keeps no reference to it. It never waits and never
// fails: an error would make zap write to stderr itself, from the caller.
func (r *ring) Write(line []byte) (int, error) {
	size := int64(len(line))
	if r.queued.Add(size) > logBytesMax || r.closed.Load() {
		r.refund(size)
		return len(line), nil
	}
	kept := make([]byte, 0, len(line))
	if n := len(line); n > 0 && line[n-1] == '\n' {
		kept = append(appendClean(kept, line[:n-1]), '\n')
	} else {
		kept = appendClean(kept, line)
	}
	r.queued.Add(int64(len(kept)) - size) // spelling out makes lines longer
	select {
	case r.lines <- kept:
	default:
		r.refund(int64(len(kept)))
	}
	return len(line), nil
}

func (r *ring) refund(size int64) {
	r.queued.Add(-size)
	r.dropped.Add(1)
}

// Sync does nothing: zap calls it in the caller's goroutine for every line
// above error, and it must not wait. close flushes.
func (r *ring) Sync() error { return nil }

func (r *ring) run() {
	defer close(r.done)
	for {
		var due <-chan time.Time
		if r.dropped.Load() > r.reported {
			due = time.After(dropReportEvery)
		}
		select {
		case line := <-r.lines:
			r.put(line)
		case <-due:
			r.reportDropped()
		case <-r.quit:
			r.flush()
			return
		}
	}
}

func (r *ring) put(line []byte) {
	r.queued.Add(-int64(len(line)))
	if !r.write(line) {
		r.dropped.Add(1)
		return
	}
	r.reportDropped()
}

// write says whether the whole line went out. A line that broke off, as on a
// full disk, gets its end before the next one.
func (r *ring) write(line []byte) bool {
	if r.torn {
		if _, err := r.out.Write([]byte{'\n'}); err != nil {
			return false
		}
		r.torn = false
	}
	n, err := r.out.Write(line)
	r.torn = err != nil && n > 0
	return err == nil
}

func (r *ring) reportDropped() {
	missing := r.dropped.Load() - r.reported
	if missing == 0 || time.Since(r.reportedAt) < dropReportEvery {
		return
	}
	r.reportedAt = time.Now()
	if r.write(r.report(missing)) {
		r.reported += missing
	}
}

// flush writes what is queued and reports what was lost, due or not.
func (r *ring) flush() {
	for {
		select {
		case line := <-r.lines:
			r.put(line)
		default:
			r.reportedAt = time.Time{}
			r.reportDropped()
			return
		}
	}
}

// close refuses new lines and waits for the queued ones, but not longer than
// timeout. It says whether all of them were handled. Where the writer hangs,
// the goroutine is left behind: the process is about to end.
func (r *ring) close(timeout time.Duration) bool {
	r.once.Do(func() {
		r.closed.Store(true)
		close(r.quit)
	})
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case <-r.done:
		return true
	case <-timer.C:
		return false
	}
}
