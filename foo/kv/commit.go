// commit.go owns one transaction at a time: what a batch does in it, its commit, and
// what it means when that fails. It must not know who waits for it.

package kv

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// committer belongs to its goroutine while it has a batch, and otherwise to the
// worker.
type committer struct {
	disk    *disk
	commit  func(*bolt.Tx) error
	batches chan []*operation
	ended   chan error
	changed bool // the last batch has changed something
}

func newCommitter(d *disk, s seams) *committer {
	return &committer{
		disk: d, commit: s.commit,
		// One batch is under way, so neither side ever waits to hand it over.
		batches: make(chan []*operation, 1), ended: make(chan error, 1),
	}
}

// run tells of each batch: nil when all of it is durable, ErrFull when nothing of it
// was done and there may be room another time, anything else when that is not
// certain.
func (c *committer) run() {
	debug.SetPanicOnFault(true)
	for batch := range c.batches {
		c.ended <- c.commitBatch(batch)
	}
}

func (c *committer) commitBatch(batch []*operation) error {
	c.changed = false
	return guard(func() error {
		tx, err := c.disk.db.Begin(true)
		if err != nil {
			return err
		}
		return c.doBatch(tx, batch)
	})
}

// doBatch does a batch in a transaction and ends it.
func (c *committer) doBatch(tx *bolt.Tx, batch []*operation) error {
	before := tx.ID() - 1
	t, err := newTree(tx)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	for _, o := range batch {
		if o.refused != nil {
			o.result = Result{Err: o.refused}
		} else {
			o.result = apply(t, &o.Op)
		}
	}
	if !t.changed {
		return tx.Rollback()
	}
	if err := t.putTotals(); err != nil || t.failed != nil {
		return errors.Join(t.failed, tx.Rollback())
	}
	if err := c.commit(tx); err != nil {
		return c.judge(err, uint64(before))
	}
	c.changed = true
	return nil
}

// judge tells a commit that found no room from one after which nothing is certain.
// Room may be missing only before the heads are written: a head that was written
// stays, whatever the caller was told.
func (c *committer) judge(err error, before uint64) error {
	if !noRoom(err) {
		return err
	}
	info, statErr := c.disk.file.Stat()
	if statErr != nil {
		return errors.Join(err, statErr)
	}
	im, headErr := openImage(c.disk.file, info.Size(), func(err error) error { return err })
	switch {
	case headErr != nil:
		return errors.Join(err, headErr)
	case im.meta.transaction != before:
		return err
	}
	return fmt.Errorf("%w: %w", ErrFull, err)
}

// noRoom reports whether a commit has ended before anything was synced because the
// file could not grow or be written. A sync that says the same is another matter:
// then the kernel may have dropped what it was given.
func noRoom(err error) bool {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return true
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		return path.Op == "write" && isNoRoom(path.Err)
	}
	// The library wraps the error of growing the file as text only.
	text, ok := strings.CutPrefix(err.Error(), "file resize error: ")
	if !ok {
		return false
	}
	for _, errno := range noRoomErrors {
		if strings.HasSuffix(text, errno.Error()) {
			return true
		}
	}
	return false
}

var noRoomErrors = []unix.Errno{unix.ENOSPC, unix.EDQUOT, unix.EFBIG}

func isNoRoom(err error) bool {
	for _, errno := range noRoomErrors {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}
