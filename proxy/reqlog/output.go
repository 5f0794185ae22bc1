package reqlog

// This file owns the file that lines go to: how it is opened, opened anew, and
// written so that no line is ever cut into another, even where a write breaks off
// in its middle. It must not know what the lines say, nor wait for a better time.

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"
)

// errNoReader: a fifo that nobody has open for reading.
var errNoReader = errors.New("nobody reads the fifo")

// target is what an output writes to: a file, or what a test has instead.
type target interface {
	io.WriteCloser
	SetWriteDeadline(time.Time) error
}

// output is the file as the writer sees it. The lock is for writeOther; the
// writer is alone otherwise.
type output struct {
	path string
	open func() (target, error)

	lock sync.Mutex
	file target // nil: a fifo without a reader
	rest []byte // of a line that broke off; it is owed to the file before all else
	torn int    // lines that were begun and get no end, not told yet
}

// openOutput opens the file for the first time. A fifo without a reader gives an
// output that is tried again later.
func openOutput(path string) (*output, error) {
	o := &output{path: path, open: func() (target, error) { return openFile(path) }}
	if path == Stdout {
		o.open = func() (target, error) { return os.Stdout, nil }
	}
	file, err := o.open()
	if err != nil && err != errNoReader {
		return nil, fmt.Errorf("request log %s: %w", path, err)
	}
	if err == nil {
		o.file = file
	}
	return o, nil
}

// openFile opens a file to append to it, behind a whole line. It does not wait
// for the reader of a fifo.
func openFile(path string) (target, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK|syscall.O_NOCTTY, fileMode)
	if errors.Is(err, syscall.ENXIO) {
		return nil, errNoReader
	}
	if err != nil {
		return nil, reason(err)
	}
	if err := endLine(file, path); err != nil {
		return nil, errors.Join(reason(err), file.Close())
	}
	return file, nil
}

// reason is an error without the operation and the path, which whoever tells of
// it names.
func reason(err error) error {
	var wrapped *fs.PathError
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// endLine ends the last line of a file that was left in its middle, by a process
// that was killed or a disk that was full.
func endLine(file *os.File, path string) error {
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err
	}
	reader, err := os.Open(path)
	if err != nil {
		return nil // we may write it and not read it; then its end stays unknown
	}
	defer reader.Close() // nothing was written through it
	var last [1]byte
	if _, err := reader.ReadAt(last[:], info.Size()-1); err != nil || last[0] == '\n' {
		return nil // it has become shorter meanwhile, or is as it should be
	}
	_, err = file.Write([]byte{'\n'})
	if errors.Is(err, syscall.ENOSPC) {
		return nil // the first line will tell; one that is cut is the least trouble then
	}
	return err
}

// reopen opens the file anew and gives the old one, to be closed; nil where there
// is none. Where it cannot be opened the old one stays. A line whose rest was owed
// to the old file is lost with it.
func (o *output) reopen() (old target, lost int, err error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	file, err := o.open()
	if err != nil || file == o.file {
		return nil, 0, err
	}
	old, o.file = o.file, file
	if torn := o.forgetRest(); torn && !isRegular(file) {
		o.rest = append(o.rest, '\n') // it may be the same fifo
	}
	return old, o.tellTorn(), nil
}

// isRegular reports whether a file's end can be looked at, as endLine does.
func isRegular(file target) bool {
	f, ok := file.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode().IsRegular()
}

// forgetRest owes nothing to the file any more, and reports whether a line is
// torn for it.
func (o *output) forgetRest() (torn bool) {
	if torn = len(o.rest) > 1; torn { // an LF alone ends a line that was told of
		o.torn++
	}
	o.rest = o.rest[:0]
	return torn
}

func (o *output) tellTorn() (lines int) {
	lines, o.torn = o.torn, 0
	return lines
}

// write appends whole lines. It gives how many of them did not go out. Of a line
// that was begun the rest goes out before the next write's lines, so it counts as
// written.
func (o *output) write(lines []byte) (lost int, err error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.file == nil {
		file, err := o.open()
		if err != nil {
			return bytes.Count(lines, []byte{'\n'}), err
		}
		o.file = file
	}
	n, err := o.putLines(lines)
	return bytes.Count(lines[n:], []byte{'\n'}) + o.tellTorn(), err
}

// putLines gives how many bytes of lines are in the file, or are owed to it: the
// rest of a line that broke off.
func (o *output) putLines(lines []byte) (n int, err error) {
	if err := o.payRest(); err != nil {
		return 0, err
	}
	n, err = o.put(lines)
	if n > 0 && n < len(lines) && lines[n-1] != '\n' {
		end := n + bytes.IndexByte(lines[n:], '\n') + 1
		o.rest = append(o.rest[:0], lines[n:end]...)
		n = end
	}
	return n, err
}

// payRest writes what is owed of a line that was begun.
func (o *output) payRest() error {
	if len(o.rest) == 0 {
		return nil
	}
	n, err := o.put(o.rest)
	o.rest = o.rest[:copy(o.rest, o.rest[n:])]
	return err
}

// put writes to the file. Only a fifo and the like have deadlines; the disk is
// waited for. A reader that takes something in time is slow, not gone.
func (o *output) put(p []byte) (n int, err error) {
	for end := time.Now().Add(slowWait); ; {
		err = o.file.SetWriteDeadline(time.Now().Add(writeWait))
		if err != nil && !errors.Is(err, os.ErrNoDeadline) {
			return n, reason(err)
		}
		k, err := o.file.Write(p[n:])
		n += k
		if k == 0 || !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().After(end) {
			return n, reason(err)
		}
	}
}

// writeOther writes somebody else's line to the same stream.
func (o *output) writeOther(line []byte) (int, error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	if o.file == nil {
		return 0, errNoReader
	}
	n, err := o.putLines(line)
	if n == len(line) {
		err = nil // it was begun, and its rest will follow
	}
	return n, err
}

// close closes the file, but not standard output, which others have, too. It
// gives how many lines were begun and have no end.
func (o *output) close() (lost int, err error) {
	o.lock.Lock()
	defer o.lock.Unlock()
	file := o.file
	o.file = nil
	o.forgetRest()
	if file == nil || file == target(os.Stdout) {
		return o.tellTorn(), nil
	}
	return o.tellTorn(), reason(file.Close())
}
