// fault_ports_test.go owns row U11: there is no local port left for a connection
// to a server, or the queue of a server's unix socket is full.

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// inquirer is a client that asks one thing at a time and measures it.
type inquirer struct {
	t     *testing.T
	c     net.Conn
	lines *bufio.Reader
	seq   int
}

func startInquirer(t *testing.T, addr string) *inquirer {
	t.Helper()
	c := proctest.Dial(t, addr)
	return &inquirer{t: t, c: c, lines: bufio.NewReader(c)}
}

// ask gives the reply, without type and LF, of the next request.
func (a *inquirer) ask() (reply string, took time.Duration) {
	a.t.Helper()
	a.seq++
	begin := time.Now()
	if _, err := fmt.Fprintf(a.c, "REQ %d x\n", a.seq); err != nil {
		a.t.Fatal(err)
	}
	line, err := a.lines.ReadString('\n')
	if err != nil {
		a.t.Fatalf("got %q (%v)", line, err)
	}
	took = time.Since(begin)
	return strings.TrimSuffix(strings.Replace(line, fmt.Sprintf(" %d ", a.seq), " n ", 1), "\n"), took
}

// expect asks and compares, and gives how long it took.
func (a *inquirer) expect(want string) time.Duration {
	a.t.Helper()
	reply, took := a.ask()
	if reply != want {
		a.t.Fatalf("request %d got %q, want %q", a.seq, reply, want)
	}
	return took
}

// whileAsked has clients ask in turn for a while, and gives the longest time that
// one waited and the share of a core that the proxy used.
func (w watched) whileAsked(long time.Duration, want string, all ...*inquirer) (most time.Duration, cpu float64) {
	w.T.Helper()
	before, begin := cpuTime(w.T, w.Process.Process.Pid), time.Now()
	for n := 0; time.Since(begin) < long; n++ {
		most = max(most, all[n%len(all)].expect(want))
		time.Sleep(5 * time.Millisecond) // a little load, spread over the time
	}
	return most, float64(cpuTime(w.T, w.Process.Process.Pid)-before) / float64(time.Since(begin))
}

// untilAnswered asks until there is a server, and gives how long that took.
func (a *inquirer) untilAnswered() time.Duration {
	a.t.Helper()
	begin := time.Now()
	until(a.t, "there is a server", func() bool {
		reply, _ := a.ask()
		return reply == "ACK n x"
	})
	return time.Since(begin)
}

func startInquirers(t *testing.T, addr string, n int) (all []*inquirer) {
	t.Helper()
	for range n {
		all = append(all, startInquirer(t, addr))
	}
	return all
}

// naksSeen is how many requests of clients got a NAK, where all but one did.
func naksSeen(all []*inquirer) (n int) {
	for _, a := range all {
		n += a.seq
	}
	return n - 1
}

// expectNoServer: the proxy has made so many NAKs for want of a server, and no others.
func (w watched) expectNoServer(naks int) {
	w.T.Helper()
	for reason, made := range w.servers().Naks {
		want := 0
		if reason == "no server" {
			want = naks
		}
		if made != want {
			w.T.Errorf("the proxy made %d NAKs %q, clients saw %d", made, reason, want)
		}
	}
}

// TestWithoutALocalPortRequestsAreAnswered is the first half of row U11, in a network
// that has so many local ports as are in use. Clients come by a unix socket and take
// none.
func TestWithoutALocalPortRequestsAreAnswered(t *testing.T) {
	inModes(t, askWithoutPorts, ownLinks, muxed, muxedInTurn)
}

// askWithoutPorts has two clients of the proxy use up the ports. Shared links are
// everybody's: there another proxy has the only port, and all of its clients, though
// it may want more links than that one.
func askWithoutPorts(t *testing.T, m mode) {
	if !inOwnNetwork(t) {
		return
	}
	const first, holding = 40000, 2
	server, another := proctest.StartEcho(t), filepath.Join(t.TempDir(), "server")
	serveUnix(t, another)
	args := m.args("-on-server-close", "failover", "-check", "off")
	last := first + holding - 1
	if m.shares() {
		last = first
	}
	setLocalPorts(t, first, last)
	p, d := startBefore(t, server, args...)
	holder, holders := p, startInquirers(t, "unix:"+d.proxy, holding)
	if m.shares() {
		holder.untilServers("it has the port", func(s serversSeen) bool { return s.Upstreams[0].Sessions == 1 })
		p, d = startBefore(t, server, args...)
	}
	for _, a := range holders {
		a.expect("ACK n x")
	}
	others := startInquirers(t, "unix:"+d.proxy, 20)
	most, cpu := p.whileAsked(inMode(m, time.Second, 10*time.Second, 300*time.Millisecond), "NAK n no server", others...)
	holder.whileAsked(50*time.Millisecond, "ACK n x", holders...) // whoever has a port goes on
	elsewhere := servedElsewhere(t, m, server, another)
	// The ports of those that have left would rest for a minute, so there are more.
	setLocalPorts(t, first, first+20)
	back := others[0].untilAnswered()
	proctest.Figure(t, m.row("U11"), "no local port left for a connection to the only server, -on-server-close failover -check off",
		fmt.Sprintf("NAK no server after at most %.1f ms; CPU %.0f %%; service again %.2f s after there are ports; beside a server that needs no port, that one serves, after at most %.1f ms",
			milliseconds(most), 100*cpu, back.Seconds(), milliseconds(elsewhere)), "10 ms; 20 %; 1 s; another server")
	if cpu > 0.5 || most > time.Second || back > 5*time.Second || elsewhere > time.Second {
		t.Errorf("NAK after %v, CPU %.2f, service after %v, elsewhere after %v", most, cpu, back, elsewhere)
	}
	p.expectNoServer(naksSeen(others))
	if m.shares() {
		p.untilLinks(m.links)
		holder.untilLinks(m.links)
		holder.expectNoServer(0)
	}
}

// servedElsewhere has clients of a proxy whose first server cannot be connected to
// for want of a port, and whose second one is at a unix socket.
func servedElsewhere(t *testing.T, m mode, server, another string) (most time.Duration) {
	t.Helper()
	p, d := startBefore(t, server+",unix:"+another, m.args()...)
	most, _ = p.whileAsked(200*time.Millisecond, "ACK n x", startInquirers(t, "unix:"+d.proxy, 20)...)
	if told := p.toldServers(); told[0].failed() == 0 || told[0].Requests > 0 || told[1].Requests == 0 {
		t.Errorf("%+v", told)
	}
	return most
}

// fullSocket is a unix socket whose queue of connections is full.
type fullSocket struct {
	t    *testing.T
	path string
	fd   int
	stop func()
	work sync.WaitGroup
}

// startFullSocket listens, takes nobody, and fills the queue.
func startFullSocket(t *testing.T) *fullSocket {
	t.Helper()
	s := &fullSocket{t: t, path: filepath.Join(t.TempDir(), "server"), stop: func() {}}
	t.Cleanup(func() { // when the proxies have ended, which are started later
		s.stop()
		s.work.Wait()
	})
	at := &syscall.SockaddrUnix{Name: s.path}
	var err error
	if s.fd, err = syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(syscall.Bind(s.fd, at), syscall.Listen(s.fd, 1)); err != nil {
		t.Fatal(err)
	}
	for {
		fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		err = syscall.Connect(fd, at)
		syscall.Close(fd) // what is queued stays queued
		if errors.Is(err, syscall.EAGAIN) {
			return s
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// serve takes all that wait, and whoever comes, and answers them.
func (s *fullSocket) serve() {
	s.t.Helper()
	file := os.NewFile(uintptr(s.fd), s.path)
	listener, err := net.FileListener(file)
	if err != nil {
		s.t.Fatal(err)
	}
	file.Close() // the listener has its own
	s.stop = func() { listener.Close() }
	s.work.Go(func() { answerAll(listener, &s.work) })
}

// answerAll takes whoever comes, until the listener is closed.
func answerAll(listener net.Listener, work *sync.WaitGroup) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		work.Go(func() {
			defer c.Close()
			answersAtOnce(bufio.NewReader(c), bufio.NewWriter(c))
		})
	}
}

// serveUnix is a server at a unix socket, until the test ends.
func serveUnix(t *testing.T, path string) {
	t.Helper()
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() { answerAll(listener, &work) })
	t.Cleanup(func() { // when its clients have ended, which are started later
		listener.Close()
		work.Wait()
	})
}

// TestAFullUnixSocketIsWaitedForAndThenLeft is the second half of row U11. A full
// queue is no refusal: a server that is busy for a moment keeps its clients, so it
// is asked again until -connect-timeout is over.
func TestAFullUnixSocketIsWaitedForAndThenLeft(t *testing.T) {
	inModes(t, fillSocket, ownLinks, muxed)
}

func fillSocket(t *testing.T, m mode) {
	const timeout = 100 * time.Millisecond
	s := startFullSocket(t)
	args := m.args("-on-server-close", "failover", "-connect-timeout", timeout.String(), "-check", "off")
	alone, beside := watchProxy(t, "unix:"+s.path, args...), watchProxy(t, "unix:"+s.path+","+proctest.StartEcho(t), args...)
	first := startInquirer(t, alone.Addr)
	waited := first.expect("NAK n no server")
	others := startInquirers(t, alone.Addr, 20)
	// While the server is not tried again nobody waits for it.
	most, cpu := alone.whileAsked(inMode(m, time.Second, 10*time.Second, 500*time.Millisecond), "NAK n no server", others...)
	elsewhere, _ := beside.whileAsked(300*time.Millisecond, "ACK n x", startInquirers(t, beside.Addr, 20)...)
	s.serve()
	back := first.untilAnswered()
	proctest.Figure(t, m.row("U11"), fmt.Sprintf("queue of the only server's unix socket full, -connect-timeout %v, failover", timeout),
		fmt.Sprintf("NAK no server after %.0f ms, later ones after at most %.1f ms; CPU %.0f %%; service again %.2f s after the queue is served; beside another server that one serves, after at most %.0f ms",
			milliseconds(waited), milliseconds(most), 100*cpu, back.Seconds(), milliseconds(elsewhere)), "10 ms; 20 %; 1 s; another server")
	if cpu > 0.5 || max(waited, most, elsewhere) > 5*time.Second || back > 10*time.Second {
		t.Errorf("NAK after %v and %v, CPU %.2f, service after %v, elsewhere after %v", waited, most, cpu, back, elsewhere)
	}
	alone.expectNoServer(naksSeen(append(others, first)))
	beside.expectNoServer(0)
	if m.shares() {
		alone.untilLinks(m.links)
		beside.untilLinks(m.links)
	}
}
