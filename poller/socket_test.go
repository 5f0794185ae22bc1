// socket_test.go: what every real socket is given, and what the kernel makes of
// it.

package poller_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// sockets gives a listener, an accepted connection and a dialled one.
func sockets(l *live) map[string]int {
	l.t.Helper()
	a := &actor{}
	c, e := l.loop.Dial(l.listener.Addr(), &l.options, a, l.config)
	if e != 0 {
		l.t.Fatal(e)
	}
	l.await("the dial", func() bool { return len(l.accepted) == 1 && len(a.journal) == 1 })
	return map[string]int{
		"accepted": l.accepted[0].conn.Descriptor(),
		"dialled":  c.Descriptor(),
	}
}

func TestSocketsGetTheirOptions(t *testing.T) {
	l := newLive(t, func(l *live) {
		l.options = poller.SocketOptions{
			Backlog: 100, KeepIdle: 31 * time.Second, KeepInterval: 11 * time.Second, KeepCount: 4,
			UserTimeout: 70 * time.Second, NotSentLowat: 20_000, SendBuffer: 50_000, ReceiveBuffer: 40_000,
		}
	})
	for kind, fd := range sockets(l) {
		for _, o := range []struct {
			name          string
			level, option int
			want          int
		}{
			{"TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
			{"SO_KEEPALIVE", unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
			{"TCP_KEEPIDLE", unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 31},
			{"TCP_KEEPINTVL", unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 11},
			{"TCP_KEEPCNT", unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 4},
			{"TCP_USER_TIMEOUT", unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 70_000},
			{"TCP_NOTSENT_LOWAT", unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, 20_000},
			{"SO_SNDBUF", unix.SOL_SOCKET, unix.SO_SNDBUF, 2 * 50_000}, // Linux counts its own overhead
			{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 2 * 40_000},
			{"SO_OOBINLINE", unix.SOL_SOCKET, unix.SO_OOBINLINE, 0}, // urgent bytes vanish, as without us
		} {
			if got, err := unix.GetsockoptInt(fd, o.level, o.option); err != nil || got != o.want {
				t.Errorf("%s: %s is %d, want %d (%v)", kind, o.name, got, o.want, err)
			}
		}
		if linger, err := unix.GetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER); err != nil || linger.Onoff != 0 {
			t.Errorf("%s: SO_LINGER is on, a close would be a reset (%v)", kind, err)
		}
	}
}

func TestTheDefaultsFindDeadPeersAndBoundTheKernel(t *testing.T) {
	o := poller.DefaultSocketOptions()
	if o.KeepIdle == 0 || o.KeepInterval == 0 || o.KeepCount == 0 || o.UserTimeout == 0 || o.NotSentLowat == 0 || o.Backlog == 0 {
		t.Errorf("%+v", o)
	}
	l := newLive(t, func(l *live) { l.options = poller.SocketOptions{Backlog: 1} })
	for kind, fd := range sockets(l) {
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE); err != nil || got != 0 {
			t.Errorf("%s: SO_KEEPALIVE is %d although it was not asked for (%v)", kind, got, err)
		}
	}
}

func TestTheListenersQueueIsAsLongAsWasAskedFor(t *testing.T) {
	l := newLive(t, func(l *live) { l.options.Backlog = 123 })
	info, err := unix.GetsockoptTCPInfo(l.listener.Descriptor(), unix.IPPROTO_TCP, unix.TCP_INFO)
	l.must(err)
	if info.Sacked != 123 { // of a listener, the length of its queue
		t.Errorf("the queue holds %d", info.Sacked)
	}
}

// Without a limit on unsent bytes the kernel takes megabytes for a peer that
// never reads, and no bound of ours would see them.
func TestTheKernelHoldsLittleForAPeerThatNeverReads(t *testing.T) {
	const most = 1 << 20
	l := newLive(t)
	_, a := l.client()
	output := make([]byte, 64<<10)
	for last := uint64(1); a.conn.Written() != last; {
		last = a.conn.Written()
		if last > 8*most {
			break
		}
		for a.conn.Room() > 0 {
			a.conn.Append(output[:a.conn.Room()])
		}
		l.quiet()
	}
	if n := a.conn.Written(); n == 0 || n > most {
		t.Errorf("the kernel took %d bytes", n)
	}
	t.Logf("the kernel took %d KiB", a.conn.Written()>>10)
	a.conn.Abort()
	l.await("the close", a.closed)
}

func TestAnUrgentByteVanishesAndStopsNothingOnARealSocket(t *testing.T) {
	for _, toEAGAIN := range []bool{false, true} {
		l := newLive(t, func(l *live) { l.config.ReadToEAGAIN = toEAGAIN })
		client, a := l.client()
		raw, err := client.SyscallConn()
		l.must(err)
		l.send(client, "REQ 1 a")
		l.must(raw.Control(func(fd uintptr) { err = unix.Send(int(fd), []byte{'!'}, unix.MSG_OOB) }))
		l.must(err)
		l.send(client, "bc\nREQ 2 x\n")
		l.await("both lines", func() bool { return a.text() == "REQ 1 abc\nREQ 2 x\n" })
	}
}

func TestDataAndFinTogetherOnARealSocket(t *testing.T) {
	l := newLive(t)
	client, a := l.client()
	l.send(client, "REQ 1\nfrag")
	l.must(client.CloseWrite())
	l.await("the end", func() bool { return a.said() == `1 lines, end "frag"` })
}

// A peer that is dead, or never reads, is found by the kernel where we set no
// time of our own.
func TestAPeerThatTakesNothingIsGivenUpByTheKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("the kernel takes its seconds")
	}
	l := newLive(t, func(l *live) { l.options.UserTimeout = time.Second })
	_, a := l.client()
	a.conn.Append(make([]byte, 4<<20))
	l.await("the kernel's verdict", a.closed)
	if a.why != (poller.Cause{Kind: poller.CauseReset, Errno: unix.ETIMEDOUT}) {
		t.Error(a.why)
	}
}
