// accept_test.go: everybody who waits is let in, in time, or stays in the queue
// without harm to those who are in.

package poller_test

import (
	"errors"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestAllWhoWaitAreAcceptedButNotInOneTurn(t *testing.T) {
	const clients = 3*poller.AcceptsPerTurn + 5
	r := newRig(t)
	for range clients {
		r.kernel.Dial(r.listener.Addr()) // one edge, or few, for all of them
	}
	for len(r.accepted) < clients {
		before := len(r.accepted)
		r.turn()
		if n := len(r.accepted) - before; n == 0 || n > poller.AcceptsPerTurn {
			t.Fatalf("%d accepted in one turn, %d in all", n, len(r.accepted))
		}
	}
}

func TestOneClientsFaultIsNotTheListeners(t *testing.T) {
	for _, e := range []poller.Errno{
		poller.EINTR, syscall.ECONNABORTED, syscall.EPROTO, syscall.EPERM, syscall.ENOPROTOOPT, syscall.EOPNOTSUPP,
		syscall.ENETDOWN, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.EHOSTUNREACH, syscall.ENONET,
	} {
		t.Run(e.Error(), func(t *testing.T) {
			r := newRig(t)
			r.kernel.Inject(fake.CallAccept, fake.Fault{Errno: e})
			first, second := r.kernel.Dial(r.listener.Addr()), r.kernel.Dial(r.listener.Addr())
			r.turn()
			want := 2
			if first.Err() != 0 {
				want = 1 // the kernel itself gave this one up
			}
			if len(r.accepted) != want || second.Err() != 0 || len(r.errors) != 0 {
				t.Errorf("%d accepted, errors %v", len(r.accepted), r.errors)
			}
		})
	}
}

func TestAListenerWithoutDescriptorsRestsAndTriesAgain(t *testing.T) {
	for _, e := range []poller.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.EINVAL} {
		t.Run(e.Error(), func(t *testing.T) {
			r := newRig(t)
			r.kernel.Inject(fake.CallAccept, fake.Fault{Errno: e})
			r.kernel.Dial(r.listener.Addr())
			before := r.kernel.Count(fake.CallAccept)
			if turns := r.settle(); turns > 5 || r.kernel.Count(fake.CallAccept) != before+1 || len(r.accepted) != 0 {
				t.Fatalf("%d turns, %d accepts", turns, r.kernel.Count(fake.CallAccept)-before)
			}
			r.pass(poller.AcceptRetry - 1)
			if len(r.accepted) != 0 {
				t.Fatal("tried again too early")
			}
			r.pass(1)
			if len(r.accepted) != 1 || len(r.errors) != 1 || r.errors[0] != e {
				t.Errorf("%d accepted, errors %v", len(r.accepted), r.errors)
			}
		})
	}
}

func TestWaitingClientsAreAcceptedWhenADescriptorIsFree(t *testing.T) {
	r := newRig(t)
	r.kernel.Limit = r.kernel.Open() + 3 + 5 // three numbers are taken in every process
	var peers []*fake.Peer
	for range 20 {
		peers = append(peers, r.kernel.Dial(r.listener.Addr()))
	}
	r.settle()
	if len(r.accepted) != 5 {
		t.Fatalf("%d accepted", len(r.accepted))
	}
	for i, p := range peers {
		p.SendString("REQ 1\n")
		r.settle()
		if len(r.accepted) <= i || len(r.accepted[i].lines) != 1 {
			t.Fatalf("client %d was not served", i)
		}
		r.accepted[i].conn.Abort() // no time passes, and nobody knocks
		r.settle()
	}
	if len(r.accepted) != 20 || len(r.errors) != 1 {
		t.Errorf("%d accepted, errors %v", len(r.accepted), r.errors)
	}
}

func TestARestingListenerComplainsOnceASecond(t *testing.T) {
	r := newRig(t)
	r.kernel.Limit = 0
	r.kernel.Dial(r.listener.Addr())
	before := r.kernel.Count(fake.CallAccept)
	r.pass(10*poller.AcceptComplaint - 1)
	if tries := r.kernel.Count(fake.CallAccept) - before; tries < 90 || tries > 101 {
		t.Errorf("%d tries in ten seconds", tries)
	}
	if len(r.errors) != 10 {
		t.Errorf("%d complaints in ten seconds", len(r.errors))
	}
	r.kernel.Limit = 100
	r.pass(poller.AcceptRetry)
	if len(r.accepted) != 1 {
		t.Error("the client was not accepted when there were descriptors again")
	}
}

func TestAPausedListenerLeavesClientsInTheQueue(t *testing.T) {
	r := newRig(t)
	r.onAccept = func(l *poller.Listener) {
		if len(r.accepted) == 1 { // with this one there are two
			l.Pause()
		}
	}
	for range 5 {
		r.kernel.Dial(r.listener.Addr())
	}
	r.settle()
	r.pass(time.Minute)
	if len(r.accepted) != 2 {
		t.Fatalf("%d accepted", len(r.accepted))
	}
	r.kernel.Dial(r.listener.Addr()) // an edge meanwhile changes nothing
	r.settle()
	if len(r.accepted) != 2 {
		t.Fatalf("%d accepted", len(r.accepted))
	}
	r.listener.Resume()
	r.check()
	r.settle()
	if len(r.accepted) != 6 {
		t.Errorf("%d accepted", len(r.accepted))
	}
}

func TestAListenerThatRestsAndIsPausedWaitsForBoth(t *testing.T) {
	r := newRig(t)
	r.kernel.Inject(fake.CallAccept, fake.Fault{Errno: syscall.EMFILE})
	r.kernel.Dial(r.listener.Addr())
	r.settle()
	r.listener.Pause()
	r.pass(time.Second)
	if len(r.accepted) != 0 {
		t.Error("accepted although it is paused")
	}
	r.listener.Resume()
	r.settle()
	if len(r.accepted) != 1 {
		t.Error("not accepted")
	}
	r.kernel.Inject(fake.CallAccept, fake.Fault{Errno: syscall.EMFILE})
	r.kernel.Dial(r.listener.Addr())
	r.settle()
	r.listener.Pause()
	r.listener.Resume()
	r.settle()
	if len(r.accepted) != 1 {
		t.Error("accepted although it rests")
	}
	r.pass(time.Second)
	if len(r.accepted) != 2 {
		t.Error("not accepted")
	}
}

func TestAnUnwantedClientIsClosed(t *testing.T) {
	r := newRig(t)
	r.refuse = true
	before := r.kernel.Open()
	p := r.kernel.Dial(r.listener.Addr())
	r.settle()
	if !p.Ended() || r.kernel.Open() != before {
		t.Errorf("ended %t, %d descriptors", p.Ended(), r.kernel.Open()-before)
	}
}

func TestAClientThatCannotBeRegisteredIsClosed(t *testing.T) {
	r := newRig(t)
	r.kernel.Inject(fake.CallRegister, fake.Fault{Errno: syscall.ENOSPC})
	before := r.kernel.Open()
	p := r.kernel.Dial(r.listener.Addr())
	r.settle()
	if !p.Ended() || r.kernel.Open() != before || len(r.errors) != 1 || len(r.accepted) != 0 {
		t.Errorf("ended %t, %d descriptors, errors %v", p.Ended(), r.kernel.Open()-before, r.errors)
	}
}

func TestADrainAcceptsTheQueueOnceAndCloses(t *testing.T) {
	const clients = 2*poller.AcceptsPerTurn + 1
	for _, c := range []struct {
		name     string
		before   func(r *rig)
		accepted int
	}{
		{"all at once", func(*rig) {}, clients},
		{"paused", func(r *rig) { r.listener.Pause() }, clients},
		{"without descriptors", func(r *rig) { r.kernel.Limit = 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			c.before(r)
			for range clients {
				r.kernel.Dial(r.listener.Addr())
			}
			if c.accepted == 0 {
				r.settle()
			}
			r.listener.Drain()
			r.pass(poller.AcceptRetry)
			if len(r.accepted) != c.accepted || !r.listener.Closed() {
				t.Errorf("%d accepted, closed %t", len(r.accepted), r.listener.Closed())
			}
			late := r.kernel.Dial(r.listener.Addr())
			if late.Err() != syscall.ECONNREFUSED {
				t.Error(late.Err())
			}
			r.listener.Drain()
			r.listener.Close()
			r.settle()
		})
	}
}

func TestAClosedListenerIsForgotten(t *testing.T) {
	r := newRig(t)
	r.kernel.Inject(fake.CallAccept, fake.Fault{Errno: syscall.EMFILE})
	r.kernel.Dial(r.listener.Addr())
	r.settle() // it rests
	r.listener.Close()
	r.check()
	r.pass(time.Second)
	other, err := r.loop.Listen(anyLoopback, &r.options, &r.host)
	r.must(err)
	other.Drain()
	other.Close() // while it is on the ready list
	r.check()
	r.settle()
}

func TestTheErrorOfAListenNamesItsAddress(t *testing.T) {
	r := newRig(t)
	_, err := r.loop.Listen(r.listener.Addr(), &r.options, &r.host)
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), r.listener.Addr().String()) {
		t.Error(err)
	}
	before := r.kernel.Open()
	r.kernel.Inject(fake.CallRegister, fake.Fault{Errno: syscall.ENOSPC})
	if _, err := r.loop.Listen(anyLoopback, &r.options, &r.host); !errors.Is(err, syscall.ENOSPC) || r.kernel.Open() != before {
		t.Error(err)
	}
}

func TestTheBacklogIsTheOneThatWasAskedFor(t *testing.T) {
	r := newRig(t, func(r *rig) { r.options.Backlog = 4 })
	connected := 0
	for range 10 {
		if r.kernel.Dial(r.listener.Addr()).Connected() {
			connected++
		}
	}
	if connected != 5 {
		t.Errorf("%d connected", connected)
	}
	r.settle()
	r.pass(time.Minute) // the others try again
	if len(r.accepted) != 10 {
		t.Errorf("%d accepted", len(r.accepted))
	}
}

func TestAnAddressInUseOnTheRealKernel(t *testing.T) {
	l := newLive(t)
	if _, err := l.loop.Listen(l.listener.Addr(), &l.options, &l.host); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
	for _, addr := range []string{"[::1]:0", "[::]:0", "0.0.0.0:0"} {
		other, err := l.loop.Listen(poller.TCPAddr(netip.MustParseAddrPort(addr)), &l.options, &l.host)
		if errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT) {
			continue // a host without IPv6
		}
		l.must(err)
		to := poller.TCPAddr(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), other.Addr().TCP().Port()))
		if addr == "[::1]:0" {
			to = other.Addr()
		}
		a := &actor{}
		if _, e := l.loop.Dial(to, &l.options, a, l.config); e != 0 {
			t.Fatal(e)
		}
		l.await("the connection to "+addr, func() bool { return a.said() == "open" })
	}
}

func TestAnAcceptedConnectionKnowsWhereItsPeerHasConnected(t *testing.T) {
	r := newRig(t)
	p, a := r.client()
	if got, want := a.conn.LocalAddr(), p.RemoteAddr(); got != want || !got.IsValid() {
		t.Errorf("%v, want %v", got, want)
	}
	p.Reset() // whoever is gone has connected there all the same
	if got, want := a.conn.LocalAddr(), p.RemoteAddr(); got != want {
		t.Errorf("after a reset %v, want %v", got, want)
	}
	c := a.conn
	r.settle()
	if got := c.LocalAddr(); got.IsValid() {
		t.Errorf("of a closed connection %v", got)
	}
}
