package reqlog

// This file owns the goroutine that turns entries into lines and writes them: when
// it sleeps, when it tries again what failed, and what it says of that. It must
// not know how lines look.
//
//	from \ event   ring empty   entries shown   write failed     time to try again
//	asleep         -            gathering       -                -
//	gathering      asleep       gathering       failing          -
//	failing        asleep       failing         failing          gathering, or failing
//
// Gathering means: write all there is, wait gatherTime, look again. While it
// fails entries are counted and thrown away.

import (
	"time"

	"go.uber.org/zap"
)

// writer belongs to its goroutine.
type writer struct {
	log      *Log
	spelling *spelling
	lines    []byte

	failing   bool
	tryAt     time.Time // when it is tried again
	discarded uint64    // lines this writer has dropped
	failedAt  uint64    // what that was when it began to fail
	told      uint64    // lines that found the ring full, as far as they were told of
	toldAt    time.Time
}

func newWriter(l *Log) *writer {
	return &writer{log: l, spelling: newSpelling(&l.config), lines: make([]byte, 0, batchBytes+lineBytesMax)}
}

func (w *writer) run() {
	l := w.log
	defer close(l.done)
	gather := time.NewTimer(gatherTime)
	gather.Stop()
	for {
		var timer <-chan time.Time
		if w.writeAll() {
			gather.Reset(gatherTime)
			timer = gather.C
		} else if !w.fallAsleep() {
			continue
		}
		select {
		case <-l.wake:
		case <-timer:
		case <-l.reopen:
			w.reopen()
		case <-l.quit:
			w.finish()
			return
		}
		l.asleep.Store(false)
	}
}

// fallAsleep asks to be woken, and looks once more: an entry that was shown just
// before found nobody asleep.
func (w *writer) fallAsleep() bool {
	l := w.log
	l.asleep.Store(true)
	if len(l.ring.waiting()) == 0 {
		return true
	}
	l.asleep.Store(false)
	return false
}

// writeAll writes all that waits, and reports whether there was anything.
func (w *writer) writeAll() (any bool) {
	for {
		waiting := w.log.ring.waiting()
		if len(waiting) == 0 {
			w.tellOfFullRing()
			return any
		}
		any = true
		if w.failing && time.Now().Before(w.tryAt) {
			w.log.ring.take(len(waiting))
			w.drop(len(waiting))
			continue
		}
		w.writeBatch(waiting)
		w.tellOfFullRing() // a writer that is too slow never finds the ring empty
		select {
		case <-w.log.reopen:
			w.reopen()
		default:
		}
	}
}

// writeBatch writes one batch from the front of the waiting entries. They are
// given back before the write: it may take long, and the loop needs room.
func (w *writer) writeBatch(waiting []entry) {
	n := 0
	w.lines = w.lines[:0]
	for n < len(waiting) && len(w.lines) < batchBytes {
		w.lines = w.spelling.appendLine(w.lines, &waiting[n])
		n++
	}
	w.log.ring.take(n)
	lost, err := w.log.out.write(w.lines)
	w.judge(lost, err)
}

func (w *writer) drop(lines int) {
	w.discarded += uint64(lines)
	w.log.dropped.Add(uint64(lines))
}

// judge counts what a write has lost, and says once per change whether the log
// can be written.
func (w *writer) judge(lost int, err error) {
	l := w.log
	w.drop(lost)
	switch {
	case err != nil:
		w.tryAt = time.Now().Add(retryInterval)
		if !w.failing {
			w.failing, w.failedAt = true, w.discarded-uint64(lost)
			l.config.Log.Warn("the request log cannot be written, its lines are dropped", zap.String("file", l.config.Path), zap.Error(err))
		}
	case w.failing:
		w.failing = false
		l.config.Log.Info("the request log can be written again", zap.String("file", l.config.Path), zap.Uint64("lines_dropped", w.discarded-w.failedAt))
	}
}

// tellOfFullRing tells of lines that the loop had no room for, once a second at
// most.
func (w *writer) tellOfFullRing() {
	missing := w.log.dropped.Load() - w.discarded - w.told
	if missing == 0 || time.Since(w.toldAt) < complaintInterval {
		return
	}
	w.told += missing
	w.toldAt = time.Now()
	w.log.config.Log.Warn("the request log is written too slowly, lines are dropped", zap.String("file", w.log.config.Path), zap.Uint64("lines_dropped", missing))
}

// reopen opens the file anew. What failed before is tried at once.
func (w *writer) reopen() {
	log, file := w.log.config.Log, zap.String("file", w.log.config.Path)
	old, lost, err := w.log.out.reopen()
	w.drop(lost)
	w.tryAt = time.Time{}
	if err != nil {
		log.Warn("the request log cannot be opened anew, the old file stays", file, zap.Error(err))
		return
	}
	log.Info("the request log was opened anew", file)
	if old == nil {
		return
	}
	if err := old.Close(); err != nil {
		log.Warn("the old file of the request log cannot be closed", file, zap.Error(reason(err)))
	}
}

// finish writes what is left. A file that fails gets one last chance.
func (w *writer) finish() {
	log, file := w.log.config.Log, zap.String("file", w.log.config.Path)
	w.tryAt = time.Time{}
	w.writeAll()
	w.toldAt = time.Time{}
	w.tellOfFullRing()
	lost, err := w.log.out.close()
	w.drop(lost)
	if err != nil {
		log.Warn("the request log cannot be closed", file, zap.Error(err))
	}
	if w.failing {
		log.Warn("the request log could not be written up to the end", file, zap.Uint64("lines_dropped", w.discarded-w.failedAt))
	}
}
