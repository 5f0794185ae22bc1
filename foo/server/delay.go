// delay.go owns the replies of a client that wait for their time. All wait the
// same while, so they leave in the order in which they came. It must not know
// what the replies say.
//
//	batches:   first ─► ┌────┬────┬────┐      arrived + Delay: when it leaves
//	                    └─┬──┴─┬──┴──┬─┘
//	replies:   start ─► [bytes|bytes|bytes]
//
// Only clients with waiting replies have a delay line.

package server

// delayLine is one client's queue. Its methods that only ask are good on nil,
// which is an empty line.
type delayLine struct {
	replies []byte
	start   int // the replies before this have left
	batches []batch
	first   int // the batches before this have left
}

// size is how many bytes wait.
func (d *delayLine) size() int {
	if d == nil {
		return 0
	}
	return len(d.replies) - d.start
}

// waits is how many batches wait.
func (d *delayLine) waits() int {
	if d == nil {
		return 0
	}
	return len(d.batches) - d.first
}

// full reports that no batch more may be added, however small.
func (d *delayLine) full() bool { return d.waits() >= delayedBatchesMax }

// requests is how many requests wait for their replies.
func (d *delayLine) requests() (n int64) {
	if d == nil {
		return 0
	}
	for _, b := range d.batches[d.first:] {
		n += int64(b.requests)
	}
	return n
}

// push adds a batch. What has left makes room once it is at least half, so that
// each byte is moved a bounded number of times.
func (d *delayLine) push(replies []byte, b batch) {
	if d.start > len(d.replies)/2 {
		d.replies = d.replies[:copy(d.replies, d.replies[d.start:])]
		d.start = 0
	}
	if d.first > len(d.batches)/2 {
		d.batches = d.batches[:copy(d.batches, d.batches[d.first:])]
		d.first = 0
	}
	d.replies = append(d.replies, replies...)
	if last := len(d.batches) - 1; last >= d.first && d.batches[last].arrived == b.arrived {
		d.batches[last].join(b)
		return
	}
	d.batches = append(d.batches, b)
}

func (b *batch) join(other batch) {
	b.bytes += other.bytes
	b.acks += other.acks
	b.naks += other.naks
	b.requests += other.requests
}

// pop takes the first batch if it arrived at or before the given time. Its
// replies are valid until the next push.
func (d *delayLine) pop(arrived int64) (b batch, replies []byte, ok bool) {
	if d.waits() == 0 || d.batches[d.first].arrived > arrived {
		return batch{}, nil, false
	}
	b = d.batches[d.first]
	d.first++
	replies = d.replies[d.start : d.start+int(b.bytes)]
	d.start += int(b.bytes)
	return b, replies, true
}

// oldest is when the first batch arrived; there must be one.
func (d *delayLine) oldest() int64 { return d.batches[d.first].arrived }

// borrowLine gives an empty delay line.
func (s *Server) borrowLine() *delayLine {
	last := len(s.spareLines) - 1
	if last < 0 {
		return new(delayLine)
	}
	d := s.spareLines[last]
	s.spareLines[last] = nil
	s.spareLines = s.spareLines[:last]
	return d
}

// returnLine takes a line back, whatever is left in it. A large one is left to
// the collector.
func (s *Server) returnLine(d *delayLine) {
	if len(s.spareLines) >= spareLinesMax || cap(d.replies) > spareLineBytes || cap(d.batches) > spareLineBatches {
		return
	}
	d.replies, d.start = d.replies[:0], 0
	d.batches, d.first = d.batches[:0], 0
	s.spareLines = append(s.spareLines, d)
}
