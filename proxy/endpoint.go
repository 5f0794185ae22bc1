// endpoint.go owns how a session remembers where its client is: in 18 bytes, not
// the 32 of netip.AddrPort, since every idle client has one.

package proxy

import "net/netip"

// endpoint is an address and a port. The zero value is none.
type endpoint struct {
	addr [16]byte // of IPv4: as IPv6 maps it
	port uint16
}

func endpointOf(a netip.AddrPort) endpoint {
	if !a.IsValid() {
		return endpoint{}
	}
	return endpoint{addr: a.Addr().As16(), port: a.Port()}
}

// addrPort is the endpoint as it was; without a zone, which no client has.
func (e endpoint) addrPort() netip.AddrPort {
	if e == (endpoint{}) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(e.addr).Unmap(), e.port)
}

// String shows it in a log.
func (e endpoint) String() string { return e.addrPort().String() }
