// create.go owns how a file comes to be: whole, or not at all. It must not know how
// it is used.

package kv

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
)

// create makes an empty store under another name and then gives it its own: a crash
// leaves no half of one, and of two processes that make the same file one finds
// the other's.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	temp := file.Name()
	defer func() { err = errors.Join(err, os.Remove(temp)) }()
	if err = file.Close(); err != nil {
		return err
	}
	db, err := bolt.Open(temp, fileMode, &bolt.Options{Timeout: lockTimeout})
	if err != nil {
		return err
	}
	if err = errors.Join(db.Update(fill), db.Close()); err != nil {
		return err
	}
	if err = os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

// fill writes what every store has.
func fill(tx *bolt.Tx) error {
	if _, err := tx.CreateBucket(bucketEntries); err != nil {
		return err
	}
	b, err := tx.CreateBucket(bucketStore)
	if err != nil {
		return err
	}
	id := uuid.New()
	for _, r := range []struct{ name, value []byte }{
		{nameFormat, format}, {nameID, id[:]}, {nameTotals, new(totals).bytes()},
	} {
		if err := b.Put(r.name, seal(r.name, r.value)); err != nil {
			return err
		}
	}
	return nil
}

// syncDir makes the name of a new file as durable as what is in it.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
