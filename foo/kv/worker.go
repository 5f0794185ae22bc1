// worker.go owns the order of operations: which are answered at once, which wait, what
// a batch takes, and what everybody is told when its commit has ended. It must not
// know how a commit is made.
//
// An operation's way, with W for a write and R for a read of the same caller:
//
//	R, no W of its caller waits     answered from the durable state
//	W                               waits for the next batch
//	R behind a W that waits         in one batch with it: sees what the batch did before
//	R behind a W in the batch       answered when the commit has ended
//	W or R, commit failed           W is told why; R is answered from the durable state
//	W waits, nothing is certain     W is told that it was not done
//	W or R, many found no room      each is tried once more, by itself
//
// Whatever waits is in the order of its coming, so the first is always a write.

package kv

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

type worker struct {
	disk    *disk
	log     *zap.Logger
	commit  *committer
	state   durable
	waiting []*operation // in the order of their coming
	batch   []*operation // what the committer has; empty while it rests
	scans   uint64
	full    bool // it was told that a commit found no room, and not yet that one did
	// fullTold is when that was last told.
	fullTold time.Time
	alone    int // so many of waiting are done each by itself, since together they found none
	// readOnly is for good: what the disk holds is not certain any more.
	readOnly bool
	// unreadable is whether that was told.
	unreadable bool
	stuck      bool // a panic may have left the library with its locks taken
}

// durable is the state that the last commit has made good. A transaction holds on to
// it, since a new one would see the commit under way before it is synced.
type durable struct{ tree *tree }

func (s *durable) open(db *bolt.DB) error {
	tx, err := db.Begin(false)
	if err != nil {
		return err
	}
	t, err := newTree(tx)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	s.tree = t
	return nil
}

func (s *durable) close() {
	if s.tree != nil {
		s.tree.tx.Rollback() //nolint:errcheck // it is open, which is all that is asked
		s.tree = nil
	}
}

func newWorker(d *disk, log *zap.Logger, s seams) *worker {
	return &worker{disk: d, log: log, commit: newCommitter(d, s)}
}

// run serves until the queue is closed and all that was in it has completed.
func (w *worker) run() {
	// A page that the disk does not give any more is a fault in the mapping.
	debug.SetPanicOnFault(true)
	go w.commit.run()
	defer close(w.disk.ended)
	defer close(w.commit.batches)
	queue := w.disk.queue
	for queue != nil || len(w.batch) > 0 || len(w.waiting) > 0 {
		select {
		case o, ok := <-queue:
			if !ok {
				queue = nil
				break
			}
			w.take(o)
			for range len(queue) { // they go into one batch
				w.take(<-queue)
			}
		case err := <-w.commit.ended:
			w.endBatch(err)
		}
		w.beginBatch()
	}
}

// take answers an operation or has it wait.
func (w *worker) take(o *operation) {
	if o.caller.waiting == 0 && (w.readOnly || !o.mayChange()) {
		w.answer(o, ErrReadOnly)
		return
	}
	o.caller.waiting++
	w.waiting = append(w.waiting, o)
}

func (o *operation) mayChange() bool { return o.refused == nil && o.Kind.writes() }

// answer completes an operation without a commit: a write with an error, anything
// else from the durable state.
func (w *worker) answer(o *operation, err error) {
	switch {
	case o.refused != nil:
		o.result = Result{Err: o.refused}
	case o.Kind.writes():
		o.result = Result{Err: err}
	default:
		o.result = w.read(o)
	}
	o.complete(o.finish)
}

func (w *worker) read(o *operation) (r Result) {
	if w.state.tree == nil {
		return Result{Err: ErrUnreadable}
	}
	err := guard(func() error { r = apply(w.state.tree, &o.Op); return nil })
	if err != nil {
		if !w.unreadable {
			w.log.Error("the store cannot be read, or not all of it", zap.Error(err))
		}
		w.unreadable = true
		return Result{Err: ErrUnreadable}
	}
	return r
}

// beginBatch gives what waits to the committer, if it rests.
func (w *worker) beginBatch() {
	if len(w.batch) > 0 || len(w.waiting) == 0 {
		return
	}
	most := batchOpsMax
	if w.alone > 0 {
		w.alone--
		most = 1
	}
	n, size := 0, 0
	for ; n < len(w.waiting) && n < most; n++ {
		if o := w.waiting[n]; o.mayChange() { // what is read is not written
			if n > 0 && size+o.size > batchBytesMax {
				break
			}
			size += o.size
		}
	}
	w.batch = append(w.batch, w.waiting[:n]...)
	w.waiting = append(w.waiting[:0], w.waiting[n:]...)
	clear(w.waiting[len(w.waiting):cap(w.waiting)])
	w.commit.batches <- w.batch
}

// endBatch tells everybody what became of the batch.
func (w *worker) endBatch(err error) {
	told := w.conclude(err)
	if told == ErrFull && len(w.batch) > 1 {
		// One of them may be what finds no room, and another one might make some.
		w.alone = len(w.batch)
		w.waiting = append(w.batch, w.waiting...)
		w.batch = nil
		return
	}
	for _, o := range w.batch {
		o.caller.waiting--
		if told == nil {
			o.complete(o.finish)
		} else {
			w.answer(o, told)
		}
	}
	clear(w.batch)
	w.batch = w.batch[:0]
	w.answerWaiting()
}

// conclude draws the consequences from how a commit has ended, and returns what its
// writers are told.
func (w *worker) conclude(err error) (told error) {
	if err == nil {
		if w.full && w.alone == 0 {
			w.log.Info("the store has space again")
			w.full = false
		}
		if err = guard(w.renew); err == nil {
			return nil
		}
		err = fmt.Errorf("what was committed cannot be read: %w", err)
	}
	if errors.Is(err, ErrFull) {
		if !w.full && (w.fullTold.IsZero() || time.Since(w.fullTold) >= fullToldInterval) {
			w.log.Warn("no space left for the store; writes are refused until there is", zap.Error(err))
			w.full, w.fullTold = true, time.Now()
		}
		return ErrFull
	}
	w.log.Error("the store is read-only until restart", zap.Error(err))
	w.readOnly = true
	_, w.stuck = errors.AsType[*panicError](err)
	return ErrUncertain
}

// renew goes on to the state that the last commit made.
func (w *worker) renew() error {
	if !w.commit.changed {
		return nil
	}
	var next durable
	if err := next.open(w.disk.db); err != nil {
		return err
	}
	w.state.close()
	w.state = next
	return nil
}

// answerWaiting answers those that waited for the batch alone.
func (w *worker) answerWaiting() {
	w.scans++
	kept, alone := w.waiting[:0], 0
	for i, o := range w.waiting {
		if !w.readOnly && (o.mayChange() || o.caller.held == w.scans) {
			o.caller.held = w.scans
			kept = append(kept, o)
			if i < w.alone {
				alone++
			}
			continue
		}
		o.caller.waiting--
		w.answer(o, ErrReadOnly)
	}
	clear(w.waiting[len(kept):])
	w.waiting, w.alone = kept, alone
}
