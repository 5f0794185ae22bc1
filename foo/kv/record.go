// record.go owns how an entry lies in the file, and what is kept beside the entries so
// that a file with a wrong bit is never believed. It must not know of pages or
// transactions.
//
// The pages of the file have no checksums. So each value has one of its own, and
// beside the entries lies a sum of them all, which tells of an entry that has
// vanished together with its checksum:
//
//	bucket "entries"    key      → value, checksum of key and value
//	bucket "store"      format   → the number of this layout, checksum
//	                    id       → the store's UUID, checksum
//	                    totals   → how many entries, sum of their checksums, checksum

package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc64"

	"github.com/google/uuid"
)

var (
	bucketEntries = []byte("entries")
	bucketStore   = []byte("store")

	nameFormat = []byte("format")
	nameID     = []byte("id")
	nameTotals = []byte("totals")

	// format is changed when older programs could not read the file any more.
	format = []byte("1")
)

var errChecksum = errors.New("an entry does not fit its checksum")

const checksumBytes = 8

var checksumTable = crc64.MakeTable(crc64.ECMA)

// checksum covers where the key ends as well.
func checksum(key, value []byte) uint64 {
	var length [4]byte
	binary.BigEndian.PutUint32(length[:], uint32(len(key)))
	sum := crc64.Update(0, checksumTable, length[:])
	sum = crc64.Update(sum, checksumTable, key)
	return crc64.Update(sum, checksumTable, value)
}

// seal returns what lies in the file for a value.
func seal(key, value []byte) []byte {
	record := make([]byte, 0, len(value)+checksumBytes)
	return binary.BigEndian.AppendUint64(append(record, value...), checksum(key, value))
}

// unseal returns the value in a record, and its checksum.
func unseal(key, record []byte) (value []byte, sum uint64, err error) {
	n := len(record) - checksumBytes
	if n < 0 {
		return nil, 0, errChecksum
	}
	value, sum = record[:n:n], binary.BigEndian.Uint64(record[n:])
	if checksum(key, value) != sum {
		return nil, 0, errChecksum
	}
	return value, sum, nil
}

// totals is what all entries amount to.
type totals struct{ count, sum uint64 }

func (t *totals) add(sum uint64)  { t.count++; t.sum += sum }
func (t *totals) take(sum uint64) { t.count--; t.sum -= sum }

func (t *totals) bytes() []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, t.count), t.sum)
}

// label is what the bucket "store" says.
type label struct {
	id     uuid.UUID
	totals totals
	seen   int
}

var (
	errLabel   = errors.New("it does not say what a store says of itself")
	errForeign = errors.New("it has nothing that a store has")
	errNewer   = errors.New("its format is newer")
)

// read takes one record of the bucket.
func (l *label) read(name, record []byte) error {
	value, _, err := unseal(name, record)
	if err != nil {
		return err
	}
	l.seen++
	switch {
	case string(name) == string(nameFormat) && string(value) != string(format):
		return fmt.Errorf("%w: %.20q, not %q", errNewer, value, format)
	case string(name) == string(nameFormat):
	case string(name) == string(nameID) && len(value) == len(l.id):
		l.id = uuid.UUID(value)
	case string(name) == string(nameTotals) && len(value) == 16:
		l.totals = totals{binary.BigEndian.Uint64(value), binary.BigEndian.Uint64(value[8:])}
	default:
		return errLabel
	}
	return nil
}

// whole reports whether all was there.
func (l *label) whole() bool { return l.seen == 3 }
