package proctest

// This file owns one connection of a load: it sends, and holds each reply against
// the oldest request that has none, or where any order is good against the one that
// it names. It does not know the other connections.

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// lane is one connection. Its goroutine allocates nothing once it runs.
type lane struct {
	load   *Load
	conn   *net.TCPConn
	number int
	prefix []byte // of each payload: the load's name and the connection's number
	bytes  int    // of a line
	depth  int

	sent, answered uint64        // Seq of the last request, and how many have a reply
	anyOrder       bool          // of replies
	waiting        []outstanding // of request n at n modulo depth, or behind where that is taken
	in             []byte
	filled         int // bytes of in
	out, want      []byte

	lock      sync.Mutex // guards what follows
	window    window
	lastReply time.Time
	wrong     int
	missing   int
	lost      int
	done      bool
}

// outstanding is a request without a reply; a seq of 0 is none.
type outstanding struct {
	seq uint64
	at  time.Time // when it was sent
}

// window is what a lane has seen since the last mark.
type window struct {
	latencies
	acks          latencies // of all, those that were no NAKs
	replies, naks int
	gap           time.Duration
}

func newLane(l *Load, conn *net.TCPConn, c LoadConfig, number int) *lane {
	prefix := append([]byte(c.Name), '.')
	prefix = append(strconv.AppendInt(prefix, int64(number), 10), '.')
	return &lane{load: l, conn: conn, number: number, prefix: prefix, bytes: c.Bytes, depth: c.Depth,
		anyOrder: c.AnyOrder, waiting: make([]outstanding, c.Depth), in: make([]byte, max(4<<10, 2*(c.Bytes+len(prefix)+64)))}
}

// begin has one request answered, so that the connection stands on both sides.
func (a *lane) begin() error {
	if err := a.conn.SetDeadline(time.Now().Add(Patience)); err != nil {
		return err
	}
	if err := a.send(1); err != nil {
		return err
	}
	for a.answered == 0 {
		if err := a.receive(); err != nil {
			return err
		}
	}
	return a.conn.SetDeadline(time.Time{})
}

// run sends a request for each reply, until the load stops or somebody else ends
// the connection. Replies that are on their way behind a write that failed still
// count.
func (a *lane) run() {
	defer a.conn.Close()
	var sending error
	for {
		if sending == nil && !a.load.stopping.Load() {
			sending = a.send(a.depth - int(a.sent-a.answered))
		}
		if sending == nil && a.load.stopping.Load() && a.sent == a.answered {
			a.finish()
			return
		}
		if a.receive() != nil {
			break
		}
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.done = true
	a.missing = int(a.sent - a.answered)
	if !a.load.stopping.Load() || a.missing == 0 {
		a.lost++
	}
}

// finish ends a connection on which nothing is outstanding. Nothing more may come
// but FIN.
func (a *lane) finish() {
	err := a.conn.CloseWrite()
	for err == nil {
		err = a.receive()
	}
	a.lock.Lock()
	defer a.lock.Unlock()
	a.done = true
	if !errors.Is(err, io.EOF) {
		a.lost++
	}
	if a.filled > 0 {
		a.wrong++ // an unfinished line
	}
}

// collect adds what the lane has seen in its window, and begins the next one.
func (a *lane) collect(r *LoadResult, all, acks *latencies, end time.Time) {
	a.lock.Lock()
	defer a.lock.Unlock()
	all.take(&a.window.latencies)
	acks.take(&a.window.acks)
	gap := a.window.gap
	if !a.done {
		gap = max(gap, end.Sub(a.lastReply))
	}
	r.Requests += a.window.replies
	r.Naks += a.window.naks
	r.Gaps = append(r.Gaps, gap)
	r.LongestGap = max(r.LongestGap, gap)
	r.Wrong += a.wrong
	r.Missing += a.missing
	r.Lost += a.lost
	a.window.replies, a.window.naks, a.window.gap = 0, 0, 0
}

// hurry bounds how long the lane waits for what is outstanding.
func (a *lane) hurry(until time.Time) {
	_ = a.conn.SetReadDeadline(until) // it may have ended already
}

// send writes n requests at once.
func (a *lane) send(n int) error {
	if n <= 0 {
		return nil
	}
	a.out = a.out[:0]
	now := time.Now()
	for range n {
		a.sent++
		*a.place(0, a.sent) = outstanding{a.sent, now}
		a.out = a.appendLine(a.out, "REQ ", a.sent)
	}
	_, err := a.conn.Write(a.out)
	return err
}

// place is where the given Seq stands, or none where it is 0: at the place of
// request near, or the first one behind. It is nil where there is no such place.
func (a *lane) place(seq, near uint64) *outstanding {
	for i := range a.waiting {
		if w := &a.waiting[(near+uint64(i))%uint64(len(a.waiting))]; w.seq == seq {
			return w
		}
	}
	return nil
}

// appendLine appends a line of the given request. Its payload names connection
// and request, and is filled up to the length that the line shall have.
func (a *lane) appendLine(dst []byte, kind string, seq uint64) []byte {
	from := len(dst)
	dst = append(dst, kind...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, ' ')
	dst = append(dst, a.prefix...)
	dst = strconv.AppendUint(dst, seq, 10)
	for len(dst)-from < a.bytes-1 {
		dst = append(dst, '.')
	}
	return append(dst, '\n')
}

// receive reads once, and judges every whole line.
func (a *lane) receive() error {
	n, err := a.conn.Read(a.in[a.filled:])
	now := time.Now()
	a.filled += n
	a.lock.Lock()
	defer a.lock.Unlock()
	rest := a.in[:a.filled]
	for {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			break
		}
		a.judge(rest[:end], now)
		rest = rest[end:]
	}
	if len(rest) == len(a.in) {
		a.wrong++ // longer than any reply
		return io.ErrShortBuffer
	}
	a.filled = copy(a.in, rest)
	return err
}

// judge holds a line against the request that it must answer. Where that is the
// oldest one, a wrong line takes its place: where replies were lost, all behind them
// are wrong too. In any order it takes nobody's.
func (a *lane) judge(line []byte, now time.Time) {
	a.window.replies++
	if !a.lastReply.IsZero() {
		a.window.gap = max(a.window.gap, now.Sub(a.lastReply))
	}
	a.lastReply = now
	seq := a.answered + 1
	if a.anyOrder {
		seq = seqOf(line)
	}
	asked := a.place(seq, seq)
	if seq == 0 || asked == nil {
		a.wrong++ // nobody has asked
		return
	}
	took := now.Sub(asked.at)
	*asked = outstanding{}
	a.answered++
	a.window.add(took)
	a.want = a.appendLine(a.want[:0], "ACK ", seq)
	switch {
	case bytes.Equal(line, a.want):
		a.window.acks.add(took)
	case a.isNak(line, seq):
		a.window.naks++
	default:
		a.wrong++
	}
}

// seqOf reads the Seq of a reply; 0 where it has none.
func seqOf(line []byte) (seq uint64) {
	_, rest, _ := bytes.Cut(line, []byte(" "))
	for _, digit := range rest {
		if digit < '0' || digit > '9' || seq > 1<<53 {
			break
		}
		seq = 10*seq + uint64(digit-'0')
	}
	return seq
}

// isNak reports whether a line is a NAK of a request. Its reason is its own.
func (a *lane) isNak(line []byte, seq uint64) bool {
	a.want = append(a.want[:0], "NAK "...)
	a.want = append(strconv.AppendUint(a.want, seq, 10), ' ')
	return bytes.HasPrefix(line, a.want)
}
