// moves.go owns what the kernel knows of how a loop treats a stream: when it last
// moved a byte, how long output found no room, when it ended its side. Those who
// judge a loop's patience ask it; the loop cannot.

package fake

import (
	"sort"
	"time"
)

// moves is what the loop's calls did to one stream.
type moves struct {
	active int64         // when a byte last moved; 0: the stream is not the loop's
	quiet  time.Duration // the longest time without, until then
	read   int64         // when the loop last read bytes; 0: never
	watch  uint64        // the place behind the byte that is watched; 0: none is
	seen   int64         // when the loop read that byte; 0: not yet
	full   int64         // since when output waits for room; 0: none does
	waited time.Duration // the longest such time, until then
	ended  int64         // when the loop ended its side, or closed; 0: not yet
	offers []offer       // in their order, where the kernel keeps what is said
}

// offer is when the loop first wanted to write what is before a place.
type offer struct {
	at int64
	to int
}

// begin notes that the loop has got the stream.
func (m *moves) begin(now int64) { m.active = now }

// move notes that bytes moved.
func (m *moves) move(now int64) {
	m.quiet = max(m.quiet, time.Duration(now-m.active))
	m.active = now
}

// reads notes that the loop has read the stream up to a place.
func (m *moves) reads(now int64, place uint64) {
	m.move(now)
	m.read = now
	if m.watch > 0 && m.seen == 0 && place >= m.watch {
		m.seen = now
	}
}

// wrote notes a write of which n bytes were taken.
func (m *moves) wrote(now int64, n, asked int) {
	if n > 0 {
		m.move(now)
	}
	if m.full > 0 && n > 0 {
		m.waited = max(m.waited, time.Duration(now-m.full))
		m.full = 0
	}
	if n < asked && m.full == 0 {
		m.full = now
	}
}

// offer notes that the loop wants to write up to a place, whether or not it may.
func (m *moves) offer(now int64, to int) {
	if last := len(m.offers) - 1; last < 0 || m.offers[last].to < to {
		m.offers = append(m.offers, offer{now, to})
	}
}

// end notes the first end of the loop's side.
func (m *moves) end(now int64) {
	if m.ended == 0 {
		m.ended = now
	}
}

// loops is the stream at the loop's end of the connection, nil where there is none.
func (p *Peer) loops() *moves {
	if p.end.other == nil {
		return nil
	}
	return &p.end.other.moves
}

// ReadAt is when the loop last read bytes of the peer's; 0 where it has not.
func (p *Peer) ReadAt() int64 {
	if m := p.loops(); m != nil {
		return m.read
	}
	return 0
}

// Watch has SeenAt tell of the byte that comes n bytes before the end of what the
// peer has sent; 1 is the last one.
func (p *Peer) Watch(n int) {
	if m := p.loops(); m != nil {
		in := &p.end.other.in
		m.watch, m.seen = in.place+uint64(in.size+p.end.out.size-n+1), 0
	}
}

// SeenAt is when the loop read the byte that is watched; 0 where it has not.
func (p *Peer) SeenAt() int64 {
	if m := p.loops(); m != nil {
		return m.seen
	}
	return 0
}

// EndedAt is when the loop ended its side of the connection, by FIN or by closing
// it; 0 where it has not.
func (p *Peer) EndedAt() int64 {
	if m := p.loops(); m != nil {
		return m.ended
	}
	return 0
}

// OfferedAt is when the loop first wanted to write the byte at a place of what it says,
// whether or not there was room for it; 0 where it has not, or where the kernel does not
// keep what is said.
func (p *Peer) OfferedAt(place int) int64 {
	if m := p.loops(); m != nil {
		i := sort.Search(len(m.offers), func(i int) bool { return m.offers[i].to > place })
		if i < len(m.offers) {
			return m.offers[i].at
		}
	}
	return 0
}

// Waited is the longest time in which the loop's output found no room, up to the
// given moment.
func (p *Peer) Waited(until int64) time.Duration {
	m := p.loops()
	switch {
	case m == nil:
		return 0
	case m.full > 0:
		return max(m.waited, time.Duration(until-m.full))
	}
	return m.waited
}

// Quiet is the longest time in which the loop moved no byte of the connection, up
// to the given moment.
func (p *Peer) Quiet(until int64) time.Duration {
	m := p.loops()
	if m == nil || m.active == 0 {
		return 0
	}
	return max(m.quiet, time.Duration(until-m.active))
}
