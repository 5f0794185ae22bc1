// page.go owns the layout of the pages of a bbolt file, as far as it is needed to read
// one that may be damaged: the library trusts what it reads and maps, and a wrong bit
// can take it beyond the mapping or into a loop. Nothing is read here that was not
// measured before. It must not know what the entries mean.
//
//	page     id 8, flags 2, count 2, overflow 4, then its elements
//	meta     magic 4, version 4, page size 4, flags 4, root 8, sequence 8,
//	         free list 8, pages 8, transaction 8, checksum 8
//	branch   position 4, length of key 4, page 8; the position counts from here
//	leaf     flags 4, position 4, length of key 4, length of value 4
//	bucket   root 8, sequence 8, and a leaf page where root is 0; this is a value
//
// All numbers are in the byte order of the machine that wrote them.

package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
)

const (
	pageHeaderBytes   = 16
	elementBytes      = 16
	bucketHeaderBytes = 16
	metaBytes         = 64
	metaSummedBytes   = metaBytes - 8

	metaMagic   = 0xED0CDAED
	metaVersion = 2

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreeList = 0x10

	// elementBucket marks a leaf's element whose value is a bucket.
	elementBucket = 0x01

	// countLong is the count of a free list whose true count is its first element.
	countLong = 0xFFFF
)

var order = binary.NativeEndian

var (
	errMeta    = errors.New("its head is not what was written")
	errElement = errors.New("an element lies outside its page")
)

// meta is one of the two heads of a file.
type meta struct {
	pageSize          uint64
	root, free, pages uint64 // page numbers; pages is the first that is not used
	transaction       uint64
}

// parseMeta reads the head in page number id.
func parseMeta(id uint64, page []byte) (m meta, err error) {
	if len(page) < pageHeaderBytes+metaBytes {
		return m, errMeta
	}
	body := page[pageHeaderBytes : pageHeaderBytes+metaBytes]
	sum := fnv.New64a()
	sum.Write(body[:metaSummedBytes]) //nolint:errcheck // a hash never fails
	if order.Uint64(page) != id || order.Uint16(page[8:]) != flagMeta ||
		order.Uint32(body) != metaMagic || order.Uint32(body[4:]) != metaVersion ||
		order.Uint64(body[metaSummedBytes:]) != sum.Sum64() {
		return m, errMeta
	}
	return meta{
		pageSize: uint64(order.Uint32(body[8:])),
		root:     order.Uint64(body[16:]), free: order.Uint64(body[32:]),
		pages: order.Uint64(body[40:]), transaction: order.Uint64(body[48:]),
	}, nil
}

// element is one of a branch or of a leaf. Its bytes are those of the page.
type element struct {
	key, value []byte
	child      uint64 // of a branch
	bucket     bool
}

// page is one that holds elements.
type page struct {
	bytes []byte
	leaf  bool
	count int
}

// parsePage looks at the head of a page with elements.
func parsePage(bytes []byte) (p page, err error) {
	if len(bytes) < pageHeaderBytes {
		return p, errElement
	}
	flags := order.Uint16(bytes[8:])
	if flags != flagBranch && flags != flagLeaf {
		return p, fmt.Errorf("a page of kind %#x", flags)
	}
	p = page{bytes: bytes, leaf: flags == flagLeaf, count: int(order.Uint16(bytes[10:]))}
	if pageHeaderBytes+p.count*elementBytes > len(bytes) {
		return p, errElement
	}
	return p, nil
}

// element returns the one at a place below count.
func (p *page) element(i int) (e element, err error) {
	at := uint64(pageHeaderBytes + i*elementBytes)
	head := p.bytes[at : at+elementBytes]
	var position, keyBytes, valueBytes uint64
	if p.leaf {
		flags := order.Uint32(head)
		if flags > elementBucket {
			return e, fmt.Errorf("an element of kind %#x", flags)
		}
		e.bucket = flags == elementBucket
		position, keyBytes = uint64(order.Uint32(head[4:])), uint64(order.Uint32(head[8:]))
		valueBytes = uint64(order.Uint32(head[12:]))
	} else {
		position, keyBytes = uint64(order.Uint32(head)), uint64(order.Uint32(head[4:]))
		e.child = order.Uint64(head[8:])
	}
	begin := at + position
	if begin < uint64(pageHeaderBytes+p.count*elementBytes) || begin+keyBytes+valueBytes > uint64(len(p.bytes)) {
		return e, errElement
	}
	middle := begin + keyBytes
	e.key, e.value = p.bytes[begin:middle:middle], p.bytes[middle:middle+valueBytes]
	return e, nil
}

// parseBucket reads what a bucket's value says: its root, or the page that lies in
// the value itself.
func parseBucket(value []byte) (root uint64, inline []byte, err error) {
	if len(value) < bucketHeaderBytes {
		return 0, nil, errElement
	}
	return order.Uint64(value), value[bucketHeaderBytes:], nil
}
