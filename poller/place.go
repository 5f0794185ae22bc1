// place.go owns the dials to unix sockets whose queue of connections is full. TCP
// tries again by itself; here the kernel says EAGAIN once and never tells of
// room, so the loop asks again by a timer. It does not judge how long that may
// take: a dial that waits here is one under way, with its connect timeout.

package poller

import "slices"

// placeless is a dial that waits for a place in the queue of addr.
type placeless struct {
	conn *Conn
	addr Addr
}

// placeTimer is the loop as the owner of the timer that has them ask again.
type placeTimer Loop

func (l *Loop) awaitPlace(c *Conn, addr Addr) {
	l.waiting = append(l.waiting, placeless{c, addr})
	l.armPlaces()
}

func (l *Loop) armPlaces() {
	if len(l.waiting) > 0 && !l.askAgain.Armed() {
		l.timers.arm(&l.askAgain, (*placeTimer)(l), l.now+int64(placeRetry))
	}
}

// forgetPlace is for a dial that has ended.
func (l *Loop) forgetPlace(c *Conn) {
	if len(l.waiting) > 0 {
		l.waiting = slices.DeleteFunc(l.waiting, func(w placeless) bool { return w.conn == c })
	}
}

// Expire implements Expirer: they ask again, the oldest first. Where one finds a
// queue full the others of that address need not ask, so that many of them cost
// one call.
func (t *placeTimer) Expire(int64) {
	l := (*Loop)(t)
	var full []Addr
	l.waiting = slices.DeleteFunc(l.waiting, func(w placeless) bool {
		if w.conn.state != stateConnecting {
			return true
		}
		if slices.Contains(full, w.addr) {
			return false
		}
		switch e := l.sys.ConnectAgain(int(w.conn.fd), w.addr); e {
		case 0:
			w.conn.onEdge(MaskOut) // no edge tells
		case eAgain:
			full = append(full, w.addr)
			return false
		default:
			w.conn.die(Cause{Kind: CauseRefused, Errno: e})
		}
		return true
	})
	l.armPlaces()
}
