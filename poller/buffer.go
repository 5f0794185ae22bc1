// buffer.go owns a queue of bytes in one block of the pool: appended at its end,
// consumed at its front. It holds a block only while it holds bytes.

package poller

// buffer is empty in its zero value. Its bytes are valid until the next call
// that takes the pool.
type buffer struct {
	block
	start, end uint32 // the bytes within the block
}

func (b *buffer) size() int { return int(b.end - b.start) }

// held is the memory the buffer costs, in bytes.
func (b *buffer) held() int {
	if b.page == nil {
		return 0
	}
	return len(b.memory())
}

func (b *buffer) memory() []byte {
	if b.page.class == noClass {
		return b.page.mem
	}
	size := b.page.blockSize()
	from := int(b.index) * size
	return b.page.mem[from : from+size : from+size]
}

func (b *buffer) bytes() []byte {
	if b.page == nil {
		return nil
	}
	return b.memory()[b.start:b.end]
}

func (b *buffer) append(l *pool, p []byte) {
	if len(p) == 0 {
		return
	}
	b.reserve(l, len(p))
	copy(b.memory()[b.end:], p)
	b.end += uint32(len(p))
}

// reserve makes room for n more bytes behind the end. It moves bytes within the
// block when that frees at least as much as it moves; otherwise they go to a
// block that holds them all, which costs a copy of the whole. Who fills a buffer
// to its brim in small pieces pays that often: the marks of a connection keep
// its output away from there.
func (b *buffer) reserve(l *pool, n int) {
	if b.page == nil {
		b.block = l.get(n)
		return
	}
	mem, have := b.memory(), b.size()
	if int(b.end)+n <= len(mem) {
		return
	}
	if have+n <= len(mem) && int(b.start) >= have {
		copy(mem, mem[b.start:b.end])
	} else {
		old := b.block
		b.block = l.get(have + n)
		copy(b.memory(), mem[b.start:b.end])
		l.put(old)
	}
	b.start, b.end = 0, uint32(have)
}

// consume drops n bytes from the front.
func (b *buffer) consume(l *pool, n int) {
	b.start += uint32(n)
	b.dropIfEmpty(l)
}

// cut drops n bytes from the end.
func (b *buffer) cut(l *pool, n int) {
	b.end -= uint32(n)
	b.dropIfEmpty(l)
}

// drop empties the buffer.
func (b *buffer) drop(l *pool) {
	b.start = b.end
	b.dropIfEmpty(l)
}

func (b *buffer) dropIfEmpty(l *pool) {
	if b.start == b.end && b.page != nil {
		l.put(b.block)
		*b = buffer{}
	}
}
