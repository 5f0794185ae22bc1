// export_test.go owns what must hold of a proxy after every turn, and what must
// hold besides when its loop is at rest. It looks at everything and changes
// nothing.

package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"fooproxy/stats"
)

// checkInvariants names the first thing that is wrong. It belongs to the loop's
// goroutine, between two turns.
func (p *Proxy) checkInvariants() error {
	live, open, queued, held := 0, 0, 0, 0
	for i, s := range p.sessions {
		if int(s.place) != i || s.proxy != p {
			return fmt.Errorf("session %d stands at %d of the list and believes to stand at %d", s.id, i, s.place)
		}
		if err := s.checkInvariants(); err != nil {
			return fmt.Errorf("session %d: %w", s.id, err)
		}
		live += int(s.requests.count) + s.abandoned()
		queued += s.queuedBytes()
		held += s.heldBytes()
		if s.state != sessionOver {
			open++
		}
	}
	if p.mux != nil {
		n, err := p.mux.checkInvariants()
		if err != nil {
			return err
		}
		live += n
	}
	for _, s := range p.starved {
		if s.starved && (s.state > sessionFinishing || !slices.Contains(p.sessions, s)) {
			return fmt.Errorf("session %d is on the list of the starved in state %d, starved %v", s.id, s.state, s.starved)
		}
	}
	for _, s := range p.waiting {
		if s.waits && (s.link.conn != nil || s.state > sessionFinishing || !slices.Contains(p.sessions, s)) {
			return fmt.Errorf("session %d is on the list of those that wait in state %d, waits %v", s.id, s.state, s.waits)
		}
	}
	if s := p.favoured; s != nil && (s.state > sessionFinishing || !slices.Contains(p.sessions, s)) {
		return fmt.Errorf("session %d is favoured in state %d", s.id, s.state)
	}
	if live != p.records.live {
		return fmt.Errorf("%d records are on queues, %d are in use", live, p.records.live)
	}
	if queued != p.queued || held != p.heldBack {
		return fmt.Errorf("%d bytes are queued and %d held back, %d and %d are counted", queued, held, p.queued, p.heldBack)
	}
	if err := errors.Join(p.records.checkInvariants(), p.checkUpstreams()); err != nil {
		return err
	}
	if err := p.checkDoor(); err != nil {
		return err
	}
	return p.checkCounters(open)
}

func (s *session) checkInvariants() error {
	if s.starved && !slices.Contains(s.proxy.starved, s) || s.waits && !slices.Contains(s.proxy.waiting, s) {
		return fmt.Errorf("starved is %v and waits %v, and the lists do not have it", s.starved, s.waits)
	}
	owed, lines, held := int32(0), 0, 0
	err := s.proxy.records.walk(&s.requests, clientOrder, func(r *record) error {
		switch {
		case r.session != s.mark():
			return fmt.Errorf("holds a request of session %d", r.session)
		case r.isSent():
			owed++
		case r.state == recordExpired && r.nak != 0:
			owed++
		case r.state == recordQueued:
			lines++
		case r.state == recordHeld && s.proxy.config.Ordered:
			held += int(r.linkSeq)
		case r.state != recordAnswered || r.nak == 0:
			return fmt.Errorf("holds a record in state %d with nak %d", r.state, r.nak)
		}
		return nil
	})
	queued := 0
	if s.extra != nil {
		queued = bytes.Count(s.extra.lines, []byte{'\n'})
	}
	switch {
	case err != nil:
		return err
	case held > 0 && s.extra == nil || s.extra != nil && s.extra.held.lives != held:
		return fmt.Errorf("%d bytes of replies are held back, and it says otherwise", held)
	case lines != queued:
		return fmt.Errorf("%d requests are queued, and %d lines", lines, queued)
	case s.state >= sessionEnding && (s.requests.count != 0 || s.extra != nil):
		return fmt.Errorf("state %d with %d requests", s.state, s.requests.count)
	case (s.link.conn == nil) != (s.link.upstream == nil), (s.link.conn == nil) != (s.link.state == linkNone):
		return fmt.Errorf("its link is in state %d with connection %v and server %v", s.link.state, s.link.conn, s.link.upstream)
	case s.link.conn == nil && s.link.requests.count != 0:
		return fmt.Errorf("%d requests are on no link", s.link.requests.count)
	case s.link.conn == nil && s.state < sessionEnding && !s.waits && !s.proxy.failsOver():
		return fmt.Errorf("state %d without a link", s.state)
	case s.mayMove() && s.state <= sessionFinishing:
		return errors.New("it could leave its server, and does not")
	case s.link.conn == nil:
		return nil
	case s.link.requests.count != owed+int32(s.abandoned()):
		return fmt.Errorf("the link waits for %d requests, not for %d", s.link.requests.count, owed+int32(s.abandoned()))
	}
	return s.checkLink()
}

// abandoned is how many records are on the link alone.
func (s *session) abandoned() (n int) {
	for id := s.link.requests.head; id != 0; id = s.proxy.records.at(id).nextLink {
		if s.proxy.records.at(id).state == recordAbandoned {
			n++
		}
	}
	return n
}

// checkLink looks at the requests in the order of the link.
func (s *session) checkLink() error {
	before, expired := uint64(0), int32(0)
	err := s.proxy.records.walk(&s.link.requests, linkOrder, func(r *record) error {
		switch {
		case r.state == recordExpired || r.state == recordAbandoned:
			expired++
		case !r.isSent():
			return fmt.Errorf("its link holds a record in state %d", r.state)
		}
		if r.session != s.id {
			return fmt.Errorf("its link holds a record of session %d", r.session)
		}
		if r.end <= before || r.end > s.link.conn.Appended() {
			return fmt.Errorf("a line ends at %d, behind one that ends at %d, in a stream of %d", r.end, before, s.link.conn.Appended())
		}
		before = r.end
		return nil
	})
	if err == nil && (s.extra == nil && expired > 0 || s.extra != nil && s.extra.expired != expired) {
		err = fmt.Errorf("%d of its requests have expired, it says otherwise", expired)
	}
	return err
}

// checkUpstreams compares the servers' counts with the sessions.
func (p *Proxy) checkUpstreams() error {
	sessions, opening, outstanding := map[*upstream]int32{}, map[*upstream]int32{}, map[*upstream]int32{}
	for _, s := range p.sessions {
		if u := s.link.upstream; u != nil {
			sessions[u]++
			outstanding[u] += s.link.requests.count
			if s.link.state < linkOpen {
				opening[u]++
			}
		}
	}
	if p.mux != nil {
		p.mux.countLoads(sessions, outstanding)
	}
	for _, u := range p.upstreams {
		if u.opening != opening[u] {
			return fmt.Errorf("%d sessions dial server %s, and it says %d", opening[u], u.name, u.opening)
		}
		if u.load.sessions != sessions[u] || u.load.outstanding != outstanding[u] {
			return fmt.Errorf("server %s has %d sessions and %d requests, and says %d and %d", u.name, sessions[u], outstanding[u], u.load.sessions, u.load.outstanding)
		}
	}
	return nil
}

// walk visits a queue and compares it with what the queue says of itself.
func (t *records) walk(q *queue, o order, visit func(*record) error) error {
	count, last := int32(0), recordID(0)
	for id := q.head; id != 0; id = *t.at(id).next(o) {
		if err := visit(t.at(id)); err != nil {
			return err
		}
		if count++; int(count) > t.live {
			return fmt.Errorf("queue %d runs in a circle", o)
		}
		last = id
	}
	if count != q.count || last != q.tail {
		return fmt.Errorf("queue %d holds %d records up to %d, and says %d up to %d", o, count, last, q.count, q.tail)
	}
	return nil
}

// checkInvariants compares the table's counts with its records.
func (t *records) checkInvariants() error {
	live := 0
	for n, c := range t.chunks {
		if c == nil {
			if slices.Contains(t.open, n) {
				return fmt.Errorf("chunk %d is gone and listed", n)
			}
			continue
		}
		used := 0
		for i := range c.records {
			if c.records[i].state != recordFree {
				used++
			}
		}
		room := recordsPerChunk - used
		if n == 0 {
			room-- // number 0 is never given
		}
		if c.frees != room || c.listed != (room > 0) || c.listed != slices.Contains(t.open, n) {
			return fmt.Errorf("chunk %d has room for %d, and says %d (listed %v)", n, room, c.frees, c.listed)
		}
		live += used
	}
	if live != t.live {
		return fmt.Errorf("%d records are in use, the table says %d", live, t.live)
	}
	return nil
}

// checkCounters holds the counters against each other and against what is there.
func (p *Proxy) checkCounters(open int) error {
	n := p.stats.Count
	owed := 0
	for _, s := range p.sessions {
		// The queue was walked before, so it ends.
		for id := s.requests.head; id != 0; id = p.records.at(id).nextClient {
			if p.records.at(id).seq != 0 {
				owed++
			}
		}
	}
	if got := n(stats.MsgReq) - n(stats.Answered) - n(stats.Abandoned); got != int64(owed) {
		return fmt.Errorf("msg_req - answered - abandoned is %d, %d requests are outstanding", got, owed)
	}
	// A NAK made here answers a request, or is a NAK 0 beside all requests.
	known := n(stats.Answered) + n(stats.Strays) + n(stats.NakZero)
	if replies := n(stats.MsgAck) + n(stats.MsgNak); replies != known {
		return fmt.Errorf("%d replies went to clients, answered + strays + nak_zero are %d", replies, known)
	}
	if got := n(stats.Accepts) - n(stats.Closes); got != int64(open) {
		return fmt.Errorf("accepts - closes is %d, %d clients are there", got, open)
	}
	return nil
}

// checkRest is for a loop that has nothing to do: who is not read then must have
// a reason that will pass, and output that waits waits for the kernel.
func (p *Proxy) checkRest() error {
	if p.mux != nil {
		return p.mux.checkRest()
	}
	for _, s := range p.sessions {
		if s.state > sessionFinishing || s.link.conn == nil || s.link.state == linkLeaving {
			continue
		}
		client, server := s.client, s.link.conn
		waits := s.full && int(s.requests.count) >= p.config.MaxOutstanding || s.starved
		if client.Paused() && !waits && server.Room() == p.config.Server.HighMark {
			return fmt.Errorf("session %d: the client is not read, and nothing will change that", s.id)
		}
		if server.Paused() && client.Room() == p.config.Client.HighMark {
			return fmt.Errorf("session %d: the server is not read, and nothing will change that", s.id)
		}
		if s.owesNak() && client.Room() == p.config.Client.HighMark {
			return fmt.Errorf("session %d: a NAK waits for nothing", s.id)
		}
	}
	return nil
}
