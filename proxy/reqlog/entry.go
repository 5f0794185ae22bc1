package reqlog

// This file owns what is said about a connection or a request before it is text:
// fixed-size entries without pointers, which the collector does not look at. It
// must not know how they are spelled.

import (
	"net/netip"
	"syscall"

	"fooproxy/foo"
)

// endpointKind says what an Endpoint is.
type endpointKind uint8

const (
	noEndpoint endpointKind = iota
	ipEndpoint
	unixEndpoint
)

// Endpoint is where a client or a server is. The zero value is nowhere.
type Endpoint struct {
	addr [16]byte // of IPv4: as IPv6 maps it
	port uint16
	kind endpointKind
}

// UnixClient is the client of a unix socket, which has no name.
var UnixClient = Endpoint{kind: unixEndpoint}

// UnixServer is a server's unix socket: the one of that number in
// Config.UnixServers.
func UnixServer(number int) Endpoint { return Endpoint{kind: unixEndpoint, port: uint16(number)} }

// IPEndpoint is an address and a port; an address that is none gives the zero
// Endpoint. A zone is not kept.
func IPEndpoint(a netip.AddrPort) Endpoint {
	if !a.IsValid() {
		return Endpoint{}
	}
	return Endpoint{addr: a.Addr().As16(), port: a.Port(), kind: ipEndpoint}
}

// Peers names a connection of a client in every line about it: by its number,
// and by the two ends.
type Peers struct {
	Conn           uint32
	Client, Server Endpoint
}

// End is how a request ended.
type End uint8

// The ends of a request.
const (
	Answered  End = iota + 1 // by the server
	Refused                  // by a NAK that was made here
	Abandoned                // its client or its server is gone
)

var endNames = [...]string{Answered: "answered", Refused: "refused", Abandoned: "abandoned"}

// Why is the reason for which a connection ended, or a request without the
// server's reply. The zero value is none.
type Why uint8

// The reasons.
const (
	ClientEnded Why = iota + 1 // and got all its replies, as far as its server sent them
	ClientReset
	ServerEnded
	ServerLost
	ServerUnreachable
	OutOfResources
	LineTooLong
	ServerLineTooLong
	IdleTimeout
	LineTimeout
	WriteTimeout
	Drained
	DrainOver
	Shutdown
	DataNotUTF8
	DataNUL
	UpstreamLost
	NoServer
	RequestTimeout
	numWhys
)

var whyNames = [numWhys]string{
	ClientEnded:       "client ended",
	ClientReset:       "client reset",
	ServerEnded:       "server ended",
	ServerLost:        "server lost",
	ServerUnreachable: "server not reachable",
	OutOfResources:    "out of resources",
	LineTooLong:       "line too long",
	ServerLineTooLong: "server line too long",
	IdleTimeout:       "idle timeout",
	LineTimeout:       "line timeout",
	WriteTimeout:      "write timeout",
	Drained:           "drained",
	DrainOver:         "drain over",
	Shutdown:          "shutdown",
	DataNotUTF8:       "data is not UTF-8",
	DataNUL:           "data holds NUL",
	UpstreamLost:      "upstream lost",
	NoServer:          "no server",
	RequestTimeout:    "timeout",
}

// String is the reason as lines spell it.
func (w Why) String() string { return whyNames[w] }

// Request is a request that has ended.
type Request struct {
	Seq               uint64
	Arrived           int64    // loop time, ns
	BytesIn, BytesOut uint32   // of its line and of its reply's, LF included; no reply: 0
	Type              foo.Type // of the reply; 0: there is none
	End               End
	Why               Why
}

// event is what an entry is about.
type event uint8

const (
	connectEvent event = iota
	requestEvent
	closeEvent
)

// entry is one line to be.
type entry struct {
	at      int64 // loop time, ns
	request Request
	peers   Peers
	event   event
	why     Why // of a close
	errno   uint16
}

func (e *entry) error() syscall.Errno { return syscall.Errno(e.errno) }
