// Package newcomer keeps connections whose PROXY header has not come yet, and
// closes those that bring none.
//
//	             not trusted
//	accepted ─┬───────────────────────────────────► the owner's handler
//	          └► newcomer ─┬─ header is whole ────► Welcome ─► the same
//	             trusted   └─ bad, or none in time ► Refused, closed
//
// room.go owns who waits at the moment, and what is told of the refused. It must
// not know what clients say behind the header.
package newcomer

import (
	"go.uber.org/zap"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
)

// Owner is whose connections they are. The loop's goroutine calls it.
type Owner interface {
	// Welcome gets a connection whose header is whole, and its client: whom the
	// header names, or who has connected where it names nobody. It gives the
	// handler that goes on with what comes behind the header, or none after it has
	// closed the connection.
	Welcome(c *poller.Conn, client poller.Peer) poller.Handler
	// Refused: a connection is being closed since its header was bad, or did not
	// come.
	Refused()
	// Left: a connection is gone that nobody went on with. Its descriptor is free.
	Left()
}

// Room holds the newcomers of one loop. It belongs to the loop's goroutine.
type Room struct {
	loop     *poller.Loop
	log      *zap.Logger
	trusted  proxyheader.Trusted
	owner    Owner
	inside   []*newcomer
	draining bool

	complain int64 // no complaint before
	refused  int   // since the last one
}

// NewRoom makes an empty room. Those who are trusted have to bring a header, all
// others must not. The log must never block.
func NewRoom(loop *poller.Loop, log *zap.Logger, trusted proxyheader.Trusted, owner Owner) *Room {
	return &Room{loop: loop, log: log, trusted: trusted, owner: owner}
}

// Expect gives the handler of a connection that has to bring a header; nil where
// the peer's connection has none. It is for poller.Acceptor's OnAccept.
func (r *Room) Expect(peer poller.Peer) poller.Handler {
	if !r.trusted.Anybody() || !r.trusted.Trusts(peer.AddrPort()) {
		return nil
	}
	return &newcomer{room: r, peer: peer}
}

// Enter takes a connection with a handler of Expect into the room; false where the
// handler is another one. It is for poller.Acceptor's OnAccepted.
func (r *Room) Enter(c *poller.Conn, h poller.Handler) bool {
	n, ok := h.(*newcomer)
	if !ok {
		return false
	}
	n.conn = c
	c.SetFilter(n)
	r.add(n)
	n.wait(r.loop.Now() + int64(headerTimeout))
	if r.draining {
		c.StopReading()
	}
	return true
}

// Len is how many connections are in the room, those included that are being
// closed.
func (r *Room) Len() int { return len(r.inside) }

// Drain has everybody be read once more, now and when they enter later. Who has
// not brought a header by then is closed.
func (r *Room) Drain() {
	r.draining = true
	for _, n := range r.inside {
		n.conn.StopReading()
	}
}

func (r *Room) add(n *newcomer) {
	n.place = len(r.inside)
	r.inside = append(r.inside, n)
}

func (r *Room) remove(n *newcomer) {
	last := len(r.inside) - 1
	moved := r.inside[last]
	r.inside[n.place], moved.place = moved, n.place
	r.inside[last] = nil
	r.inside = r.inside[:last]
}

// tellRefused logs a refusal, with the number of those since the last that was
// logged.
func (r *Room) tellRefused(peer poller.Peer, why error) {
	r.refused++
	now := r.loop.Now()
	if now < r.complain {
		return
	}
	r.log.Warn("closed a connection that has to begin with a PROXY header", zap.Stringer("peer", peer), zap.String("why", why.Error()), zap.Int("refused", r.refused))
	r.complain, r.refused = now+int64(complaintInterval), 0
}
