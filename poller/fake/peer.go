// peer.go owns the far end of one connection of the loop, which does what a test
// tells it. It holds no descriptor of the process.

package fake

import (
	"net/netip"
	"slices"

	"fooproxy/poller"
)

// Peer is the far end of one connection of the loop.
type Peer struct {
	kernel *Kernel
	end    *stream
	taken  []byte
}

// Dial connects a client to a listener of the loop. It stands at once where the
// listener's queue has room; Connected and Err tell.
func (k *Kernel) Dial(addr poller.Addr) *Peer { return k.DialFrom(k.clientAddr(addr), addr) }

// DialFrom is Dial with a client's address of the test's choice.
func (k *Kernel) DialFrom(local netip.AddrPort, addr poller.Addr) *Peer {
	s := k.newStream(nil)
	s.local = local
	s.goTo(addr)
	k.shake(s, firstRetry)
	return &Peer{kernel: k, end: s}
}

// Send writes as much of p as the kernel takes, and says how much that was: 0
// when the buffers are full or the connection is gone.
func (p *Peer) Send(b []byte) int {
	n, _ := p.end.write(b) // Err tells what became of the connection
	return n
}

// SendString is Send.
func (p *Peer) SendString(s string) int { return p.Send([]byte(s)) }

// SendUrgent sends one byte out of band. It reports whether there was room.
func (p *Peer) SendUrgent(b byte) bool {
	if p.end.state != streamOpen || p.end.finishing || !p.end.out.pushUrgent(b) {
		return false
	}
	p.end.cross()
	return true
}

// Receive takes all that has arrived, and with it what the sender's buffer held
// back. The slice is valid until the next call.
func (p *Peer) Receive() []byte {
	p.taken = p.taken[:0]
	for {
		at := len(p.taken)
		p.taken = slices.Grow(p.taken, p.end.in.size)
		n := p.end.in.pop(p.taken[at : at+p.end.in.size])
		p.taken = p.taken[:at+n]
		if n == 0 {
			return p.taken
		}
		p.end.other.cross()
	}
}

// ReceiveSome takes at most n bytes.
func (p *Peer) ReceiveSome(n int) []byte {
	n = min(n, p.end.in.size)
	p.taken = slices.Grow(p.taken[:0], n)[:n]
	p.end.in.pop(p.taken)
	if p.end.other != nil {
		p.end.other.cross()
	}
	return p.taken
}

// Buffered is how many bytes wait for Receive.
func (p *Peer) Buffered() int { return p.end.in.size }

// SetWindow changes how many bytes may wait for Receive.
func (p *Peer) SetWindow(bytes int) {
	p.end.in.limit = bytes
	if p.end.other != nil {
		p.end.other.cross()
	}
}

// SetFarWindow changes how many bytes may wait for the loop's next read. The
// connection must stand.
func (p *Peer) SetFarWindow(bytes int) {
	p.end.other.in.limit = bytes
	p.end.cross()
}

// CloseWrite sends FIN behind what was sent: shutdown(SHUT_WR).
func (p *Peer) CloseWrite() { p.end.finish() }

// Close closes: FIN, or RST where something was not received.
func (p *Peer) Close() { p.end.release() }

// Reset sends RST.
func (p *Peer) Reset() {
	p.end.closed = true
	p.end.abort()
}

// OnNews has f called whenever something happens at this end: bytes, room, an
// end, a reset. It comes in the middle of somebody's call, so f may only note it
// for later.
func (p *Peer) OnNews(f func()) { p.end.notify = f }

// Unsent is how many bytes that Send took have not reached the other end.
func (p *Peer) Unsent() int { return p.end.out.size }

// Unread is how many bytes have reached the other end and were not read there.
func (p *Peer) Unread() int {
	if p.end.other == nil {
		return 0
	}
	return p.end.other.in.size
}

// Taken is how many bytes the kernel took of the loop for this connection in all,
// whether or not they have arrived.
func (p *Peer) Taken() int {
	if p.end.other == nil {
		return 0
	}
	out := &p.end.other.out
	return int(out.place) + out.size
}

// Said is what Taken counts, where the kernel was told to keep it.
func (p *Peer) Said() []byte {
	if p.end.other == nil {
		return nil
	}
	return p.end.other.said
}

// GivenUp reports whether the connection was aborted before it was accepted.
func (p *Peer) GivenUp() bool { return p.end.other != nil && p.end.other.givenUp }

// AcceptedAt is when the loop accepted the connection, 0 where it has not.
func (p *Peer) AcceptedAt() int64 {
	if p.end.other == nil {
		return 0
	}
	return p.end.other.accepted
}

// RemoteAddr is the address of the other end.
func (p *Peer) RemoteAddr() netip.AddrPort { return p.end.remote }

// Connected reports whether the connection stands.
func (p *Peer) Connected() bool { return p.end.state == streamOpen }

// Ended reports whether the loop's FIN has come and all before it was received.
func (p *Peer) Ended() bool { return p.end.ended && p.end.in.size == 0 }

// Err is the error that the peer's own next call would meet: ECONNREFUSED,
// ECONNRESET, EPIPE, or 0.
func (p *Peer) Err() poller.Errno { return p.end.err }

// Addr is the peer's own address.
func (p *Peer) Addr() netip.AddrPort { return p.end.local }
