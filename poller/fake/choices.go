// choices.go owns the one source of everything that may go this way or that. A
// run that takes all its freedom from here happens again, choice by choice, when
// the record is played.

package fake

import (
	"encoding/binary"
	"math/rand/v2"
)

// Choices gives choices and records them. 0 is always the boring one: no fault,
// no delay, the whole piece, the first of several. It is not safe for several
// goroutines.
type Choices struct {
	random rand.PCG
	played []uint32 // what is played; beyond its end every choice is 0
	plays  bool
	record []uint32
}

// NewChoices makes choices by chance, always the same ones for a seed.
func NewChoices(seed uint64) *Choices {
	c := &Choices{}
	c.random.Seed(seed, 0)
	return c
}

// PlayChoices makes the choices of a record. Any numbers are a record: one that
// is too large for its choice counts modulo what there is to choose from.
func PlayChoices(record []uint32) *Choices { return &Choices{played: record, plays: true} }

// Next chooses among n: 0 to n-1. Where n is below 2 there is nothing to choose.
func (c *Choices) Next(n int) int {
	if n < 2 {
		return 0
	}
	if c.plays {
		return c.note(c.next() % uint32(n))
	}
	return c.note(uint32(c.random.Uint64() >> 32 * uint64(n) >> 32))
}

// Chance chooses whether something happens that is to happen so many times in a
// thousand. What never happens is no choice.
func (c *Choices) Chance(perMille int) bool {
	if perMille <= 0 {
		return false
	}
	if c.plays {
		return c.note(c.next()%2) == 1
	}
	v := uint32(0)
	if c.random.Uint64()>>32*1000>>32 < uint64(perMille) {
		v = 1
	}
	return c.note(v) == 1
}

func (c *Choices) next() uint32 {
	if at := len(c.record); at < len(c.played) {
		return c.played[at]
	}
	return 0
}

func (c *Choices) note(v uint32) int {
	c.record = append(c.record, v)
	return int(v)
}

// Record is the choices made so far, without the zeros at their end. It is valid
// until the next choice.
func (c *Choices) Record() []uint32 {
	n := len(c.record)
	for n > 0 && c.record[n-1] == 0 {
		n--
	}
	return c.record[:n]
}

// EncodeRecord writes a record as bytes, one for each choice below 128, which
// most are.
func EncodeRecord(record []uint32) []byte {
	b := make([]byte, 0, len(record))
	for _, v := range record {
		b = binary.AppendUvarint(b, uint64(v))
	}
	return b
}

// DecodeRecord reads any bytes as a record.
func DecodeRecord(b []byte) []uint32 {
	record := make([]uint32, 0, len(b))
	for len(b) > 0 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			v, n = uint64(b[0]), 1
		}
		record = append(record, uint32(v))
		b = b[n:]
	}
	return record
}
