// record.go owns the memory of requests: fixed-size records without pointers in
// chunks, named by number, on two queues each. It does not know what happens to
// a request, only where its record is.
//
//	session's queue (client order):  head ─► record ─► record ─► tail
//	link's queue (link order):       head ─► record ───────────► tail

package proxy

// recordID names a record; 0 is none.
type recordID uint32

// recordState is where a request is on its way.
//
//	from \ event   sent   timeout    no server   reply      NAK written   link lost          client gone
//	queued         sent   answered   answered    -          -             -                  (none)
//	sent           -      expired    -           (none)     -             answered, queued   (none)
//	expired        -      -          -           answered   abandoned     answered           (none)
//	answered       -      -          -           -          (none)        -                  (none)
//	abandoned      -      -          -           (none)     -             (none)             (none)
//	held           -      -          -           -          (none)        -                  (none)
//
// A request whose reply waits for older ones is held from then on, until its reply is
// written.
// A request begins as queued or sent, one that is refused here as answered. When
// its link is lost, one of which no byte has left is queued again.
type recordState uint8

const (
	recordFree      recordState = iota
	recordQueued                // its line is kept until there is a server; client's queue
	recordSent                  // offered to the link, whose server owes the reply; both queues
	recordSentLast              // the same, and its server may close behind its reply
	recordExpired               // the same, but it is answered here: the NAK waits; both queues
	recordAnswered              // answered here; the NAK waits for its turn and for room; client's queue
	recordAbandoned             // answered here; its server's reply is to be swallowed; link's queue
	recordHeld                  // its server's reply waits for older ones; client's queue
)

// isSent reports whether the client waits for a server's reply.
func (r *record) isSent() bool { return r.state == recordSent || r.state == recordSentLast }

// isAnswered reports whether a NAK made here, or a reply that was held back, waits for
// its turn.
func (r *record) isAnswered() bool {
	return r.state == recordAnswered || r.state == recordExpired || r.state == recordHeld
}

// longLength stands for the length of a line that has as many bytes or more. Such a
// request counts as having left as soon as it was offered.
const longLength = 1<<16 - 1

// record is one request, from its REQ to its reply.
type record struct {
	seq        uint64   // as the client numbers it; 0: answers a line that is no request
	linkSeq    uint64   // as the link numbers it
	arrived    int64    // loop time, ns
	end        uint64   // of its line, as a place in the link's output stream
	session    uint32   // whose request it is, as that session's mark says
	nextClient recordID // behind it in its session's queue
	nextLink   recordID // behind it in its link's queue; where links are shared, the number of its link
	length     uint16   // of its line as the link has it, LF included, in bytes; longLength at most
	state      recordState
	nak        nak // what to answer, where it is answered here; of one that is sent: not 0 where it had waited here
}

// queue is a list of records in order, through one of their links.
type queue struct {
	head, tail recordID
	count      int32
}

// records is the table of all requests of a loop.
type records struct {
	chunks []*recordChunk
	open   []int // chunks that have a free record; the last is used first
	live   int
}

type recordChunk struct {
	free    [recordsPerChunk]uint16
	frees   int
	listed  bool
	lengths *[recordsPerChunk]uint32 // of the requests' lines, in bytes, once one was asked to be kept
	records [recordsPerChunk]record
}

// at finds a record. The pointer is good until the record is freed.
func (t *records) at(id recordID) *record {
	return &t.chunks[id/recordsPerChunk].records[id%recordsPerChunk]
}

// setLength keeps the length of a request's line beside its record: only a log
// asks for it, and a record without one is to be no larger for it.
func (t *records) setLength(id recordID, bytes int) {
	c := t.chunks[id/recordsPerChunk]
	if c.lengths == nil {
		c.lengths = new([recordsPerChunk]uint32)
	}
	c.lengths[id%recordsPerChunk] = uint32(bytes)
}

// length is what setLength has kept.
func (t *records) length(id recordID) uint32 {
	return t.chunks[id/recordsPerChunk].lengths[id%recordsPerChunk]
}

// take gives a free record. Number 0 is never given.
func (t *records) take() recordID {
	if len(t.open) == 0 {
		t.addChunk()
	}
	n := t.open[len(t.open)-1]
	c := t.chunks[n]
	c.frees--
	i := c.free[c.frees]
	if c.frees == 0 {
		c.listed = false
		t.open = t.open[:len(t.open)-1]
	}
	t.live++
	return recordID(n*recordsPerChunk + int(i))
}

func (t *records) addChunk() {
	n := len(t.chunks)
	for i, c := range t.chunks {
		if c == nil {
			n = i
			break
		}
	}
	if n == len(t.chunks) {
		t.chunks = append(t.chunks, nil)
	}
	c := &recordChunk{listed: true}
	for i := recordsPerChunk - 1; i >= 0; i-- {
		if n > 0 || i > 0 {
			c.free[c.frees] = uint16(i)
			c.frees++
		}
	}
	t.chunks[n] = c
	t.open = append(t.open, n)
}

// put frees a record.
func (t *records) put(id recordID) {
	n, i := int(id/recordsPerChunk), id%recordsPerChunk
	c := t.chunks[n]
	if c.records[i].state == recordFree {
		panic("records: a record is freed twice")
	}
	c.records[i] = record{}
	c.free[c.frees] = uint16(i)
	c.frees++
	t.live--
	if !c.listed {
		c.listed = true
		t.open = append(t.open, n)
	}
}

// held is the memory of live records, in bytes.
func (t *records) held() int { return t.live * recordBytes }

// recordBytes is the size of a record.
const recordBytes = 48

// trim gives empty chunks back to the collector, but for a few.
func (t *records) trim() {
	kept, spare := t.open[:0], 0
	for _, n := range t.open {
		c := t.chunks[n]
		if n > 0 && c.frees == recordsPerChunk {
			if spare++; spare > spareChunks {
				t.chunks[n] = nil
				continue
			}
		}
		kept = append(kept, n)
	}
	t.open = kept
}

// order is which of a record's two queues is meant.
type order uint8

const (
	clientOrder order = iota
	linkOrder
)

func (r *record) next(o order) *recordID {
	if o == clientOrder {
		return &r.nextClient
	}
	return &r.nextLink
}

// push puts a record at the end of a queue.
func (t *records) push(q *queue, o order, id recordID) {
	if q.tail == 0 {
		q.head = id
	} else {
		*t.at(q.tail).next(o) = id
	}
	q.tail = id
	q.count++
}

// remove takes a record off a queue, wherever it stands, and gives how many stood
// before it. Replies mostly come in order, so the search mostly ends at once.
func (t *records) remove(q *queue, o order, id recordID) (passed int) {
	before := recordID(0)
	for at := q.head; at != id; at = *t.at(at).next(o) {
		before = at
		passed++
	}
	after := *t.at(id).next(o)
	if before == 0 {
		q.head = after
	} else {
		*t.at(before).next(o) = after
	}
	if q.tail == id {
		q.tail = before
	}
	*t.at(id).next(o) = 0
	q.count--
	return passed
}

// find is the oldest record of a link's queue with the given Seq, 0 where there
// is none, and how many others stand before it.
func (t *records) find(q *queue, linkSeq uint64) (id recordID, passed int) {
	for id = q.head; id != 0; id = t.at(id).nextLink {
		if t.at(id).linkSeq == linkSeq {
			return id, passed
		}
		passed++
	}
	return 0, passed
}
