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
	addr    netip.AddrPort
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

// listen opens a listener, on a free port where addr has none.
func (k *Kernel) listen(addr netip.AddrPort, o poller.SocketOptions) (*listener, poller.Errno) {
	if addr.Port() == 0 {
		addr = netip.AddrPortFrom(addr.Addr(), k.listenerPort)
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
func (k *Kernel) find(addr netip.AddrPort) *listener {
	for _, l := range k.listeners {
		if l.addr.Port() == addr.Port() && (l.addr.Addr() == addr.Addr() || l.addr.Addr().IsUnspecified()) {
			return l
		}
	}
	return nil
}

// clientAddr is a local address for a connection to addr.
func (k *Kernel) clientAddr(addr netip.AddrPort) netip.AddrPort {
	local := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if addr.Addr().Is6() {
		local = netip.IPv6Loopback()
	}
	port := k.clientPort
	if k.clientPort++; k.clientPort > lastClientPort {
		k.clientPort = firstClientPort
	}
	return netip.AddrPortFrom(local, port)
}

// shake does the handshake of s with whoever listens on its remote address: the
// connection stands, or it is refused, or the queue is full and the SYN is sent
// again later, as if it had been lost.
func (k *Kernel) shake(s *stream, retry time.Duration) {
	if s.closed || s.state != streamConnecting {
		return
	}
	l := k.find(s.remote)
	if l == nil {
		s.reset()
		return
	}
	if len(l.queue) > l.options.Backlog {
		k.After(retry, func() { k.shake(s, 2*retry) })
		return
	}
	far := k.newStream(&l.options)
	far.local, far.remote = s.remote, s.local
	join(s, far)
	l.queue = append(l.queue, far)
	wake(l)
	wake(s)
}
