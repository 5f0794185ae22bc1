// watchdog.go owns the look from outside at a loop that may be stuck: it warns,
// and in the end gives the process up.

package poller

import "time"

// Watchdog tells of turns that take too long. Its functions are called in its
// own goroutine, while the loop is still in that turn.
type Watchdog struct {
	Warn  func(took time.Duration) // once a turn, after WatchdogWarn
	Abort func(took time.Duration) // once a turn, after WatchdogAbort
}

// Watch starts the watchdog, before Run. The function it gives ends it.
func (l *Loop) Watch(w Watchdog) (stop func()) {
	l.watching = true
	done := make(chan struct{})
	go func() {
		ticker := time.NewTicker(watchdogInterval)
		defer ticker.Stop()
		gaze := gaze{last: time.Now()}
		for {
			select {
			case <-done:
				return
			case now := <-ticker.C:
				gaze.look(l.beat.Load(), now, w)
			}
		}
	}()
	return func() { close(done) }
}

// gaze is what the watchdog remembers between two looks.
type gaze struct {
	last   time.Time
	turn   uint64
	since  time.Time // when this turn was first seen
	warned bool
	over   bool
}

// look judges the turn under way. Where the look itself comes late the whole
// process stood still, and the time it stood does not count.
func (g *gaze) look(turn uint64, now time.Time, w Watchdog) {
	if late := now.Sub(g.last) - watchdogInterval; late > WatchdogWarn/2 {
		g.since = g.since.Add(late)
	}
	g.last = now
	if turn == 0 || turn != g.turn {
		g.turn, g.since, g.warned, g.over = turn, now, false, false
		return
	}
	took := now.Sub(g.since)
	if took >= WatchdogWarn && !g.warned {
		g.warned = true
		w.Warn(took)
	}
	if took >= WatchdogAbort && !g.over {
		g.over = true
		w.Abort(took)
	}
}
