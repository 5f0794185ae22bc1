// progress.go owns how far a run is: the figures that the loop publishes once a
// turn, and the line that is made of them. It must not know who shows it.

package load

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// told is what others may know while the run goes on.
type told struct {
	connected, answered, wrong, reconnects atomic.Uint64
	working                                atomic.Bool
}

// publish is called by the loop at the end of each turn.
func (r *Run) publish() {
	t := &r.told
	t.connected.Store(uint64(r.dials.opened))
	t.answered.Store(r.tally.answered())
	t.wrong.Store(r.tally.mismatches())
	t.reconnects.Store(r.reconnects)
	t.working.Store(r.phase > phaseDialling)
}

// Progress is how far a run is. It is a value.
type Progress struct {
	Connections, Connected uint64
	Requests               uint64 // of the whole run; 0: not known
	Duration               time.Duration
	Answered, Wrong        uint64
	Reconnects             uint64
	Working                bool // all connections stand
}

// Progress may be called by any goroutine, at any time.
func (r *Run) Progress() Progress {
	t := &r.told
	return Progress{
		Connections: uint64(r.config.Connections), Connected: t.connected.Load(),
		Requests: r.limit, Duration: r.config.Duration,
		Answered: t.answered.Load(), Wrong: t.wrong.Load(), Reconnects: t.reconnects.Load(),
		Working: t.working.Load(),
	}
}

// share is the part of the run that is done after a time at work: the greater of
// the two, since the first that is complete ends it.
func (p Progress) share(elapsed time.Duration) float64 {
	done := 0.0
	if p.Requests > 0 {
		done = float64(p.Answered) / float64(p.Requests)
	}
	if p.Duration > 0 {
		done = max(done, float64(elapsed)/float64(p.Duration))
	}
	return min(done, 1)
}

// Line tells the progress in at most width columns of ASCII: after a time at
// work, with the rate of the last moment.
func (p Progress) Line(elapsed time.Duration, rate float64, width int) string {
	var line string
	if !p.Working {
		line = fmt.Sprintf("connecting: %d of %d", p.Connected, p.Connections)
	} else {
		done := p.share(elapsed)
		marks := int(done * barWidth)
		line = fmt.Sprintf("[%s%s] %3.0f%%  %d replies  %.0f/s  %.0f s", strings.Repeat("#", marks),
			strings.Repeat(".", barWidth-marks), 100*done, p.Answered, rate, elapsed.Seconds())
		if p.Wrong > 0 {
			line += fmt.Sprintf("  wrong: %d", p.Wrong)
		}
		if p.Reconnects > 0 {
			line += fmt.Sprintf("  reconnects: %d", p.Reconnects)
		}
	}
	return line[:min(len(line), max(width, 0))]
}
