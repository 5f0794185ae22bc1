// muxreserve.go owns the room that is kept for one client whose line is longer than what
// there is on any shared link: shorter lines of others would take it for ever. Where
// the links take nothing it holds nobody back, since he may wait for ever then.

package proxy

import "fooproxy/poller"

// reservation is for whom room is kept.
type reservation struct {
	session *session // nil: nobody
	written uint64   // by all links, at the last look
	moved   int64    // when that had changed, or the reservation began; loop time, ns
	timer   poller.Timer
}

// Expire implements poller.Expirer. That there is a turn is all that is wanted of it.
func (r *reservation) Expire(int64) {}

// reserve keeps room for s, unless somebody has it kept already.
func (m *mux) reserve(s *session) {
	r := &m.sharing.reserved
	if r.session == nil {
		r.session, r.written, r.moved = s, m.written(), m.proxy.loop.Now()
	}
}

// release ends that room is kept for s, who has sent something or has nothing to send.
func (m *mux) release(s *session) {
	m.sharing.guests[s.place].called = false
	if r := &m.sharing.reserved; r.session == s {
		r.session = nil
		m.proxy.loop.Disarm(&r.timer)
	}
}

// holdsBack reports whether s must wait since room is kept for somebody else.
func (m *mux) holdsBack(s *session) bool {
	r := &m.sharing.reserved
	return r.session != nil && r.session != s && m.proxy.loop.Now() < r.moved+int64(muxReserveMax)
}

// lookAtReservation is called after every turn.
func (m *mux) lookAtReservation(now int64) {
	r := &m.sharing.reserved
	if r.session == nil {
		return
	}
	if s := r.session; m.open == 0 || !m.sharing.guests[s.place].wants || !s.hasWaiting() || !m.maySend(s) {
		m.release(s) // he has sent it, need not wait, or waits for replies: nobody is held back for that
		return
	}
	if written := m.written(); written != r.written {
		r.written, r.moved = written, now
	}
	if end := r.moved + int64(muxReserveMax); end > now {
		m.proxy.loop.Arm(&r.timer, r, end)
	}
}

// written is how many bytes the links have taken that stand.
func (m *mux) written() (sum uint64) {
	for _, l := range m.links {
		if l != nil && l.state == linkOpen {
			sum += l.conn.Written()
		}
	}
	return sum
}
