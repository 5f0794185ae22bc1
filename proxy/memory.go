// memory.go owns the bound on the memory of all clients together: above it the
// clients that hold the most are not read, until enough has been given back.

package proxy

import "fooproxy/poller"

// starves decides whether a client is not read for the sake of the others: the
// limit is reached and the client holds at least its share of it.
func starves(held, limit, sessions, own int) bool {
	return held > limit && own > 0 && own >= limit/max(sessions, 1)
}

// held is the memory of all buffers and records, in bytes.
func (p *Proxy) held() int { return p.loop.Held() + p.records.held() + p.queued + p.heldBack }

// hasShare reports whether memory is short and s holds its share of it.
func (p *Proxy) hasShare(s *session) bool {
	held := p.held()
	return held > p.config.MaxMemory && starves(held, p.config.MaxMemory, len(p.sessions), s.held())
}

// awaitMemory reports whether s must wait for memory, and has it read again when
// that may have changed.
func (p *Proxy) awaitMemory(s *session) bool {
	if !p.hasShare(s) || p.favours(s) {
		return false
	}
	if !s.starved {
		s.starved = true
		p.starved = append(p.starved, s)
	}
	p.armShortage()
	return true
}

// favours lets one client through that holds the beginning of a line and no
// output: only reading on can free that memory. It is one at a time, so that the
// limit is exceeded by no more than a line, and for a bounded time, since the
// client may not send the rest.
func (p *Proxy) favours(s *session) bool {
	if p.favoured == nil && s.onlyReads() {
		p.favoured, p.favouredUntil = s, p.loop.Now()+int64(favourTime)
	}
	return p.favoured == s
}

// onlyReads reports whether no output of the session waits, on either side. Its
// requests may wait for their replies: a server that never answers one of them
// must not starve the line behind it for ever.
func (s *session) onlyReads() bool {
	if s.client.Appended() != s.client.Written() || s.queuedBytes() > 0 {
		return false
	}
	conn := s.link.conn
	return conn == nil || conn.Appended() == conn.Written()
}

// feed is called after every turn: it has the starved read again once memory has
// been given back, or once the favoured one has had its turn.
func (p *Proxy) feed(now int64) {
	over := false
	if s := p.favoured; s != nil && (s.client.Kept() == 0 || now >= p.favouredUntil) {
		p.favoured, over = nil, true
	}
	if over || len(p.starved) > 0 && float64(p.held()) <= float64(p.config.MaxMemory)*memoryResume {
		p.resumeStarved()
	}
}

// resumeStarved has everybody ask again.
func (p *Proxy) resumeStarved() {
	for i, s := range p.starved {
		p.starved[i] = nil
		if s.starved {
			s.starved = false
			s.client.Resume()
		}
	}
	p.starved = p.starved[:0]
}

// readRoom is how much may be read on top of what is kept, for output with the
// given limit. A line of any length fits into empty output; in front of output
// that waits little is kept, since the two cost memory together.
func readRoom(out *poller.Conn, kept, limit int) int {
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

// replyRoom bounds what may be read of the server's replies to s. Replies are
// asked for, but a client that does not take them must not fill the memory with
// them either.
func (p *Proxy) replyRoom(s *session, kept int) int {
	limit := p.config.Client.HighMark
	room := readRoom(s.client, kept, limit)
	if p.held() <= p.config.MaxMemory {
		return room
	}
	if s.client.Room() < limit && p.hasShare(s) {
		s.client.WantRoom(limit)
		return 0
	}
	return min(room, keptBytesMax)
}
