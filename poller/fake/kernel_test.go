// kernel_test.go: the simulated kernel itself: it stops a program that does what
// no kernel would forgive, and does the same thing every time.

package fake_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// pair is a connection of a kernel, seen from both ends.
func pair(t *testing.T, k *fake.Kernel) (*fake.Sys, *fake.Peer, int) {
	t.Helper()
	sys := k.NewSys()
	l, e := sys.Listen(loopback, &poller.SocketOptions{Backlog: 16})
	if e != 0 {
		t.Fatal(e)
	}
	addr, _, _ := sys.Names(l)
	p := k.Dial(poller.TCPAddr(addr))
	fd, _, e := sys.Accept(l)
	if e != 0 {
		t.Fatal(e)
	}
	return sys, p, fd
}

func TestTheKernelStopsAProgramThatIsWrong(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(sys *fake.Sys, fd int)
	}{
		{"a second close", func(sys *fake.Sys, fd int) { sys.Close(fd); sys.Close(fd) }},
		{"a read into nothing", func(sys *fake.Sys, fd int) { sys.Read(fd, nil) }},
		{"a read of a closed descriptor", func(sys *fake.Sys, fd int) { sys.Close(fd); sys.Read(fd, make([]byte, 1)) }},
		{"a write to a listener", func(sys *fake.Sys, fd int) { sys.Write(fd-1, []byte("x")) }},
		{"an accept on a connection", func(sys *fake.Sys, fd int) { sys.Accept(fd) }},
		{"a wait that nothing ends", func(sys *fake.Sys, fd int) { sys.Wait(make([]poller.Event, 1), poller.Forever) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			sys, _, fd := pair(t, fake.New())
			defer func() {
				if said := fmt.Sprint(recover()); !strings.HasPrefix(said, "fake: ") {
					t.Errorf("it said %q", said)
				}
			}()
			c.wrong(sys, fd)
		})
	}
}

// Every byte that one end was told had left arrives at the other, in order,
// whatever the windows are.
func TestBytesArriveInOrderInBothDirections(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	k := fake.New()
	sys, p, fd := pair(t, k)
	var up, down stream
	buffer := make([]byte, 10_000)
	for range 20_000 {
		n := random.IntN(1 << random.IntN(13))
		switch random.IntN(6) {
		case 0:
			up.sent += p.Send(up.piece(n))
		case 1:
			if n, e := sys.Read(fd, buffer[:1+random.IntN(len(buffer))]); e == 0 {
				up.check(t, buffer[:n])
			} else if e != syscall.EAGAIN || up.sent != up.received {
				t.Fatalf("%v with %d bytes under way", e, up.sent-up.received)
			}
		case 2:
			if n, e := sys.Write(fd, down.piece(n)); e == 0 {
				down.sent += n
			}
		case 3:
			down.check(t, p.Receive())
		case 4:
			down.check(t, p.ReceiveSome(n))
		case 5:
			p.SetWindow(random.IntN(5000))
			p.SetFarWindow(1 + random.IntN(5000))
		}
	}
	if up.received == 0 || down.received == 0 {
		t.Errorf("%d and %d bytes", up.received, down.received)
	}
}

// stream is a direction whose bytes are numbered.
type stream struct{ sent, received int }

func (s *stream) piece(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte((s.sent + i) * 7)
	}
	return p
}

func (s *stream) check(t *testing.T, got []byte) {
	t.Helper()
	want := stream{sent: s.received}
	if !bytes.Equal(got, want.piece(len(got))) {
		t.Fatalf("%d bytes at %d are not those that were sent", len(got), s.received)
	}
	s.received += len(got)
}

func TestTimePassesOnlyWhereSomebodyWaits(t *testing.T) {
	k := fake.New()
	sys, p, fd := pair(t, k)
	events := make([]poller.Event, 4)
	if e := sys.Register(fd, 9); e != 0 {
		t.Fatal(e)
	}
	sys.Wait(events, 0)
	begin := k.Now()
	k.After(3*time.Second, func() { p.SendString("x") })
	k.After(2*time.Second, func() {})
	if n, _ := sys.Wait(events, 0); n != 0 || k.Now() != begin {
		t.Errorf("a poll took %d ns", k.Now()-begin)
	}
	if n, _ := sys.Wait(events, begin+int64(time.Second)); n != 0 || k.Now() != begin+int64(time.Second) {
		t.Errorf("%d events at %d", n, k.Now()-begin)
	}
	if n, _ := sys.Wait(events, poller.Forever); n != 1 || events[0].Token != 9 || k.Now() != begin+int64(3*time.Second) {
		t.Errorf("%d events at %d", n, k.Now()-begin)
	}
	order := ""
	k.After(time.Second, func() { order += "a" })
	k.After(time.Second, func() { order += "b"; k.After(0, func() { order += "c" }) })
	k.Advance(time.Second)
	if order != "abc" {
		t.Errorf("events of one moment came as %s", order)
	}
}

func TestFaultsHappenOnceInTheirOrder(t *testing.T) {
	k := fake.New()
	sys, p, fd := pair(t, k)
	other := k.Dial(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:1")))
	if other.Err() != syscall.ECONNREFUSED || other.Connected() {
		t.Fatal(other.Err())
	}
	k.Inject(fake.CallRead, fake.Fault{To: other, Errno: syscall.EIO}, fake.Fault{To: p, Errno: syscall.EINTR}, fake.Fault{Bytes: 2})
	p.SendString("abcd")
	b := make([]byte, 10)
	for _, want := range []struct {
		n int
		e poller.Errno
	}{{0, syscall.EINTR}, {2, 0}, {2, 0}, {0, syscall.EAGAIN}} {
		if n, e := sys.Read(fd, b); n != want.n || e != want.e {
			t.Errorf("read gave %d, %v, want %d, %v", n, e, want.n, want.e)
		}
	}
	if k.Pending(fake.CallRead) != 1 || k.Count(fake.CallRead) != 4 {
		t.Errorf("%d faults wait, %d reads", k.Pending(fake.CallRead), k.Count(fake.CallRead))
	}
}

func TestDescriptorsAreTheLowestFreeUpToTheLimit(t *testing.T) {
	k := fake.New()
	sys := k.NewSys()
	k.Limit = 6
	open := func() int {
		fd, e := sys.OpenWake()
		if e != 0 && e != syscall.EMFILE {
			t.Fatal(e)
		}
		return fd
	}
	for _, want := range []int{3, 4, 5, -1} {
		if got := open(); got != want {
			t.Errorf("descriptor %d, want %d", got, want)
		}
	}
	sys.Close(4)
	sys.Close(3)
	for _, want := range []int{3, 4, -1} {
		if got := open(); got != want {
			t.Errorf("descriptor %d, want %d", got, want)
		}
	}
	if k.Open() != 3 || sys.DescriptorLimit() != 6 {
		t.Errorf("%d open", k.Open())
	}
}

// TestTheKernelKnowsWhatWasOfferedWhen, and what it had no room for.
func TestTheKernelKnowsWhatWasOfferedWhen(t *testing.T) {
	k := fake.New()
	k.KeepSaid = true
	sys, p, fd := pair(t, k)
	k.Advance(time.Millisecond)
	begin := sys.Now()
	k.Inject(fake.CallWrite, fake.Fault{Errno: syscall.EAGAIN}, fake.Fault{Bytes: 1})
	for _, text := range []string{"ab", "abc", "bcd"} {
		sys.Write(fd, []byte(text))
		k.Advance(time.Millisecond)
	}
	for place, want := range []time.Duration{0, 0, time.Millisecond, 2 * time.Millisecond} {
		if got := time.Duration(p.OfferedAt(place) - begin); got != want {
			t.Errorf("byte %d was offered after %v, not %v", place, got, want)
		}
	}
	if got := p.OfferedAt(4); got != 0 {
		t.Errorf("what was not offered was offered at %d", got)
	}
}
