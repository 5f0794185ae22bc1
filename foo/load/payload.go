// payload.go owns the Data of requests that nobody has written: as many bytes as
// were asked for, different for each request. It must not know lines.

package load

import "bytes"

// source makes the Data of requests. It makes the same again when the reply comes,
// so that none is kept.
type source interface {
	// data is valid until the next call. It has neither blanks at its beginning
	// nor an LF, nor a CR at its end.
	data(connection int, seq uint64) []byte
}

// payload is Data that belong to one request of one connection, so that a reply
// to another one is told by its Data alone. Short ones differ too, though not all
// of them.
type payload struct{ made []byte }

const (
	hexDigits      = "0123456789abcdef"
	payloadDigits  = 16
	payloadFilling = 'x'
)

func newPayload(size int) *payload {
	return &payload{bytes.Repeat([]byte{payloadFilling}, size)}
}

func (p *payload) data(connection int, seq uint64) []byte {
	// Odd multipliers spread neighbours over all bits.
	value := seq*0x9e3779b97f4a7c15 ^ uint64(connection+1)*0xbf58476d1ce4e5b9
	for i := range p.made[:min(len(p.made), payloadDigits)] {
		p.made[i] = hexDigits[value>>(60-4*i)&15]
	}
	return p.made
}
