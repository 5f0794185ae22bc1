// disk.go owns the file from its opening to its closing, and the loop's side of the
// store in it. It must not know what an operation does, nor when it is done.

package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/google/uuid"
	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// disk is a store in a file.
type disk struct {
	file *os.File // the library's; here for its lock, and for a look at its heads
	db   *bolt.DB
	id   uuid.UUID

	// These belong to the loop.
	reserve  Reserve
	ops      int
	opsBytes int

	queue  chan *operation // has a place for each operation that may be under way
	worker *worker
	ended  chan struct{} // closed when the worker has gone; nil until Start
}

// operation is one that is under way.
type operation struct {
	Op
	disk     *disk
	caller   *Caller
	size     int
	refused  error // it breaks a rule, but is told so in its turn
	result   Result
	complete func(run func())
	done     func(Result)
}

// seams are what tests change.
type seams struct {
	noSync bool
	commit func(*bolt.Tx) error
}

// Open opens the store in a file, and makes one where there is none. A file that
// another process uses, that is damaged or no store's is refused at once, with an
// error that says what to do. The log is told of what changes while it runs; it must
// never block.
func Open(path string, log *zap.Logger) (Store, error) {
	return open(path, log, seams{commit: (*bolt.Tx).Commit})
}

func open(path string, log *zap.Logger, s seams) (*disk, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	l, err := checkLocked(file, s)
	if err != nil {
		err = errors.Join(err, file.Close())
		return nil, err
	}
	d := &disk{file: file, id: l.id, queue: make(chan *operation, opsMax)}
	if d.db, err = mapFile(file, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	d.worker = newWorker(d, log, s)
	if err = guard(func() error { return d.worker.state.open(d.db) }); err != nil {
		_, d.worker.stuck = errors.AsType[*panicError](err)
		return nil, fmt.Errorf("%s: %w", path, errors.Join(err, d.Close()))
	}
	return d, nil
}

// openLocked opens a file that nobody else has, and makes it first where it is
// not there.
func openLocked(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = create(path); err != nil {
			return nil, fmt.Errorf("cannot make %s: %w", path, err)
		}
		if file, err = os.OpenFile(path, os.O_RDWR, 0); errors.Is(err, fs.ErrNotExist) {
			if _, lstatErr := os.Lstat(path); lstatErr == nil {
				return nil, fmt.Errorf("%s is a link that leads nowhere", path)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if err = lock(file, unix.LOCK_EX); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// lock takes the lock that the library takes as well; for one and the same open file
// it is granted again.
func lock(file *os.File, how int) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is no file of a store", file.Name())
	}
	err = unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	switch {
	case err == unix.EWOULDBLOCK:
		return fmt.Errorf("%s: %w", file.Name(), ErrInUse)
	case err != nil:
		return fmt.Errorf("flock %s: %w", file.Name(), err)
	}
	return nil
}

// settle makes what is read afterwards what the disk has. What a process that was
// killed had written but not synced counts as well, so it is synced before anybody
// sees it. What a sync has failed to write stays in the kernel's memory as if it were
// on the disk, and the next sync finds nothing to do: so that memory is given up.
func settle(file *os.File) error {
	syncErr := file.Sync()
	err := unix.Fadvise(int(file.Fd()), 0, 0, unix.FADV_DONTNEED)
	switch {
	case syncErr != nil: // what follows from it is no news
		return syncErr
	case err != nil:
		return fmt.Errorf("fadvise %s: %w", file.Name(), err)
	}
	return nil
}

// checkLocked reads the whole file.
func checkLocked(file *os.File, s seams) (l label, err error) {
	if !s.noSync {
		if err = settle(file); err != nil {
			return l, err
		}
	}
	info, err := file.Stat()
	if err != nil {
		return l, err
	}
	if l, err = checkFile(file, info.Size()); err != nil {
		return l, refusal(file.Name(), err)
	}
	return l, nil
}

// mapFile gives a file that was checked to the library, which closes it.
func mapFile(file *os.File, s seams) (db *bolt.DB, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	err = guard(func() (err error) {
		db, err = bolt.Open(file.Name(), fileMode, &bolt.Options{
			Timeout:         lockTimeout,
			FreelistType:    bolt.FreelistMapType,
			InitialMmapSize: mapBytes,
			MaxSize:         mapBytes,
			NoStatistics:    true,
			NoSync:          s.noSync,
			OpenFile:        func(string, int, os.FileMode) (*os.File, error) { return file, nil },
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	db.AllocSize = growBytes
	return db, nil
}

// guard turns a panic into an error: the library panics where a file has changed
// under it, and so does the runtime where it cannot be read any more.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p}
		}
	}()
	return run()
}

type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// Start implements Store.
func (d *disk) Start(reserve Reserve) {
	d.reserve = reserve
	d.ended = make(chan struct{})
	go d.worker.run()
}

// Do implements Store.
func (d *disk) Do(c *Caller, op Op, done func(Result)) error {
	size := op.size()
	if d.ops >= opsMax || d.opsBytes+size > opsBytesMax {
		return ErrBusy
	}
	complete, ok := d.reserve()
	if !ok {
		return ErrBusy
	}
	d.ops++
	d.opsBytes += size
	o := &operation{disk: d, caller: c, size: size, complete: complete, done: done, refused: op.check()}
	if o.refused == nil {
		o.Op = Op{op.Kind, bytes.Clone(op.Key), bytes.Clone(op.Value), bytes.Clone(op.Old), bytes.Clone(op.After)}
	}
	d.queue <- o // never waits: there is a place for each that is under way
	return nil
}

// finish ends an operation on the loop's thread.
func (o *operation) finish() {
	o.disk.ops--
	o.disk.opsBytes -= o.size
	o.done(o.result)
}

// ID implements Store.
func (d *disk) ID() uuid.UUID { return d.id }

// Close implements Store. A library that has panicked would wait for its own locks: it
// keeps its mapping, which keeps the lock too unless that is given up.
func (d *disk) Close() error {
	if d.ended != nil {
		close(d.queue)
		<-d.ended
	}
	if d.worker.stuck {
		return errors.Join(unix.Flock(int(d.file.Fd()), unix.LOCK_UN), d.file.Close())
	}
	d.worker.state.close()
	return d.db.Close()
}
