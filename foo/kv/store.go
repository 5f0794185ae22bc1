// Package kv keeps keys and their values for a server: in memory, in a file, and
// one day in what several servers share. All of them stand behind Store.
//
//	loop's thread                 worker                         committer
//
//	Do ──► queue ──────────────► a read of a caller without
//	                             writes under way: answered
//	                             from the durable state ───┐
//	                             anything else: waits      │
//	                                      │                │
//	                                      └─► batch ───────┼────► one transaction,
//	                                                       │      one commit
//	                             what a commit made good ◄─┼──────────┘
//	                                      │                │
//	done ◄── reserved place ◄─────────────┴────────────────┘
//
// An operation comes in by Do and leaves by its done, which the loop calls. Between
// the two it belongs to the store. The loop waits for nothing: it puts an
// operation into a queue that has room, or is told that the store is busy.
//
// One thing holds up the loop all the same: while a goroutine reads a page of the
// mapped file that has to come from the disk, it cannot be stopped, and a collection
// that begins meanwhile stops all others until that page has come. The opening reads
// all pages, so this takes a kernel that has given some up for want of memory, and it
// lasts as long as the disk does.
//
// While a commit is under way the writes that arrive become the next batch, so
// that however many there are, each waits for two commits at most as long as a batch
// takes them all. Reads of everybody else are answered meanwhile.
//
// store.go owns what an operation is and what a store promises. It must not know
// how anything is kept.
package kv

import (
	"errors"

	"github.com/google/uuid"
)

// Kind says what an operation does.
type Kind uint8

const (
	// Get asks for the value of Key.
	Get Kind = iota
	// Show asks for the keys that begin with Key, and their values, as one JSON
	// object in the order of the keys; only for those behind After where that is
	// not empty.
	Show
	// Set gives Key the value Value.
	Set
	// Delete takes Key away.
	Delete
	// Swap gives Key the value Value where it has the value Old.
	Swap
	// Incr adds one to the value of Key, which is then the result. A key that is
	// absent counts as 0.
	Incr
)

func (k Kind) writes() bool { return k >= Set }

// Op is an operation. Its bytes stay the caller's; a store copies what it keeps.
type Op struct {
	Kind  Kind
	Key   []byte
	Value []byte
	Old   []byte
	After []byte
}

// Result is what became of an operation. Its bytes are read by done only, and not
// changed by anyone.
type Result struct {
	// Err says why the operation did nothing or, where it is ErrUncertain, why that is
	// not known. Its text is short, has no byte of a peer in it, and can stand in a NAK.
	Err error
	// Value is what Get, Show and Incr found.
	Value []byte
	// Next is what After has to be to see the rest; empty where Show saw all.
	Next []byte
}

// Caller is somebody whose operations take effect and complete in the order in which
// they were put in: a connection. The zero value is ready. It must not be copied.
type Caller struct {
	waiting int    // operations that go the way of writes; the worker's
	held    uint64 // the last scan that found one of its writes waiting; the worker's
}

// Reserve keeps a place for a completion, as a loop's mailbox does: complete is
// called once, by any goroutine, and has the loop call run.
type Reserve func() (complete func(run func()), ok bool)

// ErrBusy says that nothing was put in: the store has as many operations under way as
// it takes, or the loop has no place to reserve. Whenever one has completed there may
// be room: not for certain, since it may have been a small one and this be a large
// one. When none is under way there is, as far as the store goes; whether the loop has
// a place nobody tells, so that who waits then must try again by a timer, or give up.
var ErrBusy = errors.New("store is busy")

// Store keeps keys and values. One loop uses it.
type Store interface {
	// Start begins to serve, with completions in places of reserve. It is called
	// once, before the first Do.
	Start(reserve Reserve)
	// Do puts an operation in. done is called once, on the loop's thread: later, or
	// before Do returns where the store can tell at once. The error is ErrBusy, and
	// then done is never called.
	//
	// A write is as durable as the store makes it when done is called without an
	// error, and a read sees only what is that durable. Operations of one caller see
	// those that it put in before.
	Do(c *Caller, op Op, done func(Result)) error
	// ID says which store this is: the same as long as its data live.
	ID() uuid.UUID
	// Close completes what was put in and lets go of everything. It waits, so the
	// loop must not call it; there is no Do at the same time or later. On a disk that
	// hangs it waits for ever: whoever calls it bounds that.
	Close() error
}
