// rules.go owns which keys and values are taken. It must not know what is done with
// them.

package kv

import (
	"bytes"
	"unicode"
	"unicode/utf8"

	"fooproxy/foo"
)

// CheckKey returns why a key is not taken: it is UTF-8 without control characters
// or whitespace, so that it is one word of a line.
func CheckKey(key []byte) error {
	if len(key) == 0 {
		return ErrKeyEmpty
	}
	return checkPrefix(key)
}

// checkPrefix takes what CheckKey takes, and nothing, with which any key begins.
func checkPrefix(prefix []byte) error {
	if len(prefix) > KeyBytesMax {
		return ErrKeyLong
	}
	if !utf8.Valid(prefix) {
		return ErrKeyText
	}
	for _, r := range string(prefix) {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return ErrKeyText
		}
	}
	return nil
}

// CheckValue returns why a value is not taken: it has to be the Data of a line of Foo,
// which does not begin with a blank, and a CR at its end would belong to the line.
func CheckValue(value []byte) error {
	switch n := len(value); {
	case n > ValueBytesMax:
		return ErrValueLong
	case foo.CheckData(value) != nil || bytes.IndexByte(value, '\n') >= 0:
		return ErrValueText
	case n > 0 && (foo.IsBlank(value[0]) || value[n-1] == '\r'):
		return ErrValueEnds
	}
	return nil
}

// check returns why an operation is refused before anything is looked up.
func (op *Op) check() error {
	if op.Kind == Show {
		if err := checkPrefix(op.Key); err != nil {
			return err
		}
		return checkPrefix(op.After)
	}
	if err := CheckKey(op.Key); err != nil {
		return err
	}
	if op.Kind != Set && op.Kind != Swap {
		return nil
	}
	// What can be no value differs from every value, but the longer text helps more.
	if err := CheckValue(op.Old); err != nil {
		return err
	}
	return CheckValue(op.Value)
}

// size is what an operation counts until it has completed, its result included.
func (op *Op) size() int {
	n := opBytes + len(op.Key) + len(op.Value) + len(op.Old) + len(op.After)
	switch op.Kind {
	case Get:
		n += ValueBytesMax
	case Show:
		n += ShowBytesMax
	}
	return n
}
