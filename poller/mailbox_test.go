// mailbox_test.go: messages from other goroutines arrive, once, within bounds,
// and no wake-up is lost.

package poller_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// flag is a Sys of which the mailbox needs the wake-up alone. Without a system
// call in between, the loop and a producer meet at every moment of a drain.
type flag struct {
	poller.Sys
	set atomic.Bool
}

func (f *flag) Wake(int)      { f.set.Store(true) }
func (f *flag) ClearWake(int) { f.set.Store(false) }

// The second message of each round comes at a random moment of the first one's
// drain. One that came at a wrong moment would wait for ever, since nobody posts
// behind it. A machine without a core for each of the two makes fewer rounds.
func TestNoWakeUpIsLost(t *testing.T) {
	const rounds, enough = 500_000, time.Second
	var f flag
	var ran atomic.Int64
	mailbox := poller.NewMailbox(&f)
	ended := make(chan struct{})
	var over atomic.Bool
	go func() { // the loop: it looks only when it was woken, or knows of more
		defer close(ended)
		for more := false; !over.Load(); {
			if more || f.set.Load() {
				more = mailbox.Drain(poller.MailPerTurn)
			} else {
				runtime.Gosched()
			}
		}
	}()
	random := rand.New(rand.NewPCG(7, 8))
	message := func() { ran.Add(1) }
	begin := time.Now()
	for round := int64(0); round < rounds && time.Since(begin) < enough; round++ {
		fatal(t, mailbox.Post(message))
		for range random.IntN(300) { // some hundred nanoseconds
		}
		fatal(t, mailbox.Post(message))
		for spins := 1; ran.Load() < 2*round+2; spins++ {
			if spins%1000 > 0 {
				continue
			}
			runtime.Gosched()
			if time.Since(begin) > patience {
				t.Fatalf("round %d: a message waits, and nobody wakes the loop", round)
			}
		}
	}
	over.Store(true)
	<-ended
}

func TestManyProducersAtFullSpeed(t *testing.T) {
	const producers, messages = 4, 20_000
	loop, stop := aside(func(*poller.Loop) error { return nil })
	sums := make([]int, producers) // each counted by the loop alone
	last := make([]int, producers)
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for i := range messages {
				message := func() {
					if i < last[p] {
						panic("a message came twice, or before an earlier one of its producer")
					}
					last[p] = i + 1
					sums[p]++
				}
				for errors.Is(loop.Mailbox().Post(message), poller.ErrBusy) {
					runtime.Gosched()
				}
			}
		})
	}
	all.Wait()
	fatal(t, loop.Mailbox().Call(t.Context(), func() {}))
	for loop.Mailbox().Call(t.Context(), func() {}) != nil {
		runtime.Gosched()
	}
	stop()
	for p, n := range sums {
		if n != messages {
			t.Errorf("producer %d: %d messages were run", p, n)
		}
	}
}

func TestTheMailboxIsBoundedAndReadInPortions(t *testing.T) {
	r := newRig(t)
	m := r.loop.Mailbox()
	ran := 0
	for i := range poller.MailboxCapacity {
		if err := m.Post(func() { ran++ }); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	for range 3 {
		if err := m.Post(func() { t.Error("a refused message was run") }); !errors.Is(err, poller.ErrBusy) {
			t.Fatal(err)
		}
	}
	for turns := 1; ran < poller.MailboxCapacity; turns++ {
		r.turn()
		if ran != turns*poller.MailPerTurn {
			t.Fatalf("%d messages in %d turns", ran, turns)
		}
	}
	if err := m.Post(func() { ran++ }); err != nil {
		t.Fatal(err)
	}
	r.settle()
	if ran != poller.MailboxCapacity+1 {
		t.Errorf("%d messages were run", ran)
	}
}

func TestReservedPlacesAreNeverRefused(t *testing.T) {
	r := newRig(t)
	m := r.loop.Mailbox()
	var complete []func(func())
	for {
		c, ok := m.Reserve()
		if !ok {
			break
		}
		complete = append(complete, c)
	}
	if len(complete) != poller.MailboxCapacity {
		t.Fatalf("%d places", len(complete))
	}
	for range poller.MailboxCapacity {
		fatal(t, m.Post(func() {}))
	}
	ran := 0
	for _, c := range complete {
		c(func() { ran++ })
	}
	r.settle()
	if ran != len(complete) {
		t.Errorf("%d completions were run", ran)
	}
	if _, ok := m.Reserve(); !ok {
		t.Error("the places did not come back")
	}
}

// Reading the eventfd makes room in its count, which is an edge too.
func TestAWakeIsFollowedByRest(t *testing.T) {
	l := newLive(t)
	l.quiet()
	ran := 0
	for range 3 {
		fatal(t, l.loop.Mailbox().Post(func() { ran++ }))
	}
	for turns := 1; ran < 3; turns++ {
		if l.loop.Turn(l.sys.Now() + int64(patience)); turns > 1 {
			t.Fatalf("%d messages in %d turns", ran, turns)
		}
	}
	cleared := l.sys.cleared
	l.quiet()
	if l.sys.cleared != cleared {
		t.Error("the mailbox was looked into for nothing")
	}
}

func TestCallWaitsForItsMessage(t *testing.T) {
	loop, stop := aside(func(*poller.Loop) error { return nil })
	ran := false
	fatal(t, loop.Mailbox().Call(t.Context(), func() { ran = true }))
	if !ran {
		t.Error("not run")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := loop.Mailbox().Call(ctx, func() {}); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	stop()
}

// The number of a closed eventfd may belong to a file a moment later.
func TestAMessageForALoopThatIsGoneTouchesNoDescriptor(t *testing.T) {
	kernel, err := poller.NewKernel()
	fatal(t, err)
	loop, err := poller.NewLoop(kernel)
	fatal(t, err)
	number := loop.Mailbox().Descriptor()
	loop.Shut()
	victim, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	fatal(t, err)
	if victim != number {
		if _, err := unix.FcntlInt(uintptr(number), unix.F_GETFD, 0); err == nil {
			t.Skip("another part of the process took the number")
		}
		fatal(t, unix.Dup3(victim, number, unix.O_CLOEXEC))
		defer unix.Close(number)
	}
	fatal(t, loop.Mailbox().Post(func() {}))
	var count [8]byte
	if n, err := unix.Read(victim, count[:]); err != unix.EAGAIN {
		t.Errorf("somebody else's descriptor was written to: %v, %d bytes", err, n)
	}
	fatal(t, unix.Close(victim))
	fatal(t, kernel.Shut())
}

func TestTheRingIsAQueue(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, size := range []int{1, 2, 3, 8} {
		ring := poller.NewRing(size)
		capacity := 2
		for capacity < size {
			capacity *= 2
		}
		var oracle []int
		for i := range 20_000 {
			if random.IntN(2) == 0 {
				if ok := ring.Push(i); ok != (len(oracle) < capacity) {
					t.Fatalf("push of %d into a ring with %d of %d: %t", i, len(oracle), capacity, ok)
				} else if ok {
					oracle = append(oracle, i)
				}
				continue
			}
			v, ok := ring.Pop()
			if ok != (len(oracle) > 0) || ok && v != oracle[0] {
				t.Fatalf("pop gave %d, %t, want the first of %v", v, ok, oracle)
			}
			if ok {
				oracle = oracle[1:]
			}
		}
	}
}

func TestTheRingKeepsEachPushersOrder(t *testing.T) {
	const pushers, values = 4, 20_000
	ring := poller.NewRing(16)
	var all sync.WaitGroup
	for p := range pushers {
		all.Go(func() {
			for i := range values {
				for !ring.Push(p*values + i) {
					runtime.Gosched()
				}
			}
		})
	}
	next := make([]int, pushers)
	for range pushers * values {
		v, ok := ring.Pop()
		for ; !ok; v, ok = ring.Pop() {
			runtime.Gosched()
		}
		if p := v / values; v%values != next[p] {
			t.Fatalf("pusher %d: %d, want %d", p, v%values, next[p])
		} else {
			next[p]++
		}
	}
	all.Wait()
}
