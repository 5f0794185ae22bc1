// addr.go owns where a loop listens and connects, and who it is that connects.
// It opens nothing and looks nothing up.

package poller

import "net/netip"

// UnixPathBytesMax is the longest path of a unix socket, in bytes: the kernel
// keeps 108, and one of them ends it.
const UnixPathBytesMax = 107

// Addr is where one listens or connects: a TCP address or the path of a unix
// socket. It is a value: copy it freely, compare it with ==. The zero Addr is
// nowhere.
type Addr struct {
	tcp  netip.AddrPort
	path string
}

// TCPAddr is a TCP address.
func TCPAddr(a netip.AddrPort) Addr { return Addr{tcp: a} }

// UnixAddr is a unix socket in the file system. Its path has 1 to
// UnixPathBytesMax bytes, none of them NUL, and does not begin with @, which the
// kernel's names without a file do.
func UnixAddr(path string) Addr { return Addr{path: path} }

// TCP is the TCP address; it is not valid where there is none.
func (a Addr) TCP() netip.AddrPort { return a.tcp }

// Path is the path of the unix socket; empty where there is none.
func (a Addr) Path() string { return a.path }

// IsUnix reports whether it is a unix socket.
func (a Addr) IsUnix() bool { return a.path != "" }

// String is the address as a command line takes it: host:port or unix:/path.
func (a Addr) String() string {
	if a.IsUnix() {
		return "unix:" + a.path
	}
	return a.tcp.String()
}

// Peer is who has connected: a TCP address, or the zero value for the client of
// a unix socket, which has no name. It is apart from Addr, and half as large as
// netip.AddrPort, since each of many idle clients keeps one.
type Peer struct {
	addr [16]byte // of IPv4: as IPv6 maps it
	port uint16
}

// PeerOf is the peer at a TCP address, without its zone; nobody where that is not
// valid.
func PeerOf(a netip.AddrPort) Peer {
	if !a.IsValid() {
		return Peer{}
	}
	return Peer{addr: a.Addr().As16(), port: a.Port()}
}

// AddrPort is the TCP address; it is not valid where there is none.
func (p Peer) AddrPort() netip.AddrPort {
	if p == (Peer{}) {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom16(p.addr).Unmap(), p.port)
}

// String names the peer for a log.
func (p Peer) String() string {
	if p == (Peer{}) {
		return "unix"
	}
	return p.AddrPort().String()
}
