// image.go owns the way through a file that may be damaged: from its head down its
// trees, to each entry once. A page that is not what it should be is told to
// whoever looks, who decides whether the rest is worth something. It must not know
// what the entries mean.

package kv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

var (
	errShort = errors.New("it is too short")
	errOrder = errors.New("keys are not in their order")
	errDeep  = errors.New("pages lie too deep")
	errFirst = errors.New("a page does not begin with the key that leads to it")
)

// image is a file that is read page by page.
type image struct {
	file io.ReaderAt
	size uint64
	meta meta
	// used holds the pages that somebody has claimed.
	used []bool
	// damaged is told what is wrong. The way ends where it returns an error.
	damaged func(error) error
}

// pageSizeMin and pageSizeMax are those that the library can have chosen, in bytes.
const (
	pageSizeMin = 1 << 10
	pageSizeMax = 64 << 10
)

// readMeta reads one head, which lies at page number id.
func readMeta(file io.ReaderAt, id, pageSize uint64) (meta, error) {
	head := make([]byte, pageHeaderBytes+metaBytes)
	if _, err := file.ReadAt(head, int64(id*pageSize)); err != nil {
		return meta{}, fmt.Errorf("page %d: %w: %w", id, errMeta, err)
	}
	m, err := parseMeta(id, head)
	if err == nil && (m.pageSize < pageSizeMin || m.pageSize > pageSizeMax || id == 1 && m.pageSize != pageSize) {
		err = errMeta
	}
	if err != nil {
		return meta{}, fmt.Errorf("page %d: %w", id, err)
	}
	return m, nil
}

// hasHead reports whether a file has, in a place for a head, what a head begins with. A
// file of anything else has not.
func hasHead(file io.ReaderAt) bool {
	var magic [4]byte
	for at := int64(0); at <= pageSizeMax; at = max(pageSizeMin, 2*at) {
		_, err := file.ReadAt(magic[:], at+pageHeaderBytes)
		if err == nil && order.Uint32(magic[:]) == metaMagic {
			return true
		}
	}
	return false
}

// openImage reads the heads. Both have to be good and follow each other: the library
// would go on with the older one, but then the last commit were forgotten.
// A head is so short that a crash leaves it whole, old or new.
func openImage(file io.ReaderAt, size int64, damaged func(error) error) (*image, error) {
	im := &image{file: file, size: uint64(size), damaged: damaged}
	if !hasHead(file) {
		return nil, errForeign
	}
	first, err := readMeta(file, 0, 0)
	if err != nil {
		if err = damaged(err); err != nil {
			return nil, err
		}
		return im, im.findSecond()
	}
	im.meta = first
	second, err := readMeta(file, 1, first.pageSize)
	switch {
	case err != nil:
	case second.transaction == first.transaction+1:
		im.meta = second
	case first.transaction != second.transaction+1:
		err = errors.New("its two heads do not follow each other")
		if second.transaction > first.transaction {
			im.meta = second
		}
	}
	if err != nil {
		err = damaged(err)
	}
	return im, err
}

// findSecond looks for the second head where the first does not say how long a
// page is.
func (im *image) findSecond() (err error) {
	for size := uint64(pageSizeMin); size <= pageSizeMax; size *= 2 {
		if im.meta, err = readMeta(im.file, 1, size); err == nil {
			return nil
		}
	}
	return err
}

// begin looks at what the head says and claims the free pages, lest a way lead to
// them: what they hold was good once.
func (im *image) begin() error {
	pages := im.meta.pages
	if have := im.size / im.meta.pageSize; pages > have {
		if err := im.damaged(fmt.Errorf("it has %d pages of %d", have, pages)); err != nil {
			return err
		}
		pages = have
	}
	if pages < 2 {
		return errShort
	}
	im.used = make([]bool, pages)
	im.used[0], im.used[1] = true, true
	if err := im.claimFree(); err != nil {
		return im.damaged(fmt.Errorf("free list: %w", err))
	}
	return nil
}

// claim takes pages for one owner.
func (im *image) claim(id, count uint64) error {
	if id >= uint64(len(im.used)) || count > uint64(len(im.used))-id {
		return fmt.Errorf("page %d does not exist", id)
	}
	for i := id; i < id+count; i++ {
		if im.used[i] {
			return fmt.Errorf("page %d is used twice", i)
		}
		im.used[i] = true
	}
	return nil
}

// load claims a page together with its overflow, and reads it.
func (im *image) load(id, most uint64) ([]byte, error) {
	var head [pageHeaderBytes]byte
	if id >= uint64(len(im.used)) {
		return nil, fmt.Errorf("page %d does not exist", id)
	}
	if _, err := im.file.ReadAt(head[:], int64(id*im.meta.pageSize)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if order.Uint64(head[:]) != id {
		return nil, fmt.Errorf("page %d has another's number", id)
	}
	count := 1 + uint64(order.Uint32(head[12:]))
	if count*im.meta.pageSize > most {
		return nil, fmt.Errorf("page %d is too long", id)
	}
	if err := im.claim(id, count); err != nil {
		return nil, err
	}
	all := make([]byte, count*im.meta.pageSize)
	if _, err := im.file.ReadAt(all, int64(id*im.meta.pageSize)); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return all, nil
}

// claimFree claims the free list and the pages in it.
func (im *image) claimFree() error {
	// Eight bytes for each page that exists are the longest list.
	most := (uint64(len(im.used))*8/im.meta.pageSize + 2) * im.meta.pageSize
	list, err := im.load(im.meta.free, most)
	if err != nil {
		return err
	}
	if flags := order.Uint16(list[8:]); flags != flagFreeList {
		return fmt.Errorf("a page of kind %#x", flags)
	}
	count, list := uint64(order.Uint16(list[10:])), list[pageHeaderBytes:]
	if count == countLong {
		count, list = order.Uint64(list), list[8:]
	}
	if count > uint64(len(list))/8 {
		return errElement
	}
	for i := range count {
		if err := im.claim(order.Uint64(list[8*i:]), 1); err != nil {
			return err
		}
	}
	return nil
}

// walk visits the elements of all leaves below a page, whose keys lie from low
// to before high.
func (im *image) walk(id uint64, low, high []byte, depth int, visit func(element) error) error {
	if depth > treeDepthMax {
		return im.damaged(errDeep)
	}
	all, err := im.load(id, nodeBytesMax)
	if err != nil {
		return im.damaged(err)
	}
	return im.walkPage(all, low, high, depth, visit)
}

func (im *image) walkPage(all, low, high []byte, depth int, visit func(element) error) error {
	p, err := parsePage(all)
	if err != nil {
		return im.damaged(err)
	}
	if p.count == 0 && !p.leaf {
		return im.damaged(errors.New("a page leads nowhere"))
	}
	for i := range p.count {
		e, err := p.element(i)
		// The library finds the place of a page that has changed by its first key, and
		// would otherwise leave the old page beside it.
		if err == nil && i == 0 && low != nil && !bytes.Equal(e.key, low) {
			if err := im.damaged(errFirst); err != nil {
				return err
			}
		}
		// A branch has its child's first key, so low itself is in order.
		if err == nil && (len(e.key) == 0 || bytes.Compare(e.key, low) < 0 || i > 0 && bytes.Equal(e.key, low) ||
			high != nil && bytes.Compare(e.key, high) >= 0) {
			err = errOrder
		}
		switch {
		case err != nil:
			err = im.damaged(err)
		case p.leaf:
			low, err = e.key, visit(e)
		default:
			low, err = e.key, im.walk(e.child, e.key, im.nextKey(&p, i, high), depth+1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nextKey is where the child at a place ends.
func (im *image) nextKey(p *page, i int, high []byte) []byte {
	if i+1 == p.count {
		return high
	}
	next, err := p.element(i + 1)
	if err != nil {
		return high // it is told in its turn
	}
	return next.key
}

// walkBucket visits the elements of the bucket that lies in a value.
func (im *image) walkBucket(value []byte, visit func(element) error) error {
	root, inline, err := parseBucket(value)
	switch {
	case err != nil:
		return im.damaged(err)
	case root != 0:
		return im.walk(root, nil, nil, 0, visit)
	}
	// A branch has no place in there; as it has no number its children would be
	// claimed a second time.
	return im.walkPage(inline, nil, nil, treeDepthMax, visit)
}

// unclaimed returns a page that nobody has claimed.
func (im *image) unclaimed() (id int, ok bool) {
	for id, used := range im.used {
		if !used {
			return id, true
		}
	}
	return 0, false
}
