// apply.go owns what each operation does, whatever the entries are kept in. It must
// not know who asked, or when a change becomes durable.

package kv

import (
	"bytes"
	"errors"
	"math"
	"strconv"
)

// entries is what operations work on. The bytes that it returns are valid until the
// next change, those that it is given are copied.
type entries interface {
	// get returns ErrAbsent where there is no such key.
	get(key []byte) (value []byte, err error)
	set(key, value []byte) error
	// remove is only asked for keys that are there.
	remove(key []byte) error
	// ascend calls visit from a key onwards, in order, until it says no.
	ascend(from []byte, visit func(key, value []byte) bool) error
}

// apply does an operation that has passed its check, and returns what an entry
// holds in bytes of its own.
func apply(e entries, op *Op) (r Result) {
	switch op.Kind {
	case Get:
		r.Value, r.Err = e.get(op.Key)
		r.Value = bytes.Clone(r.Value)
	case Show:
		r = show(e, op)
	case Set:
		r.Err = e.set(op.Key, op.Value)
	case Delete:
		if _, r.Err = e.get(op.Key); r.Err == nil {
			r.Err = e.remove(op.Key)
		}
	case Swap:
		var value []byte
		switch value, r.Err = e.get(op.Key); {
		case r.Err != nil:
		case !bytes.Equal(value, op.Old):
			r.Err = ErrDiffers
		default:
			r.Err = e.set(op.Key, op.Value)
		}
	case Incr:
		r = increment(e, op.Key)
	default:
		panic("kv: an operation of no kind")
	}
	return r
}

func increment(e entries, key []byte) (r Result) {
	value, err := e.get(key)
	if err != nil && err != ErrAbsent {
		return Result{Err: err}
	}
	n := int64(0)
	if err == nil {
		if n, err = parseInteger(value); err != nil {
			return Result{Err: err}
		}
	}
	if n == math.MaxInt64 {
		return Result{Err: ErrOverflow}
	}
	sum := strconv.AppendInt(nil, n+1, 10)
	return Result{Value: sum, Err: e.set(key, sum)}
}

// parseInteger reads an integer as increment writes it: what has a plus or zeros in
// front is text that looks like one, and would not be the same text afterwards.
func parseInteger(value []byte) (n int64, err error) {
	n, err = strconv.ParseInt(string(value), 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, ErrOverflow
	case err != nil || strconv.FormatInt(n, 10) != string(value):
		return 0, ErrNotInteger
	}
	return n, nil
}
