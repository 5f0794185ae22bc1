// search.go owns what becomes of a lane that has lost its server: what is lost with
// it, and how the next one is looked for. It must not know replies.
//
//	lost ─► part ─► the next address ... each once ─► pause ─► each once ... ─► resume, or giveUp

package load

import (
	"fmt"

	"fooproxy/foo"
)

// goesOn says whether the loss of its connection is not the end of a lane.
func (l *lane) goesOn() bool {
	return l.run.config.Reconnect > 0 && (l.state == laneReady || l.state == laneWorking)
}

// part takes leave of a connection that is closed, and looks for the next one where
// there is more to send. A connection without a reply is a try of its address, and
// does not begin a new search: a proxy that takes connections and ends them is none
// that answers.
func (l *lane) part(why error) {
	r := l.run
	r.open--
	if l.state == laneReady {
		r.dials.opened--
		r.dials.going++
	}
	why = fmt.Errorf("%v: %w", r.route.addresses[l.address], why)
	r.notePart(fmt.Errorf("connection %d of %d: %w; requests lost: %d", l.index+1, len(r.lanes), why, l.account()))
	l.refused = why
	l.turnToNext()
	if l.lostAt == 0 {
		l.lostAt, l.tried, l.backoff = r.loop.Now(), 0, int64(backoffMin)
	}
	if l.isDone() {
		l.leave()
		return
	}
	l.search()
}

// account makes the requests of the connection the past: those of which no byte was
// written are to be sent again, and those without a reply are lost.
func (l *lane) account() (lost uint64) {
	unsent := l.unsent()
	lost = l.window.missing() - unsent
	l.before += l.window.sent - unsent
	l.given += lost
	l.window.restart(1)
	l.lookedAt, l.looks = 0, 0
	return lost
}

// unsent is how many of the last requests were not written, not even in part.
func (l *lane) unsent() (count uint64) {
	r := l.run
	left := l.conn.Appended() - l.conn.Written()
	for seq := l.window.sent; l.window.waits(seq); seq-- {
		r.line = foo.AppendMessage(r.line[:0], foo.REQ, seq, r.source.data(l.index, l.before+seq))
		if uint64(len(r.line)) > left {
			break
		}
		left -= uint64(len(r.line))
		count++
	}
	return count
}

// isDone says whether nothing more is to be sent.
func (l *lane) isDone() bool {
	return l.run.phase > phaseWorking || l.run.phase == phaseWorking && l.before == l.planned
}

// leave ends a lane that has no connection. Before the beginning none leaves.
func (l *lane) leave() {
	l.run.loop.Disarm(&l.pauser)
	l.state = laneGone
	l.run.working--
}

// search dials, where there is time left and the round is not over.
func (l *lane) search() {
	r := l.run
	switch {
	case l.lostAt != 0 && r.loop.Now() >= l.lostAt+int64(r.config.Reconnect):
		l.giveUp()
	case l.lostAt != 0 && l.tried >= len(r.route.addresses):
		l.pause()
	default:
		l.dial()
	}
}

// pause waits between two rounds.
func (l *lane) pause() {
	r := l.run
	l.state = lanePausing
	until := min(r.loop.Now()+l.backoff, l.lostAt+int64(r.config.Reconnect))
	l.backoff = min(2*l.backoff, int64(backoffMax))
	r.loop.Arm(&l.pauser, (*pauser)(l), until)
}

// pauser is a lane as the owner of the timer of its pause.
type pauser lane

// Expire implements poller.Expirer.
func (p *pauser) Expire(int64) {
	l := (*lane)(p)
	l.tried = 0
	if l.run.loop.Now() < l.lostAt+int64(l.run.config.Reconnect) {
		l.refused = nil
	}
	l.search()
}

func (l *lane) giveUp() {
	r := l.run
	why := fmt.Errorf("no server has answered for %v", r.config.Reconnect)
	if l.refused != nil {
		why = fmt.Errorf("%w: %w", why, l.refused)
	}
	if r.phase == phaseDialling {
		r.fail(fmt.Errorf("connection %d of %d: %w", l.index+1, len(r.lanes), why))
		return
	}
	l.lost, l.lostEarly = why, true
	l.leave()
}

// resume goes on with a new connection. A second request waits for the first
// reply, so that a server that answers nothing costs one request each time.
func (l *lane) resume() {
	l.state = laneWorking
	l.run.reconnects++
	l.send()
}

// noteAlive ends a search: a reply has come.
func (l *lane) noteAlive() {
	l.lostAt = 0
	l.window.depth = l.depth
}

func (r *Run) notePart(why error) {
	r.parted++
	if len(r.partings) < partingsMax {
		r.partings = append(r.partings, why)
	}
}
