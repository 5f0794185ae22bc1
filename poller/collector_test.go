// collector_test.go: the garbage collector, which must stop every thread of the
// process, never has to wait for a loop.

package poller_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"fooproxy/poller"
)

// A collector that waits stops the whole process, the test's own clock
// included, so this is a process of its own that can be ended from outside.
func TestTheCollectorDoesNotWaitForALoop(t *testing.T) {
	if got := play(t, "collector"); got != "collected beside an idle, a polling and a loaded loop" {
		t.Fatalf("it said %q", got)
	}
}

func playCollector() int {
	for _, beside := range []func() (stop func()){besideIdle, besidePolling, besideLoaded} {
		stop := beside()
		for range 10 {
			runtime.GC()
		}
		stop()
	}
	fmt.Println("collected beside an idle, a polling and a loaded loop")
	return 0
}

// aside runs a loop in a goroutine of its own until stop.
func aside(prepare func(l *poller.Loop) error) (loop *poller.Loop, stop func()) {
	kernel, err := poller.NewKernel()
	check(err)
	loop, err = poller.NewLoop(kernel)
	check(err)
	check(prepare(loop))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		loop.Run()
		loop.Shut()
	}()
	return loop, func() {
		check(loop.Mailbox().Post(loop.Stop))
		<-ended
		check(kernel.Shut())
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func besideIdle() (stop func()) {
	loop, stop := aside(func(l *poller.Loop) error {
		l.Watch(poller.Watchdog{Warn: func(time.Duration) {}, Abort: func(time.Duration) {}})
		return nil
	})
	turned := make(chan struct{})
	check(loop.Mailbox().Post(func() { close(turned) }))
	<-turned
	for !loop.Waits() {
		runtime.Gosched()
	}
	return stop
}

// besidePolling has a loop that never waits, since somebody is always ready.
func besidePolling() (stop func()) {
	_, stop = aside(func(l *poller.Loop) error {
		var timer poller.Timer
		l.Arm(&timer, &restless{l, &timer}, 0)
		return nil
	})
	return stop
}

type restless struct {
	loop  *poller.Loop
	timer *poller.Timer
}

func (r *restless) Expire(now int64) { r.loop.Arm(r.timer, r, now) }

// besideLoaded has a loop that echoes for a client that never rests.
func besideLoaded() func() {
	config := poller.DefaultConnConfig()
	options := poller.DefaultSocketOptions()
	h := &host{config: &config, prepare: func(a *actor, c *poller.Conn) {
		a.onLines = func(_ *poller.Conn, run []byte, maxLines int) (int, int) {
			taken, lines := a.take(run, maxLines)
			c.Append(run[:taken])
			a.lines, a.journal = a.lines[:0], a.journal[:0]
			return taken, lines
		}
	}}
	var listener *poller.Listener
	_, stop := aside(func(l *poller.Loop) (err error) {
		listener, err = l.Listen(anyLoopback, &options, h)
		return err
	})
	client, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	line, rounds := []byte("REQ 1 hello\n"), make(chan struct{}, 1)
	go func() {
		back := make([]byte, len(line))
		for {
			if _, err := client.Write(line); err != nil {
				return
			}
			if _, err := io.ReadFull(client, back); err != nil {
				return
			}
			select {
			case rounds <- struct{}{}:
			default:
			}
		}
	}()
	<-rounds
	return func() { stop(); client.Close() }
}
