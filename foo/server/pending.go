// pending.go owns what a client waits for from the store, and the replies that stand
// behind it: replies leave in the order of the requests. It must not know what was
// asked, nor what a reply says.
//
//	entries:  first ─► ┌────────┬───────┬────────┬────────┐
//	                   │ asked  │ batch │ asked  │ batch  │    the first is always asked
//	                   └────────┴───┬───┴────────┴───┬────┘
//	replies:              start ─► [bytes............|bytes]   of the batches
//
// The store answers one caller in the order in which it was asked, so the answer
// that comes is the first entry's. It leaves, and the batches behind it do, up to the
// next that is asked for.

package server

import "fooproxy/foo/kv"

// pending is one client's, made when it first asks the store. Its methods that only
// ask are good on nil, which waits for nothing.
type pending struct {
	client  *client // nil once it has left
	caller  kv.Caller
	entries []entry
	first   int // the entries before this have left
	reads   int // entries whose answers may be long
	replies []byte
	start   int // the replies before this have left
}

// entry is something asked for, or replies that wait.
type entry struct {
	asked *asked
	batch batch
}

// asked is an operation of the store under way. Its question has no arguments any
// more, since their line is gone.
type asked struct {
	server   *Server
	pending  *pending
	question question
	kind     kv.Kind
	arrived  int64
	answered bool // before the store's Do returned
}

// waits reports whether the store has an answer to come.
func (p *pending) waits() bool { return p != nil && len(p.entries) > p.first }

// size is how many bytes of replies wait.
func (p *pending) size() int {
	if p == nil {
		return 0
	}
	return len(p.replies) - p.start
}

// full reports whether no entry more may be added.
func (p *pending) full() bool { return p != nil && len(p.entries)-p.first >= pendingMax }

// takes reports whether an operation more may be asked for, where so many may have
// long answers.
func (p *pending) takes(kind kv.Kind, reads int) bool {
	return !p.full() && (!isLong(kind) || p.reads < reads)
}

func isLong(kind kv.Kind) bool { return kind == kv.Get || kind == kv.Show }

// requests is how many requests wait for their replies.
func (p *pending) requests() (n int64) {
	if p == nil {
		return 0
	}
	for _, e := range p.entries[p.first:] {
		n += int64(e.batch.requests)
		if e.asked != nil && !e.asked.question.plain {
			n++
		}
	}
	return n
}

// push adds what was asked for.
func (p *pending) push(a *asked) {
	p.add(entry{asked: a})
	if isLong(a.kind) {
		p.reads++
	}
}

// hold keeps replies behind what was asked for before.
func (p *pending) hold(replies []byte, b batch) {
	if p.start > len(p.replies)/2 {
		p.replies = p.replies[:copy(p.replies, p.replies[p.start:])]
		p.start = 0
	}
	p.replies = append(p.replies, replies...)
	if last := &p.entries[len(p.entries)-1]; last.asked == nil && last.batch.arrived == b.arrived {
		last.batch.join(b)
		return
	}
	p.add(entry{batch: b})
}

// add makes room of what has left once that is at least half, so that each entry is
// moved a bounded number of times.
func (p *pending) add(e entry) {
	if p.first > len(p.entries)/2 {
		kept := copy(p.entries, p.entries[p.first:])
		clear(p.entries[kept:])
		p.entries, p.first = p.entries[:kept], 0
	}
	p.entries = append(p.entries, e)
}

// settle takes the first entry off, for which the answer has come.
func (p *pending) settle(a *asked) {
	if p.entries[p.first].asked != a {
		panic("server: the store has answered out of order")
	}
	p.entries[p.first].asked = nil
	p.first++
	if isLong(a.kind) {
		p.reads--
	}
}

// pop takes the first entry off if it is replies. They are valid until the next hold.
func (p *pending) pop() (b batch, replies []byte, ok bool) {
	if !p.waits() || p.entries[p.first].asked != nil {
		return batch{}, nil, false
	}
	b = p.entries[p.first].batch
	p.first++
	replies = p.replies[p.start : p.start+int(b.bytes)]
	p.start += int(b.bytes)
	return b, replies, true
}

// rest gives up memory that was needed only while much was waiting.
func (p *pending) rest() {
	if p.waits() {
		return
	}
	p.entries, p.first, p.replies, p.start = p.entries[:0], 0, p.replies[:0], 0
	if cap(p.entries) > spareLineBatches {
		p.entries = nil
	}
	if cap(p.replies) > spareLineBytes {
		p.replies = nil
	}
}

// leave forgets the client. What is under way finds nobody when it completes.
func (p *pending) leave() {
	p.client, p.entries, p.first, p.replies, p.start = nil, nil, 0, nil, 0
}
