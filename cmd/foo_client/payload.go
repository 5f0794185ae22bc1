// This file owns the Data of a load run's requests. It must not know lines.
package main

const hexDigits = "0123456789abcdef"

// appendPayload appends size bytes that belong to one request of one
// connection, so that a reply to another one is told by its Data alone, and
// that can be made again when the reply comes instead of being kept. Short
// payloads differ too, though not all of them.
func appendPayload(dst []byte, connection int, seq uint64, size int) []byte {
	// Odd multipliers spread neighbours over all bits.
	value := seq*0x9e3779b97f4a7c15 ^ uint64(connection+1)*0xbf58476d1ce4e5b9
	for i := range min(size, 16) {
		dst = append(dst, hexDigits[value>>(60-4*i)&15])
	}
	for i := 16; i < size; i++ {
		dst = append(dst, 'x')
	}
	return dst
}
