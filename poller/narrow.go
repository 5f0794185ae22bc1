// narrow.go owns the seam by which a test with few connections reaches the bounds
// of a turn that were made for thousands. Nothing in a running program calls it.

package poller

// Narrow has a wait of the loop take at most so many events, and a turn do at most
// so much work, in lines. It must be called before the first turn, and neither may
// be above what a loop has of its own.
func (l *Loop) Narrow(events, work int) {
	l.events = l.events[:events]
	l.workMax = work
}
