// dial.go owns the opening of the connections: a few at a time, each to the first
// address that answers, and no run where one of them fails. It must not know what
// they are for.

package load

import (
	"fmt"
	"time"

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

// route is where the connections go: the addresses of all servers in one row, which
// each connection walks in a circle.
type route struct {
	addresses []poller.Addr
	starts    []int // of each server: the place of its first address

	first, again poller.ConnConfig // of a connection at the start, and in the place of a lost one
}

func newRoute(c *Config) (r route) {
	for _, addresses := range c.Servers {
		r.starts = append(r.starts, len(r.addresses))
		r.addresses = append(r.addresses, addresses...)
	}
	count := time.Duration(len(r.addresses))
	r.first = poller.DefaultConnConfig()
	r.first.HighMark, r.first.LowMark, r.first.TurnLines = outputMark, outputLow, turnLines
	r.first.KeepUnsent = c.Reconnect > 0 // what was not written is sent again
	r.again = r.first
	// All addresses share the time that a connection has.
	r.first.ConnectTimeout = connectTimeout / count
	r.again.ConnectTimeout = max(dialTimeoutMin, c.Reconnect/count)
	return r
}

// dial tries the addresses in turn, from the lane's next one on, until each has
// been tried in this round.
func (l *lane) dial() {
	r := l.run
	config := &r.route.first
	if l.lostAt != 0 {
		config = &r.route.again
	}
	for ; l.tried < len(r.route.addresses); l.turnToNext() {
		conn, e := r.loop.Dial(r.route.addresses[l.address], &socketOptions, l, config)
		if e == 0 {
			l.conn, l.state = conn, laneDialling
			return
		}
		l.noteRefusal(e)
	}
	if l.lostAt != 0 {
		l.pause()
		return
	}
	// The first error is that of the address that the user meant.
	r.fail(fmt.Errorf("connection %d of %d: %w", l.index+1, len(r.lanes), l.refused))
}

// turnToNext counts the address as tried.
func (l *lane) turnToNext() {
	l.tried++
	l.address = (l.address + 1) % len(l.run.route.addresses)
}

// noteRefusal keeps the error of the first address of a round.
func (l *lane) noteRefusal(why error) {
	if l.refused == nil {
		l.refused = fmt.Errorf("%v: %w", l.run.route.addresses[l.address], why)
	}
}

// dialAgain goes on with the next address, where the run still wants to begin or
// the lane has lost its server.
func (l *lane) dialAgain(why poller.Cause) {
	if l.run.phase != phaseDialling && l.lostAt == 0 || l.run.phase == phaseOver {
		return
	}
	if why.Errno != 0 {
		l.noteRefusal(why.Errno)
	} else {
		l.noteRefusal(fmt.Errorf("%v", why))
	}
	l.turnToNext()
	l.search()
}

// OnOpen implements poller.Handler.
func (l *lane) OnOpen(*poller.Conn) {
	r := l.run
	r.open++
	if r.phase != phaseDialling {
		l.resume()
		return
	}
	l.state = laneReady
	r.dials.going--
	if r.dials.opened++; r.dials.opened < len(r.lanes) {
		r.dialMore()
		return
	}
	r.begin()
}
