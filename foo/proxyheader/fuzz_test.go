package proxyheader

// The library reads whole streams, through readers that may block; here headers
// come in pieces. Both must find the same.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"

	proxyproto "github.com/pires/go-proxyproto"
)

// oracle has the library read a stream.
func oracle(stream []byte) (client string, rest []byte, ok bool) {
	r := bufio.NewReaderSize(bytes.NewReader(stream), len(stream)+16)
	h, err := proxyproto.Read(r)
	if err != nil {
		return "", nil, false
	}
	rest, err = io.ReadAll(r)
	if err != nil {
		return "", nil, false
	}
	if source, _, ok := h.TCPAddrs(); ok && h.Command.IsProxy() && !source.IP.IsUnspecified() {
		a := source.AddrPort()
		client = netipOf(a.Addr().Unmap().String(), a.Port())
	}
	return client, rest, true
}

// FuzzReader reads a stream in pieces whose lengths are those of cuts, and holds
// what it finds against the library.
func FuzzReader(f *testing.F) {
	for _, h := range headers {
		f.Add([]byte(h.header+"REQ 1 hello\n"), []byte{3, 1, 20})
		f.Add([]byte(h.header), []byte{200})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		var r Reader
		var rest []byte
		client, done := "", false
		var err error
		left := stream
		for i := 0; len(left) > 0 && !done && err == nil; i++ {
			n := len(left)
			if i < len(cuts) {
				n = min(n, max(1, int(cuts[i])))
			}
			before := append([]byte(nil), left[:n]...)
			b, c, d, e := r.Read(left[:n])
			if !bytes.Equal(before, left[:n]) {
				t.Fatal("the piece was changed")
			}
			if len(r.seen) > BytesMax {
				t.Fatalf("%d bytes are kept", len(r.seen))
			}
			left = left[n:]
			rest, client, done, err = append(b[:len(b):len(b)], left...), show(c), d, e
		}
		wantClient, wantRest, ok := oracle(stream)
		if _, err := Length(stream); errors.Is(err, ErrTooLong) {
			ok = false // longer than we take
		}
		switch {
		case ok != done:
			t.Fatalf("%q: done %v with %v; the library reads it: %v", stream, done, err, ok)
		case done && (client != wantClient || !bytes.Equal(rest, wantRest)):
			t.Fatalf("%q: client %q, rest %q; the library: %q, %q", stream, client, rest, wantClient, wantRest)
		}
	})
}
