// Package proxyheader is the PROXY header with which proxies tell a server who
// its client is, in front of all that the client says. It does no I/O.
//
// header.go owns where a header ends, and what it says. A library reads and
// writes the headers themselves. It must not know how the bytes came.
//
//	version 1   PROXY TCP4 192.0.2.1 198.51.100.1 56324 443 CR LF
//	version 2   12 bytes of signature, 2 of kind, 2 of length, so many bytes
package proxyheader

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	proxyproto "github.com/pires/go-proxyproto"
)

// What is wrong with a header. The text of ErrMalformed is followed by what the
// library says, which quotes what it repeats of the peer's bytes.
var (
	ErrMissing   = errors.New("no PROXY header")
	ErrTooLong   = errors.New("PROXY header too long")
	ErrMalformed = errors.New("PROXY header malformed")
)

// fixedBytes is how much of a header of version 2 has a fixed form. Its length
// stands at the end of that.
const fixedBytes = 16

// textPrefix and binaryPrefix are how headers of the two versions begin.
var (
	textPrefix   = []byte("PROXY ")
	binaryPrefix = proxyproto.SIGV2
)

// Length is how long the header at the front of data is, 0 while that cannot be
// told yet. The error says that there is none, or that it is too long; it comes
// with the first byte that cannot be right.
func Length(data []byte) (int, error) {
	switch {
	case begins(data, textPrefix):
		return textLength(data)
	case begins(data, binaryPrefix):
		return binaryLength(data)
	}
	return 0, ErrMissing
}

// begins reports whether data begins as prefix does, as far as it is there.
func begins(data, prefix []byte) bool {
	n := min(len(data), len(prefix))
	return bytes.Equal(data[:n], prefix[:n])
}

func textLength(data []byte) (int, error) {
	end := bytes.IndexByte(data[:min(len(data), textBytesMax)], '\n') + 1
	if end == 0 && len(data) >= textBytesMax {
		return 0, ErrTooLong
	}
	return end, nil
}

func binaryLength(data []byte) (int, error) {
	if len(data) < fixedBytes {
		return 0, nil
	}
	n := int(binary.BigEndian.Uint16(data[fixedBytes-2:]))
	switch {
	case n > payloadBytesMax:
		return 0, ErrTooLong
	case len(data) < fixedBytes+n:
		return 0, nil
	}
	return fixedBytes + n, nil
}

// Parse gives the client that a whole header names. It is not valid where the
// header names none: the connection is the sender's own, or of a kind that has no
// TCP address. Then the client is who has connected.
func Parse(header []byte) (client netip.AddrPort, err error) {
	// A smaller buffer would make the library believe that the header came in
	// pieces, which it refuses.
	r := bufio.NewReaderSize(bytes.NewReader(header), len(header))
	h, err := proxyproto.Read(r)
	switch {
	case err != nil:
		return client, fmt.Errorf("%w: %w", ErrMalformed, err)
	case r.Buffered() > 0:
		return client, fmt.Errorf("%w: %d bytes too many", ErrMalformed, r.Buffered())
	case h.Command.IsLocal():
		return client, nil
	}
	source, _, ok := h.TCPAddrs()
	if !ok {
		return client, nil
	}
	addr, _ := netip.AddrFromSlice(source.IP)
	addr = addr.Unmap()
	if !addr.IsValid() || addr.IsUnspecified() {
		return client, nil
	}
	return netip.AddrPortFrom(addr, uint16(source.Port)), nil
}

// Append adds a header that says: this client has connected to this address of
// ours. Where one of the two is not valid, as with unix sockets, it says that
// nothing is known. The version is 1 or 2.
func Append(dst []byte, version int, client, to netip.AddrPort) []byte {
	h := &proxyproto.Header{Version: byte(version), Command: proxyproto.LOCAL, TransportProtocol: proxyproto.UNSPEC}
	if client.IsValid() && to.IsValid() {
		h = proxyproto.HeaderProxyFromAddrs(byte(version), net.TCPAddrFromAddrPort(client), net.TCPAddrFromAddrPort(to))
	}
	text, err := h.Format()
	if err != nil {
		panic("proxyheader: a header of our own cannot be written: " + err.Error())
	}
	return append(dst, text...)
}

// AppendLocal adds the header of a connection that has no client, such as a check
// of the server's health.
func AppendLocal(dst []byte, version int) []byte {
	return Append(dst, version, netip.AddrPort{}, netip.AddrPort{})
}
