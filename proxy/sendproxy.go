// sendproxy.go owns what a server is told of a client before the client's first
// byte: the PROXY header. It must not know what comes behind it.

package proxy

import (
	"net/netip"

	"fooproxy/foo/proxyheader"
)

// announce appends the header of the session's client to a new connection to a
// server, before anything else. It gives the place in that stream at which the
// session's own bytes begin, which is the same on all its connections: neither the
// client nor where it has connected changes.
func (s *session) announce(out outlet) (begin uint64) {
	p := s.proxy
	if p.config.SendProxy == 0 {
		return 0
	}
	client, to := s.peer.AddrPort(), s.client.LocalAddr()
	if client.IsValid() && !to.IsValid() {
		// A header told us of the client, over a unix socket. An address must stand
		// there.
		to = netip.AddrPortFrom(unspecifiedAs(client.Addr()), 0)
	}
	p.header = proxyheader.Append(p.header[:0], p.config.SendProxy, client, to)
	out.Append(p.header)
	return uint64(len(p.header))
}

// unspecifiedAs is the address of nobody, of the same family.
func unspecifiedAs(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// appendProxyLocal adds the header of a connection that the proxy makes for itself.
// Servers that insist on a header get it with checks of their health, too. Version
// 0 is none.
func appendProxyLocal(dst []byte, version int) []byte {
	if version == 0 {
		return dst
	}
	return proxyheader.AppendLocal(dst, version)
}
