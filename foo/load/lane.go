// lane.go owns one connection of a run: what is sent on it, what is made of its
// replies, and how it ends. It must not know the other connections.
//
//	due, room in the window, room for output ─► send ─► server ─► OnLines ─► judge
//	             ▲                                                    │
//	             └──────────────── a reply makes room ────────────────┘

package load

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"syscall"

	"fooproxy/foo"
	"fooproxy/poller"
)

// A lane's life:
//
//	from \ event   OnOpen            the run begins   all sent is answered, no more to send   end of the connection
//	waiting        -                 -                -                                       -
//	dialling       ready, or         -                gone                                    dialling (next address), or
//	               working again                                                              pausing behind the last
//	ready          -                 working          -                                       gone, lost, or dialling
//	working        -                 -                listening                               gone, lost, or dialling
//	pausing        -                 -                gone                                    - (it becomes dialling, or gone, lost)
//	listening      -                 -                -                                       gone
type laneState uint8

const (
	laneWaiting laneState = iota
	laneDialling
	laneReady
	laneWorking
	lanePausing   // between two rounds of dialling, after a loss
	laneListening // half-closed; replies that come now are stray
	laneGone
)

// lane is one connection as the poller's handler.
type lane struct {
	run     *Run
	conn    *poller.Conn
	index   int
	address int   // which address is dialled, or was last
	tried   int   // addresses in this round
	refused error // by the first address of the round

	lostAt  int64        // since when a server is looked for; 0: one has answered since
	backoff int64        // the length of the next pause
	pauser  poller.Timer // its end
	cut     error        // why we have ended the connection ourselves

	planned   uint64 // requests in all
	unbounded bool   // planned is not known
	before    uint64 // requests of earlier connections, answered or lost
	given     uint64 // those of them that are lost
	depth     uint64 // of the window, once a server has answered
	window    window // of this connection
	state     laneState
	lost      error // why replies are missing, or requests were not sent
	lostEarly bool  // while requests were still to be sent

	lookedAt uint64 // replies at the last look
	looks    int    // since there was a new one
}

// The ways in which a server ends a connection.
var (
	errClosed    = errors.New("the server has closed it")
	errClosedMid = errors.New("the server has closed it in the middle of a line")
)

func newLane(r *Run, index int) *lane {
	l := &lane{run: r, index: index, unbounded: r.limit == 0, planned: foo.SeqMax}
	l.address = r.route.starts[index%len(r.route.starts)]
	if !l.unbounded {
		l.planned = share(r.limit, len(r.lanes), index)
	}
	// There is no more room than there are requests.
	l.depth = max(1, min(uint64(r.config.Depth), l.planned))
	l.window = newWindow(int(l.depth))
	return l
}

func (l *lane) begin() {
	if l.state != laneReady {
		return // it was lost already
	}
	l.run.working++
	l.state = laneWorking
	l.rest() // there may be more connections than requests
}

// released is how many requests may be sent by now.
func (l *lane) released() uint64 {
	if l.run.config.Rate == 0 {
		return l.planned
	}
	return share(l.run.due, len(l.run.lanes), l.index)
}

// send makes the requests that there is time and room for, and gives them to the
// connection in one piece.
func (l *lane) send() {
	r := l.run
	if l.state != laneWorking || r.phase != phaseWorking {
		return
	}
	r.batch = r.batch[:0]
	room, released := l.conn.Room(), l.released()
	for l.before+l.window.sent < released && !l.window.full() {
		seq := l.window.next()
		r.line = foo.AppendMessage(r.line[:0], foo.REQ, seq, r.source.data(l.index, l.before+seq))
		if fits := len(r.batch)+len(r.line) <= room; !fits && !(len(r.batch) == 0 && l.conn.Fits(len(r.line))) {
			l.conn.WantRoom(len(r.line))
			break
		}
		r.batch = append(r.batch, r.line...)
		l.window.note(l.since(seq))
	}
	l.conn.Append(r.batch)
}

// since is when the latency of a request begins: in a closed loop now, in an
// open one when it was due, whoever kept it from being sent then.
func (l *lane) since(seq uint64) int64 {
	r := l.run
	if r.config.Rate == 0 {
		return r.loop.Now()
	}
	return r.start + r.pace.due(number(len(r.lanes), l.index, l.before+seq))
}

// rest half-closes a lane whose work is done. One that looks for a server has
// nothing outstanding.
func (l *lane) rest() {
	if l.lostAt != 0 && l.run.phase == phaseEnding && (l.state == lanePausing || l.state == laneDialling) {
		if l.state == laneDialling {
			l.conn.Abort()
		}
		l.leave()
	}
	if l.state != laneWorking || l.window.missing() > 0 {
		return
	}
	if l.before+l.window.sent == l.planned || l.run.phase == phaseEnding {
		l.state = laneListening
		l.run.working--
		l.conn.FinishWrite()
	}
}

// look gives the connection up when replies are missing and none has come for so
// many looks. A time in which this process stood still is one look.
func (l *lane) look() {
	if l.state != laneWorking || l.window.missing() == 0 || l.window.answered != l.lookedAt {
		l.lookedAt, l.looks = l.window.answered, 0
		return
	}
	if l.looks++; l.looks >= looksPerWait {
		l.endWith(fmt.Errorf("gave up waiting, no reply for %v", l.run.config.Wait))
		l.conn.Abort()
	}
}

// endWith notes why the connection is at its end. A lane that goes on does so when
// it is closed: what was written is known then.
func (l *lane) endWith(why error) {
	if l.goesOn() {
		l.cut = why
		l.conn.Abort()
		return
	}
	l.lose(why)
}

// lose ends the work on a lane. Where it has none left, how its connection ends
// is no matter.
func (l *lane) lose(why error) {
	switch l.state {
	case laneReady:
		l.lost, l.lostEarly = why, true
	case laneWorking:
		l.lost, l.lostEarly = why, l.run.phase == phaseWorking
		l.run.working--
	case laneListening:
	default:
		return
	}
	l.state = laneGone
	l.run.open--
}

// ReadRoom implements poller.Handler: whatever comes is looked at and forgotten.
func (l *lane) ReadRoom(*poller.Conn) int { return math.MaxInt32 }

// OnLines implements poller.Handler.
func (l *lane) OnLines(_ *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	r := l.run
	for lines < maxLines && taken < len(run) {
		end := taken + bytes.IndexByte(run[taken:], '\n')
		l.judge(run[taken:end])
		taken = end + 1
		lines++
	}
	if r.loop.Now() >= r.nextDue {
		r.release(r.loop.Now()) // timers come last in a turn, and not in each where there is much to do
	}
	l.send()
	l.rest()
	return taken, lines
}

// judge counts a line as what it is.
func (l *lane) judge(line []byte) {
	r := l.run
	reply, err := foo.Parse(line)
	if err != nil || reply.Type == foo.REQ {
		r.tally.notFoo++
		return
	}
	since, inOrder, ok := l.window.settle(reply.Seq)
	if !ok {
		r.tally.wrongSeq++
		return
	}
	if l.lostAt != 0 {
		l.noteAlive()
	}
	now := r.loop.Now()
	r.lastAt = now
	r.latencies.record(now - since)
	if !inOrder {
		r.tally.wrongOrder++
	}
	if reply.Type == foo.NAK {
		r.tally.naks++
		return
	}
	r.tally.acks++
	if !r.config.AnyData && !bytes.Equal(r.source.data(l.index, l.before+reply.Seq), reply.Data) {
		r.tally.wrongData++
	}
}

// OnLongLine implements poller.Handler.
func (l *lane) OnLongLine(conn *poller.Conn, _ []byte) {
	l.run.tally.notFoo++
	l.lose(fmt.Errorf("the reply is no reply: %w", foo.ErrLineTooLong))
	conn.Abort()
}

// OnEnd implements poller.Handler. Whether the server has closed or reset the
// connection OnClose will tell.
func (l *lane) OnEnd(conn *poller.Conn, fragment []byte) {
	why := errClosed
	switch {
	case len(fragment) == 0:
	case l.state == laneListening: // it is no part of a reply that is missing
		l.run.tally.notFoo++
	default:
		why = errClosedMid
	}
	l.endWith(why)
	conn.Close()
}

// OnRoom implements poller.Handler.
func (l *lane) OnRoom(*poller.Conn) { l.send() }

// OnClose implements poller.Handler.
func (l *lane) OnClose(_ *poller.Conn, why poller.Cause) {
	switch {
	case l.state == laneDialling:
		l.dialAgain(why)
	case l.run.phase == phaseOver:
	case l.goesOn():
		l.part(l.endOf(why))
	case why.Errno == 0:
		l.lose(errors.New(why.String()))
	case l.lost == errClosed || l.lost == errClosedMid:
		if why.Errno != syscall.EPIPE { // that only says that it is closed
			l.lost = why.Errno
		}
	default:
		l.lose(why.Errno)
	}
}

// endOf is why a connection is closed: what we have seen ourselves, or what the
// kernel says.
func (l *lane) endOf(why poller.Cause) error {
	defer func() { l.cut = nil }()
	switch {
	case l.cut != nil:
		return l.cut
	case why.Errno != 0:
		return why.Errno
	}
	return errors.New(why.String())
}
