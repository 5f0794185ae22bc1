// memory.go owns the bound on the memory of all clients together: above it the
// clients that hold the most are not read, until enough has been given back.

package proxy

import "slices"

// starves decides whether a client is not read for the sake of the others: the
// limit is reached and the client holds at least its share of it. A client that
// holds nothing is always read, so that everybody can progress.
func starves(held, limit, sessions, own int) bool {
	return held > limit && own > 0 && own >= limit/max(sessions, 1)
}

// held is the memory of all buffers and records, in bytes.
func (p *Proxy) held() int { return p.loop.Held() + p.records.held() }

// short reports whether more is held than may be.
func (p *Proxy) short() bool { return p.held() > p.config.MaxMemory }

// hasShare reports whether memory is short and s holds its share of it.
func (p *Proxy) hasShare(s *session) bool {
	return p.short() && starves(p.held(), p.config.MaxMemory, len(p.sessions), s.held())
}

// starves reports whether s must wait for memory, and remembers that it does.
func (p *Proxy) starves(s *session) bool {
	if !p.hasShare(s) {
		return false
	}
	if !s.starved {
		s.starved = true
		p.starved = append(p.starved, s)
	}
	s.awaitEmpty()
	return true
}

// replyRoom bounds what may be read of the server's replies to s. Replies are
// asked for, but a client that does not take them must not fill the memory with
// them either.
func (p *Proxy) replyRoom(s *session, room int) int {
	limit := p.config.Client.HighMark
	switch {
	case !p.short():
		return room
	case s.client.Room() < limit && p.hasShare(s):
		s.client.WantRoom(limit)
		return 0
	}
	return min(room, keptBytesMax)
}

// readRoom is how much may be read on top of what is kept, for output with the
// given limit. A line of any length fits into empty output; in front of output
// that waits little is kept, since the two cost memory together.
func readRoom(out output, kept, limit int) int {
	room := out.RoomOrWake(kept)
	switch {
	case room == 0:
		return 0
	case out.Room() == limit:
		return limit - kept
	case kept >= keptBytesMax:
		out.WantRoom(limit) // that is, when nothing waits any more
		return 0
	}
	return min(room, keptBytesMax-kept)
}

// output is what readRoom asks: a client's connection or a link's.
type output interface {
	RoomOrWake(kept int) int
	Room() int
	WantRoom(n int)
}

// awaitEmpty has a starving session looked at again when its output has gone.
// To wait for memory alone would not do: others may hold it for ever.
func (s *session) awaitEmpty() {
	if out := s.link.out; out.Appended() > out.Written() {
		out.WantRoom(s.proxy.config.Server.HighMark)
	}
	if s.client.Appended() > s.client.Written() {
		s.client.WantRoom(s.proxy.config.Client.HighMark)
	}
}

// feed has the starved read again once memory has been given back.
func (p *Proxy) feed() {
	if len(p.starved) == 0 || float64(p.held()) > float64(p.config.MaxMemory)*memoryResume {
		return
	}
	for _, s := range p.starved {
		s.starved = false
		s.client.Resume()
	}
	clear(p.starved)
	p.starved = p.starved[:0]
}

// forget takes a session that is gone off the list.
func (p *Proxy) forgetStarved(s *session) {
	if s.starved {
		p.starved = slices.DeleteFunc(p.starved, func(x *session) bool { return x == s })
	}
}
