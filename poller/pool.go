// pool.go owns the memory of all buffers of a loop: pages of 128 KiB, each cut
// into blocks of one size class (64 B, 128 B, … 128 KiB). It knows nothing of
// connections.
//
//	classes[c] -> page -> page        pages of class c that have a free block
//	spare      -> page -> page        pages without a lent block, for any class
//
// Blocks are lent, not garbage: a connection whose buffer grows through the
// classes leaves nothing for the collector, and an empty page serves the next
// class. That is what keeps the process at the memory it really uses.

package poller

import "math/bits"

const (
	classCount = 12 // 64 B << 11 == 128 KiB
	noClass    = 255
)

// page is one piece of memory, cut into blocks of one class. pos is its place
// in its class's list while it has a free block, otherwise -1.
type page struct {
	mem   []byte
	free  []uint16 // blocks that came back
	fresh int      // blocks from here on were never lent
	lent  int
	pos   int
	class uint8
}

func (p *page) blockSize() int { return blockBytesMin << p.class }
func (p *page) blocks() int    { return len(p.mem) / p.blockSize() }
func (p *page) full() bool     { return len(p.free) == 0 && p.fresh == p.blocks() }

// block is one lent piece of a page. The zero value is no block.
type block struct {
	page  *page
	index uint16
}

// pool belongs to one loop and is not safe for others.
type pool struct {
	classes [classCount][]*page
	spare   []*page
	lent    int // bytes in lent blocks
	pages   int // ordinary pages that exist
}

// classOf is the smallest class whose blocks hold n bytes, noClass above the
// largest.
func classOf(n int) uint8 {
	if n <= blockBytesMin {
		return 0
	}
	c := bits.Len(uint(n-1)) - bits.Len(uint(blockBytesMin-1))
	if c >= classCount {
		return noClass
	}
	return uint8(c)
}

// get lends a block of at least n bytes. Above the largest class the block is a
// page of its own, of the next power of two.
func (l *pool) get(n int) block {
	c := classOf(n)
	if c == noClass {
		p := &page{mem: make([]byte, 1<<bits.Len(uint(n-1))), class: noClass, lent: 1, pos: -1}
		l.lent += len(p.mem)
		return block{page: p}
	}
	pages := l.classes[c]
	if len(pages) == 0 {
		l.addPage(c)
		pages = l.classes[c]
	}
	p := pages[len(pages)-1]
	b := block{page: p, index: p.take()}
	l.lent += p.blockSize()
	if p.full() {
		l.unlist(p)
	}
	return b
}

func (p *page) take() uint16 {
	p.lent++
	if last := len(p.free) - 1; last >= 0 {
		i := p.free[last]
		p.free = p.free[:last]
		return i
	}
	p.fresh++
	return uint16(p.fresh - 1)
}

// put takes a block back.
func (l *pool) put(b block) {
	p := b.page
	if p.class == noClass {
		l.lent -= len(p.mem)
		return
	}
	l.lent -= p.blockSize()
	p.lent--
	p.free = append(p.free, b.index)
	switch {
	case p.lent == 0 && len(l.classes[p.class]) > 1:
		// The last page of a class stays listed: otherwise a class that lends
		// one block at a time would move its page to and fro.
		if p.pos >= 0 {
			l.unlist(p)
		}
		l.spare = append(l.spare, p)
	case p.pos < 0:
		l.list(p)
	}
}

func (l *pool) addPage(c uint8) {
	var p *page
	if last := len(l.spare) - 1; last >= 0 {
		p = l.spare[last]
		l.spare = l.spare[:last]
	} else {
		p = &page{mem: make([]byte, pageBytes)}
		l.pages++
	}
	if p.class != c || p.free == nil {
		p.class, p.free, p.fresh = c, p.free[:0], 0
	}
	l.list(p)
}

func (l *pool) list(p *page) {
	p.pos = len(l.classes[p.class])
	l.classes[p.class] = append(l.classes[p.class], p)
}

func (l *pool) unlist(p *page) {
	pages := l.classes[p.class]
	last := len(pages) - 1
	pages[p.pos] = pages[last]
	pages[p.pos].pos = p.pos
	pages[last] = nil
	l.classes[p.class] = pages[:last]
	p.pos = -1
}

// trim gives pages back to the collector that nobody has used since, beyond the
// spare ones a steady load needs.
func (l *pool) trim() {
	for c := range l.classes {
		for i := len(l.classes[c]) - 1; i >= 0; i-- {
			if p := l.classes[c][i]; p.lent == 0 {
				l.unlist(p)
				l.spare = append(l.spare, p)
			}
		}
	}
	for len(l.spare) > sparePages {
		last := len(l.spare) - 1
		l.spare[last] = nil
		l.spare = l.spare[:last]
		l.pages--
	}
}
