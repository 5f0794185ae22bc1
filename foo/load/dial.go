// dial.go owns the opening of the connections: a few at a time, each to the first
// address that answers, and no run where one of them fails. It must not know what
// they are for.

package load

import (
	"fmt"

	"fooproxy/poller"
)

// dials is how far the opening is.
type dials struct {
	next   int // the first lane that was not dialled
	going  int // dials under way
	opened int
}

// socketOptions leave everything to the kernel: the run has its own watch for
// silent peers, and the output that it makes has its own bound.
var socketOptions = poller.SocketOptions{}

func (r *Run) dialMore() {
	if most := r.loop.DescriptorLimit() - descriptorsReserve; len(r.lanes) > most {
		r.fail(fmt.Errorf("%d connections need more descriptors than the limit of %d has",
			len(r.lanes), r.loop.DescriptorLimit()))
		return
	}
	for r.dials.going < dialsMax && r.dials.next < len(r.lanes) && r.phase == phaseDialling {
		l := r.lanes[r.dials.next]
		r.dials.next++
		r.dials.going++
		l.dial()
	}
}

// fail ends a run before its beginning. Only the first cause is kept; the others
// follow from it.
func (r *Run) fail(err error) {
	if r.phase == phaseDialling {
		r.failed = err
		r.over()
	}
}

// dial tries the addresses in turn, from the lane's next one on.
func (l *lane) dial() {
	r := l.run
	for ; l.address < len(r.config.Addresses); l.address++ {
		conn, e := r.loop.Dial(r.config.Addresses[l.address], &socketOptions, l, &r.conn)
		if e == 0 {
			l.conn, l.state = conn, laneDialling
			return
		}
		l.noteRefusal(e)
	}
	// The first error is that of the address that the user meant.
	r.fail(fmt.Errorf("connection %d of %d: %w", l.index+1, len(r.lanes), l.refused))
}

// noteRefusal keeps the error of the first address.
func (l *lane) noteRefusal(why error) {
	if l.refused == nil {
		l.refused = fmt.Errorf("%v: %w", l.run.config.Addresses[l.address], why)
	}
}

// dialAgain goes on with the next address, where the run still wants to begin.
func (l *lane) dialAgain(why poller.Cause) {
	if l.run.phase != phaseDialling {
		return
	}
	if why.Errno != 0 {
		l.noteRefusal(why.Errno)
	} else {
		l.noteRefusal(fmt.Errorf("%v", why))
	}
	l.address++
	l.dial()
}

// OnOpen implements poller.Handler.
func (l *lane) OnOpen(*poller.Conn) {
	r := l.run
	l.state = laneReady
	r.open++
	r.dials.going--
	if r.dials.opened++; r.dials.opened < len(r.lanes) {
		r.dialMore()
		return
	}
	if r.phase == phaseDialling {
		r.begin()
	}
}
