package cli

// This file owns the pid file: written whole or not at all, removed only while
// it is still ours.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PidFile is a file that holds this process's id. The command that wrote it
// removes it at exit.
type PidFile struct {
	path string
	info os.FileInfo
}

// WritePidFile writes the process's id and a newline to path through a
// temporary file beside it, so that no reader sees half a number. An old file
// is replaced; anything but a regular file is left alone. The empty path
// writes nothing and gives nil, which Remove accepts. The error names the file
// and the reason.
func WritePidFile(path string) (*PidFile, error) {
	if path == "" {
		return nil, nil
	}
	info, err := writePid(path)
	if err != nil {
		return nil, fmt.Errorf("pid file %s: %w", clean(path), reason(err))
	}
	return &PidFile{path: path, info: info}, nil
}

func writePid(path string) (os.FileInfo, error) {
	// A rename onto /dev/null would replace the device.
	if old, err := os.Lstat(path); err == nil && !old.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	info, err := fillPid(temp)
	if closeErr := temp.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		// The first error is the one to tell; this only tidies up.
		_ = os.Remove(temp.Name())
		return nil, err
	}
	return info, nil
}

func fillPid(temp *os.File) (os.FileInfo, error) {
	if _, err := temp.WriteString(strconv.Itoa(os.Getpid()) + "\n"); err != nil {
		return nil, err
	}
	// Others need to read it to send signals; CreateTemp makes it private.
	if err := temp.Chmod(0o644); err != nil {
		return nil, err
	}
	return temp.Stat()
}

// Remove deletes the file if it is still the one that was written: a newer
// process may have put its own in its place. A file that is gone is no error.
func (p *PidFile) Remove() error {
	if p == nil || !p.ours() {
		return nil
	}
	if err := os.Remove(p.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("pid file %s: %w", clean(p.path), reason(err))
	}
	return nil
}

// ours compares the file and what is in it: process ids repeat between
// containers, and inode numbers are used again.
func (p *PidFile) ours() bool {
	info, err := os.Lstat(p.path)
	if err != nil || !os.SameFile(info, p.info) {
		return false
	}
	text, err := os.ReadFile(p.path)
	return err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getpid())
}

// reason strips the call and the path from an error: the path of the temporary
// file would only confuse.
func reason(err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return path.Err
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		return link.Err
	}
	return err
}
