// fault.go owns what goes wrong on purpose, and every choice that the kernel is
// free to make. There is one place for each: next for a call, choose for all
// other freedoms. Without a script every call does what an unloaded kernel does.

package fake

import (
	"slices"
	"time"

	"fooproxy/poller"
)

// Call names a system call of the seam.
type Call uint8

// The calls that can be scripted and that are counted.
const (
	CallWait Call = iota
	CallRegister
	CallListen
	CallAccept
	CallConnect
	CallRead
	CallWrite
	CallShutdown
	callCount
)

// Never is the delay of an answer that does not come.
const Never = time.Duration(1<<63 - 1)

// Fault is what one call does instead of the usual. The zero value is the usual.
type Fault struct {
	// To restricts the fault to the descriptor at whose other end this peer is.
	// nil: the next call, whatever it is about.
	To *Peer
	// Errno: the call does nothing and answers this.
	Errno poller.Errno
	// Bytes: a read or write moves no more than so many. 0: no bound.
	Bytes int
	// Delay: the answer to a connect comes so much later.
	Delay time.Duration
	// Self: a connect meets itself.
	Self bool
	// Refuse: a connect is refused.
	Refuse bool
}

// Inject has the next calls of that kind go wrong, one after the other.
func (k *Kernel) Inject(c Call, faults ...Fault) { k.faults[c] = append(k.faults[c], faults...) }

// Pending is how many injected faults of that kind have not happened.
func (k *Kernel) Pending(c Call) int { return len(k.faults[c]) }

// Count is how often the loop has made that call.
func (k *Kernel) Count(c Call) int { return k.counts[c] }

// next is what the call does that is being made on n. Every fault of every call
// comes from here: what a test has injected first, then what chance brings.
func (k *Kernel) next(c Call, n node) Fault {
	k.counts[c]++
	for i, f := range k.faults[c] {
		if f.To == nil || n != nil && n == node(f.To.end.other) {
			k.faults[c] = slices.Delete(k.faults[c], i, i+1)
			return f
		}
	}
	if k.chaos != nil {
		return k.chaos.fault(k, c, n)
	}
	return Fault{}
}

// Choice names a freedom of the kernel that is not the fault of a call.
type Choice uint8

const (
	// ChooseEvent: which of the n woken descriptors Wait reports next. The
	// boring one is the one that was woken first.
	ChooseEvent Choice = iota
	// ChooseBatch: after how many events of the n possible Wait returns; 0 is
	// all of them.
	ChooseBatch
)

// choose makes a choice among n; 0 is the boring one.
func (k *Kernel) choose(what Choice, n int) int {
	if k.Choose == nil || n < 2 {
		return 0
	}
	return k.Choose(what, n)
}
