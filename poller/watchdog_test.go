// watchdog_test.go: a turn that takes too long is told of once, and the time in
// which nobody could run is not held against it.

package poller_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
)

func TestTheWatchdogsGaze(t *testing.T) {
	const tick = poller.WatchdogInterval
	type look struct {
		turn  uint64
		after time.Duration // since the look before
		times int
	}
	for _, c := range []struct {
		name  string
		looks []look
		said  string
	}{
		{"a loop that waits", []look{{0, tick, 200}}, ""},
		{"short turns", []look{{1, tick, 3}, {2, tick, 3}, {0, tick, 1}, {3, tick, 3}}, ""},
		{"a long turn", []look{{1, tick, 10}}, "warn 100ms"},
		{"two long turns", []look{{1, tick, 10}, {2, tick, 10}}, "warn 100ms, warn 100ms"},
		{"a turn that does not end", []look{{1, tick, 300}}, "warn 100ms, abort 2s"},
		{"a wait between two looks at one number", []look{{1, tick, 3}, {0, tick, 1}, {1, tick, 3}}, ""},
		{"the whole process stood still", []look{{1, tick, 2}, {1, time.Minute, 1}, {1, tick, 1}}, ""},
		{"it stood still in a long turn", []look{{1, tick, 6}, {1, time.Minute, 1}, {1, tick, 100}}, "warn 100ms, abort 2s"},
		{"looks that come a little late", []look{{1, tick + poller.WatchdogWarn/2, 3}}, "warn 150ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			now := time.Unix(1000, 0)
			gaze := poller.NewGaze(now)
			var said []string
			dog := poller.Watchdog{
				Warn:  func(d time.Duration) { said = append(said, fmt.Sprint("warn ", d)) },
				Abort: func(d time.Duration) { said = append(said, fmt.Sprint("abort ", d)) },
			}
			for _, l := range c.looks {
				for range l.times {
					now = now.Add(l.after)
					gaze.Look(l.turn, now, dog)
				}
			}
			if got := strings.Join(said, ", "); got != c.said {
				t.Errorf("it said %q, want %q", got, c.said)
			}
		})
	}
}

func TestTheWatchdogSeesATurnThatHangs(t *testing.T) {
	warned := make(chan struct{})
	var unwatch func()
	loop, stop := aside(func(l *poller.Loop) error {
		unwatch = l.Watch(poller.Watchdog{
			Warn:  func(time.Duration) { close(warned) },
			Abort: func(time.Duration) {},
		})
		return nil
	})
	fatal(t, loop.Mailbox().Post(func() { <-warned }))
	<-warned
	stop()
	unwatch()
}
