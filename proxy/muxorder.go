// muxorder.go owns the replies that wait for older ones, where each client gets its
// replies in the order of its requests although several links carry them. They are
// memory of their client, as its output is.

package proxy

import "fooproxy/foo"

// heldBack are replies of a session that came before their turn, one behind the other
// as they came. A record says where its own stands: end is where it ends, linkSeq how
// long it is.
type heldBack struct {
	text  []byte
	lives int // bytes of it whose turn has not come
}

// hold keeps a reply until all before it are answered.
func (s *session) hold(id recordID, line []byte) {
	p := s.proxy
	r, h := p.records.at(id), &s.more().held
	before := len(h.text)
	h.text = appendRenumbered(h.text, line, r.seq)
	n := len(h.text) - before
	h.lives += n
	p.heldBack += n
	r.state, r.end, r.linkSeq = recordHeld, uint64(len(h.text)), uint64(n)
}

// release gives the client the reply that is next. It reports false where there is no
// room.
func (s *session) release(id recordID) bool {
	p := s.proxy
	r, h := p.records.at(id), &s.extra.held
	n := int(r.linkSeq)
	if !s.client.Fits(n) {
		s.client.WantRoom(n)
		return false
	}
	line := h.text[int(r.end)-n : r.end]
	t := foo.ACK
	if line[0] == 'N' {
		t = foo.NAK
	}
	s.toClient(line)
	if l := p.mux.linkOf(r); l != nil {
		s.logShared(l)
	}
	s.takeShared(id, t, n)
	h.lives -= n
	if 2*h.lives <= len(h.text) {
		s.packHeld()
	}
	return true
}

// packHeld drops the replies whose turn has come.
func (s *session) packHeld() {
	p, h := s.proxy, &s.extra.held
	before := len(h.text)
	if h.lives == 0 {
		h.text = h.text[:0]
		if cap(h.text) > heldKeptBytes {
			h.text = nil
		}
	} else {
		packed := make([]byte, 0, 2*h.lives)
		for id := s.requests.head; id != 0; {
			r := p.records.at(id)
			if r.state == recordHeld {
				packed = append(packed, h.text[r.end-r.linkSeq:r.end]...)
				r.end = uint64(len(packed))
			}
			id = r.nextClient
		}
		h.text = packed
	}
	p.heldBack -= before - len(h.text)
}

// heldBytes is what is held back for the session.
func (s *session) heldBytes() int {
	if s.extra == nil {
		return 0
	}
	return len(s.extra.held.text)
}

// sharedRoom is how much may be read of a client: who takes no replies, or has too many
// of them held back, gets no more. The latter is read again when some were released.
func (s *session) sharedRoom(kept int) int {
	if s.heldBytes() >= s.proxy.config.Client.HighMark {
		s.full = true
		return 0
	}
	return min(s.client.RoomOrWake(kept), clientReadBytes)
}
