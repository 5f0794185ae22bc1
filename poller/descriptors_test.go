// descriptors_test.go: what a process does with its numbers: it gives all back,
// and survives that there are none.

package poller_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// The limit belongs to a process, so it is set in one of its own: it echoes, and
// says in the end how often it was short of descriptors.
func playDescriptors() int {
	var limit unix.Rlimit
	check(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	limit.Cur = 40
	check(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	config := poller.DefaultConnConfig()
	options := poller.DefaultSocketOptions()
	h := &host{config: &config, prepare: func(a *actor, _ *poller.Conn) {
		echo(a)
		a.onEnd = func(c *poller.Conn, _ []byte) { c.Close() }
	}}
	var listener *poller.Listener
	loop, stop := aside(func(l *poller.Loop) (err error) {
		listener, err = l.Listen(anyLoopback, &options, h)
		return err
	})
	fmt.Println(listener.Addr())
	_, err := io.Copy(io.Discard, os.Stdin)
	check(err)
	stop()
	fmt.Println(len(h.accepted), len(h.errors) > 0, loop.DescriptorLimit())
	return 0
}

func TestAProcessWithoutDescriptorsServesThoseItHasAndThenTheRest(t *testing.T) {
	const clients = 100
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=descriptors")
	in, err := cmd.StdinPipe()
	fatal(t, err)
	out, err := cmd.StdoutPipe()
	fatal(t, err)
	fatal(t, cmd.Start())
	answers := bufio.NewScanner(out)
	answers.Scan()
	addr := answers.Text()
	var all []net.Conn
	for range clients {
		c, err := net.Dial("tcp", addr)
		fatal(t, err)
		defer c.Close()
		_, err = io.WriteString(c, "REQ 1\n")
		fatal(t, err)
		all = append(all, c)
	}
	for i, c := range all {
		fatal(t, c.SetReadDeadline(time.Now().Add(patience)))
		if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "REQ 1\n" {
			t.Fatalf("client %d: %q, %v", i, line, err)
		}
		c.Close() // its descriptor serves the next in the queue
	}
	fatal(t, in.Close())
	answers.Scan()
	if got := answers.Text(); got != fmt.Sprint(clients, true, 40) {
		t.Errorf("it said %q", got)
	}
	fatal(t, cmd.Wait())
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTenThousandConnectionsLeaveNoDescriptorBehind(t *testing.T) {
	const rounds, atOnce = 20, 500
	l := newLive(t, func(l *live) { l.config.AbandonOnReset = true })
	every, err := l.loop.Listen(poller.TCPAddr(netip.MustParseAddrPort("0.0.0.0:0")), &l.options, &l.host)
	l.must(err)
	l.prepare = func(a *actor, _ *poller.Conn) {
		echo(a)
		a.onEnd = func(c *poller.Conn, _ []byte) { c.Close() }
	}
	numbers, owners := openDescriptors(t), l.loop.Owners()
	for round := range rounds {
		l.accepted = l.accepted[:0]
		var clients []int
		for range atOnce {
			// Each round has an address of its own, and with it its own ports.
			to := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 1, byte(round + 1)}, Port: int(every.Addr().TCP().Port())}
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
			l.must(err)
			l.must(unix.Connect(fd, to))
			_, err = unix.Write(fd, []byte("REQ 1\n"))
			l.must(err)
			clients = append(clients, fd)
		}
		l.await("all are served", func() bool { return len(l.accepted) == atOnce && served(l.accepted) })
		for i, fd := range clients {
			if i%2 == 0 {
				l.must(unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
			}
			l.must(unix.Close(fd))
		}
		l.await("all are gone", func() bool { return l.loop.Conns() == 0 })
	}
	if n := l.loop.Owners(); n != owners {
		t.Errorf("the loop owns %d descriptors, %d at the start", n, owners)
	}
	if n := openDescriptors(t); n != numbers {
		t.Errorf("%d descriptors are open, %d at the start", n, numbers)
	}
	if l.loop.Held() != 0 {
		t.Errorf("%d bytes held", l.loop.Held())
	}
}

func served(all []*actor) bool {
	for _, a := range all {
		if len(a.journal) == 0 {
			return false
		}
	}
	return true
}

func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	fatal(t, err)
	return len(entries)
}

func TestAllDescriptorsAreCloseOnExecAndNonBlocking(t *testing.T) {
	l := newLive(t)
	l.client()
	a := &actor{}
	if _, e := l.loop.Dial(l.listener.Addr(), &l.options, a, l.config); e != 0 {
		t.Fatal(e)
	}
	l.await("the dial", func() bool { return len(l.accepted) == 2 })
	if len(l.sys.descriptors) != 5 { // eventfd, listener, two accepted, one dialled
		t.Fatalf("%d descriptors", len(l.sys.descriptors))
	}
	for _, fd := range l.sys.descriptors {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		l.must(err)
		status, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		l.must(err)
		if flags&unix.FD_CLOEXEC == 0 || status&unix.O_NONBLOCK == 0 {
			t.Errorf("descriptor %d: flags %#x, status %#x", fd, flags, status)
		}
	}
	for _, fd := range linksTo(t, "anon_inode:[eventpoll]") {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("epoll instance %d: flags %#x, %v", fd, flags, err)
		}
	}
}

// linksTo lists the process's descriptors of one kind.
func linksTo(t *testing.T, what string) (found []int) {
	entries, err := os.ReadDir("/proc/self/fd")
	fatal(t, err)
	for _, e := range entries {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || !strings.HasPrefix(to, what) {
			continue // gone meanwhile: the listing's own
		}
		var fd int
		if _, err := fmt.Sscan(e.Name(), &fd); err == nil {
			found = append(found, fd)
		}
	}
	if len(found) == 0 {
		t.Fatalf("no %s", what)
	}
	return found
}
