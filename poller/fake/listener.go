// listener.go owns listening sockets and the handshake: who finds whom, and what
// becomes of a SYN when the queue is full.

package fake

import (
	"net/netip"
	"slices"
	"syscall"
	"time"

	"fooproxy/poller"
)

// listener holds the connections that stand and that nobody has accepted.
type listener struct {
	file
	addr    poller.Addr
	options poller.SocketOptions // of the connections it makes
	queue   []*stream
}

func (l *listener) mask() uint32 {
	if len(l.queue) > 0 {
		return maskIn
	}
	return 0
}

// release resets what is queued.
func (l *listener) release() {
	l.kernel.listeners = slices.DeleteFunc(l.kernel.listeners, func(x *listener) bool { return x == l })
	for _, s := range l.queue {
		s.closed = true
		s.abort()
	}
	l.queue = nil
}

// take removes the oldest of the queue.
func (l *listener) take() *stream {
	s := l.queue[0]
	l.queue = slices.Delete(l.queue, 0, 1)
	return s
}

// listen opens a listener, on a free port where addr has none. The file of a unix
// socket is gone with its listener: that one may be left behind is for Linux to
// show.
func (k *Kernel) listen(addr poller.Addr, o poller.SocketOptions) (*listener, poller.Errno) {
	if !addr.IsUnix() && addr.TCP().Port() == 0 {
		addr = poller.TCPAddr(netip.AddrPortFrom(addr.TCP().Addr(), k.listenerPort))
		k.listenerPort += 2 // odd, so that no client ever gets one of them
	}
	if k.find(addr) != nil {
		return nil, syscall.EADDRINUSE
	}
	l := &listener{addr: addr, options: o}
	l.kernel = k
	k.listeners = append(k.listeners, l)
	return l, 0
}

// find is who listens on addr, or on its port at every address.
func (k *Kernel) find(addr poller.Addr) *listener {
	for _, l := range k.listeners {
		bound, tcp := l.addr.TCP(), addr.TCP()
		everywhere := !addr.IsUnix() && !l.addr.IsUnix() && bound.Port() == tcp.Port() && bound.Addr().IsUnspecified()
		if l.addr == addr || everywhere {
			return l
		}
	}
	return nil
}

// clientAddr is a local address for a connection to addr. Clients of a unix
// socket have none.
func (k *Kernel) clientAddr(addr poller.Addr) netip.AddrPort {
	if addr.IsUnix() {
		return netip.AddrPort{}
	}
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if addr.TCP().Addr().Is6() {
		local = netip.IPv6Loopback()
	}
	port := k.clientPort
	if k.clientPort++; k.clientPort > lastClientPort {
		k.clientPort = firstClientPort
	}
	return netip.AddrPortFrom(local, port)
}

// shake does the handshake of s with whoever listens where it goes: the
// connection stands, or it is refused, or the queue is full and the SYN is sent
// again later, as if it had been lost.
func (k *Kernel) shake(s *stream, retry time.Duration) {
	if s.closed || s.state != streamConnecting {
		return
	}
	l := k.find(s.to)
	if l == nil {
		s.reset()
		return
	}
	if len(l.queue) > l.options.Backlog {
		k.After(retry, func() { k.shake(s, 2*retry) })
		return
	}
	k.meet(s, l)
	wake(s)
}

// meet puts the other end of s into the queue of l.
func (k *Kernel) meet(s *stream, l *listener) {
	far := k.newStream(&l.options)
	far.unix = s.unix
	far.local, far.remote = s.remote, s.local
	join(s, far)
	l.queue = append(l.queue, far)
	wake(l)
}
