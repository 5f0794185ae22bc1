// file.go owns what all descriptors have in common: how many of them mean this
// file, and the registration that tells of its edges.

package fake

// node is what a descriptor can stand for: a stream, a listener, a wake-up.
type node interface {
	base() *file
	// mask is the whole state, as epoll would report it.
	mask() uint32
	// release is called when the last descriptor is closed.
	release()
}

// file is embedded in every node. A registration belongs to the file, not to
// the number: it goes with the last descriptor, so a file that is shared with
// another process goes on telling after the number was closed.
type file struct {
	kernel *Kernel
	refs   int
	named  bool // a number of the process stands for it
	watch  *Sys // who is told; nil: nobody
	token  uint64
	woken  bool   // on the ready list of watch
	told   uint32 // every bit that was ever reported
	fresh  bool   // something has happened since the last call that found nothing
	notify func() // the test's own, for ends that no descriptor stands for
}

func (f *file) base() *file { return f }

// wake puts n on the ready list of whoever watches it. That is the whole rule of
// edges: the next Wait reports what is true then, and takes it off the list.
func wake(n node) {
	f := n.base()
	f.fresh = true
	if f.notify != nil {
		f.notify()
	}
	if f.watch != nil && !f.woken {
		f.woken = true
		f.watch.ready = append(f.watch.ready, n)
	}
}

// unwatch ends the registration.
func unwatch(n node) {
	f := n.base()
	if f.watch == nil {
		return
	}
	if f.woken {
		f.watch.forget(n)
	}
	f.watch, f.woken = nil, false
}

// wakeup is an eventfd.
type wakeup struct {
	file
	set bool
}

func (w *wakeup) mask() uint32 {
	if w.set {
		return maskIn | maskOut
	}
	return maskOut
}

func (w *wakeup) release() {}
