// tree.go owns the entries as the library has them, in a transaction: their
// checksums, and the totals that change with them. It must not know when a
// transaction ends.

package kv

import (
	"errors"

	bolt "go.etcd.io/bbolt"
)

var errBuckets = errors.New("its buckets are gone")

// tree is the entries in a transaction. It is for one goroutine at a time.
type tree struct {
	tx     *bolt.Tx
	bucket *bolt.Bucket
	labels *bolt.Bucket
	label  label
	// changed is whether there is something to commit.
	changed bool
	// failed is what the library said; then nothing of the transaction may stay.
	failed error
}

func newTree(tx *bolt.Tx) (*tree, error) {
	t := &tree{tx: tx, bucket: tx.Bucket(bucketEntries), labels: tx.Bucket(bucketStore)}
	if t.bucket == nil || t.labels == nil {
		return nil, errBuckets
	}
	return t, t.label.read(nameTotals, t.labels.Get(nameTotals))
}

// get implements entries.
func (t *tree) get(key []byte) ([]byte, error) {
	record := t.bucket.Get(key)
	if record == nil {
		return nil, ErrAbsent
	}
	value, _, err := unseal(key, record)
	if err != nil {
		return nil, ErrDamaged
	}
	return value, nil
}

// set implements entries.
func (t *tree) set(key, value []byte) error {
	if err := t.discount(key); err != nil {
		return err
	}
	t.label.totals.add(checksum(key, value))
	return t.change(t.bucket.Put(key, seal(key, value)))
}

// remove implements entries.
func (t *tree) remove(key []byte) error {
	if err := t.discount(key); err != nil {
		return err
	}
	return t.change(t.bucket.Delete(key))
}

// discount takes an entry out of the totals.
func (t *tree) discount(key []byte) error {
	record := t.bucket.Get(key)
	if record == nil {
		return nil
	}
	_, sum, err := unseal(key, record)
	if err != nil {
		return ErrDamaged
	}
	t.label.totals.take(sum)
	return nil
}

func (t *tree) change(err error) error {
	t.changed = true
	if err != nil && t.failed == nil {
		t.failed = err
	}
	return err
}

// ascend implements entries.
func (t *tree) ascend(from []byte, visit func(key, value []byte) bool) error {
	c := t.bucket.Cursor()
	for key, record := c.Seek(from); key != nil; key, record = c.Next() {
		value, _, err := unseal(key, record)
		if err != nil {
			return ErrDamaged
		}
		if !visit(key, value) {
			break
		}
	}
	return nil
}

// putTotals puts them beside what has changed.
func (t *tree) putTotals() error {
	return t.change(t.labels.Put(nameTotals, seal(nameTotals, t.label.totals.bytes())))
}
