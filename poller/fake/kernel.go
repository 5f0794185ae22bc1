// Package fake is a simulated kernel: sockets, descriptors, edges and a clock
// without a machine below them. A loop on it is deterministic, and a test
// forces the schedule it is about.
//
//	test ─► Peer, Server ─► ┌─────────────────────────┐
//	        Inject, Advance │ Kernel: streams, clock, │ ◄─► Sys ◄─► poller.Loop
//	                        │ descriptors, listeners  │
//	                        └─────────────────────────┘
//
// Nothing in it runs by itself: bytes cross when somebody writes or reads, time
// passes when somebody waits. It follows what was measured of Linux, and its
// tests hold it against the real one. It is not safe for several goroutines.
//
// kernel.go owns the table of descriptors.
package fake

import (
	"fmt"
	"syscall"

	"fooproxy/poller"
)

// Kernel is one host with one process. Create it with New.
type Kernel struct {
	// Limit is how many descriptors the process may have open, as a number that
	// no descriptor reaches.
	Limit int
	// Batch is how many events one Wait reports at most. 0: as many as fit.
	Batch int
	// Choose makes the choices that are the kernel's, each among n; nil always
	// takes 0, the boring one.
	Choose func(what Choice, n int) int

	// AnyShortRead lets any read leave bytes behind. It is for programs that do
	// not take a short read for the end of what there is.
	AnyShortRead bool
	// KeepSaid has every connection keep what its ends have written.
	KeepSaid bool
	// Trace, where it is set, is told of every call and every wait.
	Trace func(format string, args ...any)
	// OnClearWake, where it is set, is called while an eventfd is being read: what
	// another thread may do between any two instructions.
	OnClearWake func()

	chaos        *Chaos
	activity     uint64 // calls that changed something
	wasted       int    // calls that could not have done anything, and the caller could know
	stale        uint64 // events that were reported for closed numbers
	clock        clock
	table        []node // by descriptor
	lowest       int    // no number below is free
	open         int
	listeners    []*listener
	faults       [callCount][]Fault
	counts       [callCount]int
	clientPort   uint16
	listenerPort uint16
}

// New makes a kernel on which nothing is open.
func New() *Kernel {
	return &Kernel{
		Limit:        descriptorLimit,
		clock:        clock{now: 1},
		table:        make([]node, firstDescriptor),
		lowest:       firstDescriptor,
		clientPort:   firstClientPort,
		listenerPort: firstListenerPort,
	}
}

// Open is how many descriptors are open.
func (k *Kernel) Open() int { return k.open }

// Activity grows with every call that changed something. A program that makes
// turns while neither this nor the clock moves, spins.
func (k *Kernel) Activity() uint64 { return k.activity }

// Wasted is how many reads and writes answered EAGAIN though nothing had happened
// on that connection since it was last empty, or full. A program that knows
// nothing of edges makes many of them.
func (k *Kernel) Wasted() int { return k.wasted }

// Stale is how many events were reported whose descriptor was closed meanwhile.
func (k *Kernel) Stale() uint64 { return k.stale }

// SetLimit changes how many descriptors the process may have open, to so many
// more than it has open now.
func (k *Kernel) SetLimit(more int) {
	highest := len(k.table) - 1
	for highest >= 0 && k.table[highest] == nil {
		highest--
	}
	k.Limit = highest + 1 + more
}

// Descriptor is the number at whose other end p is; -1 where it is closed, or
// not accepted yet.
func (k *Kernel) Descriptor(p *Peer) int {
	for fd, n := range k.table {
		if n != nil && n == node(p.end.other) {
			return fd
		}
	}
	return -1
}

// Share has another process hold the descriptor as well, as after a fork or an
// SCM_RIGHTS message: closing the number then neither closes the connection nor
// ends its registration. The function gives the other process's hold up.
func (k *Kernel) Share(fd int) (giveUp func()) {
	n := k.must("share", fd)
	n.base().refs++
	return func() { k.unref(n) }
}

// free is the lowest free number; ok is false where the limit is reached.
func (k *Kernel) free() (fd int, ok bool) {
	for k.lowest < len(k.table) && k.table[k.lowest] != nil {
		k.lowest++
	}
	return k.lowest, k.lowest < k.Limit
}

// install gives n the lowest free number.
func (k *Kernel) install(n node) (int, poller.Errno) {
	fd, ok := k.free()
	if !ok {
		return -1, syscall.EMFILE
	}
	if fd == len(k.table) {
		k.table = append(k.table, nil)
	}
	k.table[fd] = n
	n.base().refs++
	n.base().named = true
	k.open++
	k.activity++
	return fd, 0
}

// must is what fd stands for. A number that is not open is a fault of the
// program: with other timing it would belong to somebody else by now.
func (k *Kernel) must(call string, fd int) node {
	if fd < 0 || fd >= len(k.table) || k.table[fd] == nil {
		panic(fmt.Sprintf("fake: %s of descriptor %d, which is not open", call, fd))
	}
	return k.table[fd]
}

func (k *Kernel) stream(call string, fd int) *stream {
	if s, ok := k.must(call, fd).(*stream); ok {
		return s
	}
	panic(fmt.Sprintf("fake: %s of descriptor %d, which is no connection", call, fd))
}

func (k *Kernel) close(fd int) {
	n := k.must("close", fd)
	k.table[fd] = nil
	k.lowest = min(k.lowest, fd)
	k.open--
	k.activity++
	n.base().named = false
	if k.chaos != nil {
		k.chaos.share(k, n)
	}
	k.unref(n)
}

func (k *Kernel) unref(n node) {
	f := n.base()
	if f.refs--; f.refs == 0 {
		unwatch(n)
		n.release()
	}
}
