// create.go owns how a file comes to be: whole, or not at all. It must not know how
// it is used.

package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// create makes an empty store under another name and then gives it its own: a crash
// leaves no half of one. The file has a lock meanwhile, so of two that make the same
// one the second is told so, or finds the first one's.
func create(path string) error {
	dir, base := filepath.Split(path)
	temp := dir + "." + base[:min(len(base), nameBytesMax-len("..new"))] + ".new"
	file, err := openTemp(temp, path)
	if file == nil {
		return err
	}
	db, err := bolt.Open(temp, fileMode, &bolt.Options{
		Timeout:  lockTimeout,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
	})
	if err != nil {
		return err
	}
	if err = db.Update(writeLabels); err == nil {
		err = giveName(temp, path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temp))
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// openTemp opens the file under its first name, empty and locked. It returns none
// where there is a file of the true name by now. What somebody who was killed has
// left goes away, and is not written to: it may have got its true name as well.
func openTemp(temp, path string) (*os.File, error) {
	for range 2 { // the first one may be left over
		file, err := os.OpenFile(temp, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, fileMode)
		if err != nil {
			return nil, err
		}
		fresh, err := isFresh(file, path)
		if fresh {
			return file, nil
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
		if _, err = os.Lstat(path); err == nil {
			return nil, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", temp, ErrInUse)
}

// isFresh locks a file and reports whether it still has its first name, is empty, and
// wanted.
func isFresh(file *os.File, path string) (bool, error) {
	if err := lock(file, unix.LOCK_EX); err != nil {
		return false, err
	}
	mine, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(file.Name())
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && !os.SameFile(mine, named):
		return false, nil // who had the lock has finished
	case err != nil:
		return false, err
	}
	if _, err = os.Lstat(path); err == nil || mine.Size() > 0 {
		return false, os.Remove(file.Name())
	}
	return true, nil
}

// giveName never takes the place of another file. Some file systems can do the one
// and some the other.
func giveName(temp, path string) error {
	err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS || err == unix.EOPNOTSUPP {
		if err = os.Link(temp, path); err == nil {
			err = os.Remove(temp)
		}
		return err
	}
	if err != nil {
		return fmt.Errorf("rename %s: %w", temp, err)
	}
	return nil
}

// writeLabels writes what every store has.
func writeLabels(tx *bolt.Tx) error {
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
