// dial_test.go: a dial is over when it is known to be, and never lies.

package poller_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestADialOpensAndWhatWasAppendedLeaves(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	a := &actor{}
	c, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
	if e != 0 {
		t.Fatal(e)
	}
	c.Append([]byte("REQ 1\n"))
	c.FinishWrite()
	r.settle()
	p := s.Accept()
	r.wantReceived(p, "REQ 1\n")
	if !p.Ended() {
		t.Error("no FIN")
	}
	p.SendString("ACK 1\n")
	p.Close()
	r.settle()
	r.wantSaid(a, "open", "1 lines", `end ""`)
}

func TestAnEdgeWhileConnectingProvesNothing(t *testing.T) {
	for _, c := range []struct {
		name string
		mask uint32
	}{
		{"OUT", poller.MaskOut},
		{"OUT and HUP", poller.MaskOut | poller.MaskHup},
		{"everything", poller.MaskIn | poller.MaskOut | poller.MaskErr | poller.MaskHup | poller.MaskRdhup},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			s := r.kernel.Listen(anyLoopback)
			r.kernel.Inject(fake.CallConnect, fake.Fault{Delay: 10 * time.Millisecond})
			a := &actor{}
			conn, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
			if e != 0 {
				t.Fatal(e)
			}
			conn.Append([]byte("REQ 1\n"))
			r.sys.Tell(conn.Descriptor(), c.mask)
			r.settle()
			if len(a.journal) != 0 {
				t.Fatalf("journal: %s", a.said())
			}
			r.pass(20 * time.Millisecond)
			r.wantSaid(a, "open")
			r.wantReceived(s.Accept(), "REQ 1\n")
		})
	}
}

func TestARefusedDialSaysWhy(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	s.Close()
	before := r.kernel.Open()
	a := &actor{}
	_, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
	if e != 0 {
		t.Fatal(e)
	}
	r.settle()
	if a.said() != "closed: refused: connection refused" || r.kernel.Open() != before {
		t.Errorf("journal: %s; %d descriptors", a.said(), r.kernel.Open()-before)
	}
}

func TestADialThatCannotBeginLeavesNothing(t *testing.T) {
	r := newRig(t)
	s := r.kernel.Listen(anyLoopback)
	before := r.kernel.Open()
	for _, want := range []poller.Errno{syscall.EADDRNOTAVAIL, syscall.EAGAIN, syscall.ENETUNREACH, syscall.EMFILE} {
		a := &actor{}
		r.kernel.Inject(fake.CallConnect, fake.Fault{Errno: want})
		c, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
		if c != nil || e != want {
			t.Errorf("%v, want %v", e, want)
		}
		r.settle()
		if len(a.journal) != 0 || r.kernel.Open() != before {
			t.Errorf("journal: %s; %d descriptors", a.said(), r.kernel.Open()-before)
		}
	}
	r.kernel.Inject(fake.CallRegister, fake.Fault{Errno: syscall.ENOSPC})
	if c, e := r.loop.Dial(s.Addr(), &r.options, &actor{}, r.config); c != nil || e != syscall.ENOSPC || r.kernel.Open() != before {
		t.Errorf("%v, %d descriptors", e, r.kernel.Open()-before)
	}
	r.kernel.Limit = r.kernel.Open()
	if c, e := r.loop.Dial(s.Addr(), &r.options, &actor{}, r.config); c != nil || e != syscall.EMFILE {
		t.Error(e)
	}
}

func TestADialIsNotWaitedForForEver(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
	s := r.kernel.Listen(anyLoopback)
	s.SetBacklog(0)
	r.kernel.Dial(s.Addr()) // takes the one place there is
	a := &actor{}
	if _, e := r.loop.Dial(s.Addr(), &r.options, a, r.config); e != 0 {
		t.Fatal(e)
	}
	r.pass(time.Second - time.Millisecond)
	if len(a.journal) != 0 {
		t.Fatalf("journal: %s", a.said())
	}
	r.pass(time.Millisecond)
	r.wantSaid(a, "closed: connect timeout")
}

func TestCloseOfADialDeliversWhatWasAppended(t *testing.T) {
	const delay = 100 * time.Millisecond
	for _, c := range []struct {
		name, output string
		answer       time.Duration
		said         string
	}{
		{"with output", "REQ 1\n", delay, "open, closed: closed"},
		{"without output", "", delay, "closed: closed"},
		{"nobody answers", "REQ 1\n", fake.Never, "closed: connect timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
			s := r.kernel.Listen(anyLoopback)
			r.kernel.Inject(fake.CallConnect, fake.Fault{Delay: c.answer})
			a := &actor{}
			conn, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
			if e != 0 {
				t.Fatal(e)
			}
			conn.Append([]byte(c.output))
			conn.Close()
			r.pass(delay)
			if c.said == "open, closed: closed" {
				p := s.Accept()
				r.wantReceived(p, c.output)
				if !p.Ended() {
					t.Error("no FIN")
				}
				p.Close()
			}
			r.pass(time.Second)
			if a.said() != c.said {
				t.Errorf("journal: %s, want %s", a.said(), c.said)
			}
		})
	}
}

func TestAConnectTimeoutEndsWithTheConnect(t *testing.T) {
	r := newRig(t, func(r *rig) { r.config.ConnectTimeout = time.Second })
	s := r.kernel.Listen(anyLoopback)
	_, a := r.dial(s)
	r.pass(time.Minute)
	r.wantSaid(a, "open")
}

func TestAConnectionToItselfIsRefused(t *testing.T) {
	r := newRig(t)
	r.kernel.Inject(fake.CallConnect, fake.Fault{Self: true})
	a := &actor{}
	c, e := r.loop.Dial(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:40000")), &r.options, a, r.config)
	if e != 0 {
		t.Fatal(e)
	}
	c.Append([]byte("REQ 1 hey\n"))
	r.settle()
	if a.said() != "closed: refused: connection refused" {
		t.Errorf("journal: %s", a.said())
	}
}

func TestAConnectionToItselfIsRefusedOnARealSocket(t *testing.T) {
	l := newLive(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	l.must(err)
	l.must(unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	own, err := unix.Getsockname(fd)
	l.must(err)
	if err := unix.Connect(fd, own); err != nil && err != unix.EINPROGRESS {
		t.Fatal(err)
	}
	a := &actor{}
	c, e := l.loop.Connecting(fd, a, l.config)
	if e != 0 {
		t.Fatal(e)
	}
	if local, peer, e := c.Names(); e != 0 || local != peer {
		t.Fatalf("it did not meet itself: %v, %v, %v", local, peer, e)
	}
	c.Append([]byte("REQ 1 hey\n"))
	l.await("the verdict", a.closed)
	if a.said() != "closed: refused: connection refused" {
		t.Errorf("journal: %s", a.said())
	}
}

func TestDialsOnTheRealKernel(t *testing.T) {
	l := newLive(t)
	a := &actor{}
	c, e := l.loop.Dial(l.listener.Addr(), &l.options, a, l.config)
	if e != 0 {
		t.Fatal(e)
	}
	c.Append([]byte("REQ 1\n"))
	l.await("the line", func() bool { return len(l.accepted) == 1 && l.accepted[0].text() == "REQ 1\n" })
	if a.said() != "open" {
		t.Errorf("journal: %s", a.said())
	}
	dead, err := l.loop.Listen(anyLoopback, &l.options, &l.host)
	l.must(err)
	dead.Close()
	b := &actor{}
	if _, e := l.loop.Dial(dead.Addr(), &l.options, b, l.config); e != 0 {
		t.Fatal(e)
	}
	l.await("the refusal", b.closed)
	if b.said() != "closed: refused: connection refused" {
		t.Errorf("journal: %s", b.said())
	}
}

func TestADialThatTheRealKernelRefusesAtOnceLeavesNothing(t *testing.T) {
	l := newLive(t)
	before := openDescriptors(t)
	c, e := l.loop.Dial(poller.TCPAddr(netip.MustParseAddrPort("255.255.255.255:9")), &l.options, &actor{}, l.config)
	if c != nil || e == 0 || openDescriptors(t) != before {
		t.Errorf("%v, %d descriptors", e, openDescriptors(t)-before)
	}
}

func TestDataThatCameBeforeTheRegistrationIsRead(t *testing.T) {
	l := newLive(t)
	client := l.connect()
	l.send(client, "REQ 1\n")
	l.await("the line", func() bool { return len(l.accepted) == 1 && l.accepted[0].text() == "REQ 1\n" })
}
