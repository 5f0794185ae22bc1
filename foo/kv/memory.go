// memory.go owns the store without a file: it completes at once and forgets all
// when the process ends.

package kv

import (
	"bytes"

	"github.com/google/uuid"
	"github.com/tidwall/btree"
)

// memory is a store and the entries in it. It belongs to the loop.
type memory struct {
	id    uuid.UUID
	tree  btree.Map[string, []byte]
	bytes int
	most  int
}

// NewMemory makes an empty store.
func NewMemory() Store { return &memory{id: uuid.New(), most: memoryBytesMax} }

// Start implements Store. Nothing completes later, so no place is needed.
func (m *memory) Start(Reserve) {}

// Do implements Store.
func (m *memory) Do(_ *Caller, op Op, done func(Result)) error {
	if err := op.check(); err != nil {
		done(Result{Err: err})
		return nil
	}
	done(apply(m, &op))
	return nil
}

// ID implements Store.
func (m *memory) ID() uuid.UUID { return m.id }

// Close implements Store.
func (m *memory) Close() error { return nil }

func (m *memory) get(key []byte) ([]byte, error) {
	value, ok := m.tree.Get(string(key))
	if !ok {
		return nil, ErrAbsent
	}
	return value, nil
}

func (m *memory) set(key, value []byte) error {
	grows := len(key) + len(value) + memoryEntryBytes
	if old, ok := m.tree.Get(string(key)); ok {
		grows = len(value) - len(old)
	}
	if grows > 0 && m.bytes+grows > m.most {
		return ErrFull
	}
	m.bytes += grows
	m.tree.Set(string(key), bytes.Clone(value))
	return nil
}

func (m *memory) remove(key []byte) error {
	old, _ := m.tree.Delete(string(key))
	m.bytes -= len(key) + len(old) + memoryEntryBytes
	return nil
}

func (m *memory) ascend(from []byte, visit func(key, value []byte) bool) error {
	m.tree.Ascend(string(from), func(key string, value []byte) bool {
		return visit([]byte(key), value)
	})
	return nil
}
