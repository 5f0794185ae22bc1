// check.go owns the judgement of a file before it is used: only one of which every
// page and every entry is what was written. It must not know how to save the rest.

package kv

import (
	"errors"
	"fmt"
	"io"
)

var errTotals = errors.New("entries are missing or were added")

// contents reads all that a file holds, first what it says of itself. Entries whose
// checksum is wrong are told as damage.
func (im *image) contents(visit func(key, value []byte, sum uint64) error) (l label, err error) {
	var store, entries []byte
	known, others := 0, 0
	err = im.walk(im.meta.root, nil, nil, 0, func(e element) error {
		switch {
		case e.bucket && string(e.key) == string(bucketStore):
			store = e.value
			known++
		case e.bucket && string(e.key) == string(bucketEntries):
			entries = e.value
			known++
		default:
			others++
		}
		return nil
	})
	switch {
	case err != nil:
		return l, err
	case known == 0:
		return l, im.damaged(errForeign)
	case known == 1 || others > 0:
		err = im.damaged(errLabel)
	}
	if err == nil && store != nil {
		err = im.walkBucket(store, func(e element) error { return im.readLabel(e, &l) })
	}
	if err == nil && entries != nil {
		err = im.walkBucket(entries, func(e element) error { return im.readEntry(e, visit) })
	}
	return l, err
}

func (im *image) readLabel(e element, l *label) error {
	if e.bucket {
		return im.damaged(errLabel)
	}
	if err := l.read(e.key, e.value); err != nil {
		return im.damaged(err)
	}
	return nil
}

func (im *image) readEntry(e element, visit func(key, value []byte, sum uint64) error) error {
	if e.bucket {
		return im.damaged(errLabel)
	}
	value, sum, err := unseal(e.key, e.value)
	if err != nil {
		return im.damaged(err)
	}
	return visit(e.key, value, sum)
}

// checkFile returns what a good file says of itself, or what is wrong with it.
func checkFile(file io.ReaderAt, size int64) (l label, err error) {
	im, err := openImage(file, size, func(err error) error { return err })
	if err != nil {
		return l, err
	}
	if err := im.begin(); err != nil {
		return l, err
	}
	var found totals
	l, err = im.contents(func(_, _ []byte, sum uint64) error {
		found.add(sum)
		return nil
	})
	if err == nil {
		err = im.missing(l, found)
	}
	return l, err
}

// missing returns what is not there though all that was found is good.
func (im *image) missing(l label, found totals) error {
	switch id, unclaimed := im.unclaimed(); {
	case !l.whole():
		return errLabel
	case found != l.totals:
		return errTotals
	case unclaimed:
		return fmt.Errorf("page %d is lost", id)
	}
	return nil
}
