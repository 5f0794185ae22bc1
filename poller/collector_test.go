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
// included, so this is a process of its own that can be ended from outside. It
// fails also where the collector has to interrupt the loop's wait each time
// instead of finding it out of its way.
func TestTheCollectorDoesNotWaitForALoop(t *testing.T) {
	if got := play(t, "collector"); got != "collected beside an idle, a polling and a loaded loop" {
		t.Fatalf("it said %q", got)
	}
}

func playCollector() int {
	for _, beside := range []func() (stop func()){besideIdle, besidePolling, besideLoaded} {
		stop := beside()
		for range collections {
			runtime.GC()
		}
		stop()
	}
	fmt.Println("collected beside an idle, a polling and a loaded loop")
	return 0
}

const collections = 20

// interrupted is a Sys that counts the waits a signal ended.
type interrupted struct {
	poller.Sys
	waits int
}

func (i *interrupted) Wait(ev []poller.Event, deadline int64) (int, poller.Errno) {
	n, e := i.Sys.Wait(ev, deadline)
	if e == poller.EINTR {
		i.waits++
	}
	return n, e
}

// aside runs a loop in a goroutine of its own until stop.
func aside(prepare func(l *poller.Loop) error) (loop *poller.Loop, stop func()) {
	kernel, err := poller.NewKernel()
	check(err)
	loop, end := asideOn(kernel, prepare)
	return loop, func() { end(); check(kernel.Shut()) }
}

func asideOn(sys poller.Sys, prepare func(l *poller.Loop) error) (loop *poller.Loop, stop func()) {
	loop, err := poller.NewLoop(sys)
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
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func besideIdle() func() {
	kernel, err := poller.NewKernel()
	check(err)
	sys := &interrupted{Sys: kernel}
	loop, stop := asideOn(sys, func(l *poller.Loop) error {
		l.Watch(poller.Watchdog{Warn: func(time.Duration) {}, Abort: func(time.Duration) {}})
		return nil
	})
	turned := make(chan struct{})
	check(loop.Mailbox().Post(func() { close(turned) }))
	<-turned
	for !loop.Waits() {
		runtime.Gosched()
	}
	return func() {
		stop()
		if sys.waits > collections/5 {
			check(fmt.Errorf("%d collections interrupted %d waits", collections, sys.waits))
		}
		check(kernel.Shut())
	}
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
