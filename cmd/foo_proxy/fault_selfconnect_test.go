// fault_selfconnect_test.go owns row U12: a server on an ephemeral port is dead,
// and the proxy goes on dialling it. Where the kernel gives such a dial the very
// port that it goes to, it meets itself, and a request would come back as its own
// answer.

package main

import (
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// deadServerDials have a proxy dial its dead server. Its clients come by a unix socket, so
// that they take no port.
type deadServerDials struct {
	t     *testing.T
	proxy string
	met   atomic.Int64 // requests that came back as they were
	done  atomic.Int64
}

// run makes so many, a few at a time.
func (d *deadServerDials) run(n int, want heard) {
	var work sync.WaitGroup
	for worker := range 4 {
		work.Go(func() {
			for i := worker; i < n; i += 4 {
				d.dial(want)
			}
		})
	}
	work.Wait()
}

func (d *deadServerDials) dial(want heard) {
	c, err := net.DialTimeout("unix", d.proxy, proctest.Patience)
	if err != nil {
		d.t.Error(err)
		return
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		d.t.Error(err)
	}
	// It may fail: the client of a dead server may have been closed already.
	_, _ = io.WriteString(c, "REQ 1 hey\n")
	_ = c.(*net.UnixConn).CloseWrite()
	got := listen(c)
	d.done.Add(1)
	switch {
	case strings.HasPrefix(got.bytes, "REQ"):
		d.met.Add(1)
	case got.bytes != want.bytes:
		d.t.Errorf("a client of a dead server got %q, then %s", got.bytes, got.end)
	}
}

// startBefore runs a proxy at a unix socket in front of the given server.
func startBefore(t *testing.T, server string, args ...string) (watched, *deadServerDials) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "proxy")
	p := watched{startUnix(t, path, server, args...)}
	return p, &deadServerDials{t: t, proxy: path}
}

// deadPort is an even port among the kernel's own choices at which nobody listens:
// connections get those, and listeners the odd ones. Clients of other tests that were
// closed a moment ago leave few of them free.
func deadPort(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(proctest.Patience); time.Now().Before(deadline); {
		odd, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		odd.Close()
		addr := odd.Addr().(*net.TCPAddr)
		addr.Port &^= 1
		if even, err := net.ListenTCP("tcp", addr); err == nil {
			even.Close()
			return addr.String()
		}
	}
	t.Fatal("there is no even port that is free")
	return ""
}

// TestADialThatMeetsItselfIsNoServer is row U12 where each dial meets itself: its
// network has one local port, and that is the dead server's.
func TestADialThatMeetsItselfIsNoServer(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	const port, dials = 40000, 100
	server := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	setLocalPorts(t, port, port)
	meetsItself(t, server)
	for _, mode := range []struct {
		args []string
		want heard
	}{
		{nil, heard{}},
		{[]string{"-on-server-close", "failover", "-check", "foo", "-check-interval", "100ms"}, heard{bytes: "NAK 1 no server\n"}},
	} {
		p, d := startBefore(t, server, mode.args...)
		d.run(dials, mode.want)
		told := p.toldServers()[0]
		if mode.args != nil { // a check is a dial as well
			p.untilToldServers("it is checked", func(all []toldServer) bool { told = all[0]; return told.Failures["check"] >= 3 })
		}
		proctest.Figure(t, "U12", fmt.Sprintf("dead server on the only local port there is: each dial meets itself %v", mode.args),
			fmt.Sprintf("%d of %d taken for a server; dials counted as refused %d, checks failed %d", d.met.Load(), d.done.Load(), told.Failures["refused"], told.Failures["check"]), "0")
		if d.met.Load() > 0 || d.done.Load() != dials || told.Failures["refused"] == 0 || told.failed() != told.Failures["refused"]+told.Failures["check"] || mode.args == nil && told.Failures["refused"] != dials {
			t.Errorf("%d met themselves; %+v", d.met.Load(), told)
		}
		p.Send(syscall.SIGTERM)
		p.ExpectExit(0)
	}
}

// meetsItself makes sure that a plain connection does meet itself here. Go's own
// tries again where that happens.
func meetsItself(t *testing.T, addr string) {
	t.Helper()
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: at.Port, Addr: [4]byte(at.IP.To4())}); err != nil {
		t.Fatalf("a connection to %s does not meet itself: %v", addr, err)
	}
	// It has to be closed with a reset, or the port would rest.
	if err := syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1}); err != nil {
		t.Fatal(err)
	}
}

// TestManyDialsToADeadServerNeverMeetThemselves is row U12 as it happens: 26 of
// 269,529 such dials met themselves where nobody looked.
func TestManyDialsToADeadServerNeverMeetThemselves(t *testing.T) {
	dials := inForm(5_000, 270_000)
	p, d := startBefore(t, deadPort(t))
	begin := time.Now()
	d.run(dials, heard{})
	told := p.toldServers()[0]
	proctest.Figure(t, "U12", fmt.Sprintf("%d dials to a dead even port among this host's own", dials),
		fmt.Sprintf("%d taken for a server, %d refused (%.0f/s)", d.met.Load(), told.Failures["refused"], float64(dials)/time.Since(begin).Seconds()), "0")
	if d.met.Load() > 0 || told.Failures["refused"] != int64(dials) {
		t.Errorf("%d met themselves; %+v", d.met.Load(), told)
	}
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}
