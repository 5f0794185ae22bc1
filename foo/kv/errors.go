// errors.go owns what is said when an operation cannot be done, or a file not be
// used. The texts of the first group stand in NAKs: they are short and hold nothing
// that a peer said.

package kv

import (
	"errors"
	"fmt"
)

// ErrUncertain says that the disk failed while an operation was on its way to it: a
// restart will show whether it was done. Nothing more is written until then.
var ErrUncertain = errors.New("not known whether it was done, store is read-only until restart")

// Why an operation did nothing.
var (
	ErrAbsent     = errors.New("no such key")
	ErrDiffers    = errors.New("value differs")
	ErrKeyEmpty   = errors.New("key is missing")
	ErrKeyLong    = fmt.Errorf("key over %d bytes", KeyBytesMax)
	ErrKeyText    = errors.New("key has whitespace, control characters or is not UTF-8")
	ErrValueLong  = fmt.Errorf("value over %d bytes", ValueBytesMax)
	ErrValueText  = errors.New("value has NUL, LF or is not UTF-8")
	ErrValueEnds  = errors.New("value begins with a blank or ends in CR")
	ErrNotInteger = errors.New("value is not an integer")
	ErrOverflow   = errors.New("integer is at its limit")
	ErrFull       = errors.New("no space left in the store")
	ErrReadOnly   = errors.New("store is read-only until restart")
	ErrUnreadable = errors.New("store cannot be read")
	ErrDamaged    = errors.New("entry is damaged on the disk")
)

// ErrInUse says that another process has the file.
var ErrInUse = errors.New("another process uses it")

// DamagedError says what is wrong with a file and what can be done about it.
type DamagedError struct {
	Path string
	What error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged (%v): restore a copy, or save with -dump what can be read and -load it into a new file", e.Path, e.What)
}

func (e *DamagedError) Unwrap() error { return e.What }

// NotStoreError says that a file is no store's, or not of a kind that this program
// knows. Nothing is wrong with it.
type NotStoreError struct {
	Path string
	What error
}

func (e *NotStoreError) Error() string {
	if errors.Is(e.What, errNewer) {
		return fmt.Sprintf("%s is not for this program (%v): use the newer one that made it", e.Path, e.What)
	}
	return fmt.Sprintf("%s is not the file of a store (%v): name another one, or move it away for a new one to be made", e.Path, e.What)
}

func (e *NotStoreError) Unwrap() error { return e.What }

// refusal is what is said of a file that cannot be used as it is.
func refusal(path string, what error) error {
	if isForeign(what) {
		return &NotStoreError{Path: path, What: what}
	}
	return &DamagedError{Path: path, What: what}
}

func isForeign(what error) bool {
	return errors.Is(what, errForeign) || errors.Is(what, errNewer)
}
