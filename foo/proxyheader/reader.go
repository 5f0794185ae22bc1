// reader.go owns a header that comes in pieces: what has come of it, until it is
// whole. It must not know where from.

package proxyheader

import "net/netip"

// Reader takes the header off the front of a stream. The zero value is at the
// beginning of one. It keeps what has come until that is enough, less than BytesMax.
type Reader struct {
	seen []byte
}

// Read takes the next bytes of the stream. Once the header is whole it gives what
// came behind it, which is a part of data, and the client that the header names, as
// Parse does. Afterwards, and after an error, Read is not called again.
func (r *Reader) Read(data []byte) (rest []byte, client netip.AddrPort, done bool, err error) {
	before := len(r.seen)
	all := data
	if before > 0 {
		all = append(r.seen, data...)
	}
	n, err := Length(all)
	switch {
	case err != nil:
		return nil, client, false, err
	case n == 0:
		if before == 0 {
			all = append([]byte(nil), data...)
		}
		r.seen = all
		return nil, client, false, nil
	}
	client, err = Parse(all[:n])
	r.seen = nil
	return data[n-before:], client, err == nil, err
}

// Began reports whether anything has come.
func (r *Reader) Began() bool { return len(r.seen) > 0 }
