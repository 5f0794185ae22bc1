// precise_test.go: waits that end when they should. How late they may be is the
// machine's business; what is tested is that none is early and that an edge ends
// each kind of it.

package poller_test

import (
	"testing"
	"time"

	"fooproxy/poller"
)

func newPrecise(t *testing.T) (k *poller.PreciseKernel, wake int) {
	k, err := poller.NewPreciseKernel()
	if err != nil {
		t.Fatal(err)
	}
	wake, e := k.OpenWake()
	if e != 0 {
		t.Fatal(e)
	}
	t.Cleanup(func() {
		if e := k.Close(wake); e != 0 {
			t.Error(e)
		}
		if err := k.Shut(); err != nil {
			t.Error(err)
		}
	})
	if e := k.Register(wake, 7); e != 0 {
		t.Fatal(e)
	}
	events := make([]poller.Event, 8)
	if n, e := k.Wait(events, 0); n != 1 || e != 0 { // an eventfd is writable at first
		t.Fatalf("%d events, error %v", n, e)
	}
	return k, wake
}

func TestAPreciseWaitIsNeverEarly(t *testing.T) {
	k, _ := newPrecise(t)
	events := make([]poller.Event, 8)
	for _, span := range []time.Duration{-time.Second, 0, 1, time.Microsecond, 300 * time.Microsecond,
		time.Millisecond, 1900 * time.Microsecond, 2100 * time.Microsecond, 5 * time.Millisecond} {
		deadline := k.Now() + int64(span)
		for waits := 0; ; waits++ {
			if n, e := k.Wait(events, deadline); n != 0 || e != 0 && e != poller.EINTR {
				t.Fatalf("%v: %d events, error %v", span, n, e)
			}
			if k.Now() >= deadline {
				break
			}
			// A far deadline takes two waits, and signals may end some: none spins.
			if waits == 100 {
				t.Fatalf("%v: the waits end without end before their deadline", span)
			}
		}
	}
}

func TestAnEdgeEndsAPreciseWait(t *testing.T) {
	k, wake := newPrecise(t)
	events := make([]poller.Event, 8)
	for name, deadline := range map[string]func() int64{
		"for ever": func() int64 { return poller.Forever },
		"far":      func() int64 { return k.Now() + int64(time.Hour) },
		"near":     func() int64 { return k.Now() + int64(2*time.Millisecond) },
		"past":     func() int64 { return k.Now() - 1 },
	} {
		k.Wake(wake)
		n, e := k.Wait(events, deadline())
		for e == poller.EINTR {
			n, e = k.Wait(events, deadline())
		}
		if n != 1 || e != 0 || events[0].Token != 7 || events[0].Mask&poller.MaskIn == 0 {
			t.Errorf("%s: %d events %+v, error %v", name, n, events[0], e)
		}
	}
}

func TestAPreciseWaitAllocatesNothing(t *testing.T) {
	k, _ := newPrecise(t)
	events := make([]poller.Event, 8)
	if n := testing.AllocsPerRun(100, func() { k.Wait(events, k.Now()+int64(10*time.Microsecond)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
