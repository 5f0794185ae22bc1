// world_unix_test.go owns the same two hosts with unix sockets instead of TCP.

package fake_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// simulatedUnix is the world of package fake.
type simulatedUnix struct {
	simulated
	made int // addresses
}

func newSimulatedUnix(*testing.T) world {
	k := fake.New()
	return &simulatedUnix{simulated: simulated{Sys: k.NewSys(), kernel: k}}
}

func (w *simulatedUnix) somewhere(*testing.T) poller.Addr {
	w.made++
	return poller.UnixAddr(fmt.Sprint("/run/", w.made))
}

func (w *simulatedUnix) listen(t *testing.T) server {
	return simulatedServer{w.kernel.Listen(w.somewhere(t))}
}

// linuxUnix is the real world.
type linuxUnix struct {
	linux
	made int // addresses
}

func newLinuxUnix(t *testing.T) world {
	return &linuxUnix{linux: *newLinux(t).(*linux)}
}

func (w *linuxUnix) somewhere(t *testing.T) poller.Addr {
	w.made++
	return poller.UnixAddr(fmt.Sprint(t.TempDir(), "/", w.made))
}

func (w *linuxUnix) dial(t *testing.T, to poller.Addr) peer {
	fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: to.Path()}); err != nil {
		t.Fatal(err)
	}
	return &socketPeer{t, fd}
}

func (w *linuxUnix) listen(t *testing.T) server {
	fd := must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))(t)
	addr := w.somewhere(t)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: addr.Path()}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 16); err != nil {
		t.Fatal(err)
	}
	return &socketServer{t, fd, addr}
}
