// dial_test.go: servers that cannot be reached, at one of their addresses or at
// all, and servers with names.

package proxy

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	unreachable = "server not reachable, clients are closed"
	reachable   = "server reachable again"
)

// deadAddr is an address where nobody listens. Its port lies below those that the
// kernel gives out by itself, so no dial can meet itself there. Processes that
// test at the same time look at different ones.
func deadAddr(t testing.TB) poller.Addr {
	t.Helper()
	for try := range 5000 {
		port := 20_001 + 2*(os.Getpid()*7+try)%12_000
		addr := netip.AddrPortFrom(anyLoopback.TCP().Addr(), uint16(port))
		listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr))
		if err == nil {
			listener.Close()
			return poller.TCPAddr(addr)
		}
	}
	t.Fatal("there is no free port")
	return poller.Addr{}
}

func TestAClientOfADeadServerIsClosed(t *testing.T) {
	l := startLive(t, []poller.Addr{deadAddr(t)})
	before := descriptors(t)
	for range 10 {
		c := dial(t, l.addr)
		send(t, c, "REQ 1 x\n")
		receiveEnd(t, c, "")
		c.Close()
	}
	l.gone(before)
	if n := l.logs.FilterMessage(unreachable).Len(); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	n := l.numbers()
	n.expect(t, numbers{"answered": 0, "outstanding": 0, "naks_local": 0, "connections": 0})
	if n["abandoned"] != n["msg_req"] {
		t.Errorf("%v of %v requests are abandoned", n["abandoned"], n["msg_req"])
	}
}

func TestTheSecondAddressGetsTheLinesThatWaited(t *testing.T) {
	s := startServer(t, 1, answers)
	l := startLive(t, []poller.Addr{deadAddr(t), s.addr})
	for range 20 {
		c := dial(t, l.addr)
		send(t, c, "REQ 1 a\nREQ 2 b\n")
		receive(t, c, "ACK 1 a\nACK 2 b\n")
		c.Close()
	}
	if n := l.logs.FilterMessage(unreachable).Len(); n != 0 {
		t.Errorf("logged %d times as unreachable", n)
	}
}

// TestEachChangeIsLoggedOnce has the server go, come back and go.
func TestEachChangeIsLoggedOnce(t *testing.T) {
	g := newStage(t)
	addr := g.server.Addr()
	check := func(downs, ups int) {
		t.Helper()
		if d, u := g.logs.FilterMessage(unreachable).Len(), g.logs.FilterMessage(reachable).Len(); d != downs || u != ups {
			t.Errorf("logged %d times as unreachable and %d times as reachable, want %d and %d", d, u, downs, ups)
		}
	}
	refused := func() {
		t.Helper()
		c := g.kernel.Dial(g.addr)
		g.settle()
		g.ended(c)
		c.Close()
		g.settle()
	}
	g.connect()
	check(0, 0)
	g.server.Close()
	for range 3 {
		refused()
	}
	check(1, 0)
	g.server = g.kernel.Listen(addr)
	for range 3 {
		g.connect()
	}
	check(1, 1)
	g.server.Close()
	refused()
	check(2, 1)
	entry := g.logs.FilterMessage(unreachable).All()[0].ContextMap()
	if entry["server"] != "the server" || entry["why"] != "refused: connection refused" {
		t.Errorf("logged with %v", entry)
	}
}

func TestAServerThatDoesNotAcceptIsGivenUpInTime(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	g.server = g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Delay: fake.Never})
	g.open([]poller.Addr{g.server.Addr()})
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "REQ 1 x\n")
	g.pass(DefaultConnectTimeout - time.Millisecond)
	if client.Ended() {
		t.Fatal("given up too early")
	}
	g.pass(2 * time.Millisecond)
	g.hears(client, "")
	g.ended(client)
	logs := g.logs.FilterMessage(unreachable).All()
	if len(logs) != 1 || logs[0].ContextMap()["why"] != "connect timeout" {
		t.Errorf("logged: %v", logs)
	}
	g.numbers().expect(t, numbers{"msg_req": 1, "abandoned": 1})
}

// TestAConnectThatFailsAtOnceLeadsToTheNextAddress: what the kernel says of
// ports, backlogs and descriptors is about this address now, and no fault here.
func TestAConnectThatFailsAtOnceLeadsToTheNextAddress(t *testing.T) {
	for _, e := range []poller.Errno{syscall.EADDRNOTAVAIL, syscall.EAGAIN, syscall.ENETUNREACH, syscall.ECONNREFUSED} {
		t.Run(e.Error(), func(t *testing.T) {
			_, g := twoServers(t)
			g.kernel.Inject(fake.CallConnect, fake.Fault{Errno: e})
			// twoServers had one connect that hangs; this client takes it.
			hanging := g.kernel.Dial(g.addr)
			g.settle()
			g.says(hanging, "REQ 1 x\n")
			// The next one fails at its first address, at once.
			client, server := g.connect()
			g.says(client, "REQ 1 x\n")
			g.hears(server, "REQ 1 x\n")
		})
	}
	t.Run("at all of them", func(t *testing.T) {
		g := newStage(t)
		g.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EADDRNOTAVAIL})
		client := g.kernel.Dial(g.addr)
		g.settle()
		g.ended(client)
		if n := g.logs.FilterMessage(unreachable).Len(); n != 1 {
			t.Errorf("logged %d times", n)
		}
		g.connect()
		if n := g.logs.FilterMessage(reachable).Len(); n != 1 {
			t.Errorf("logged %d times", n)
		}
	})
}

func TestANameIsLookedUpOutsideTheLoop(t *testing.T) {
	s := startServer(t, 0, answers)
	asked, answer := make(chan struct{}, 10), make(chan struct{})
	l := startServing(t, Server{Name: "a.name:1", Resolve: func(context.Context) ([]poller.Addr, error) {
		asked <- struct{}{}
		<-answer
		return s.addrs(), nil
	}})
	select {
	case <-asked:
	case <-time.After(resolveInterval / 2):
		t.Fatal("the name is not looked up at once")
	}
	// The name service takes its time. Until then the server is unreachable.
	c := dial(t, l.addr)
	receiveEnd(t, c, "")
	logs := l.logs.FilterMessage(unreachable).All()
	if len(logs) != 1 || logs[0].ContextMap()["why"] != "its name does not resolve" {
		t.Errorf("logged: %v", logs)
	}
	close(answer)
	l.until("the name is known", func() bool { return len(l.proxy.upstreams) == 1 && len(l.proxy.upstreams[0].addrs) == 1 })
	c = dial(t, l.addr)
	send(t, c, "REQ 1 x\n")
	receive(t, c, "ACK 1 x\n")
}

func TestANameThatDoesNotResolveKeepsItsAddresses(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startServing(t, Server{Name: "a.name:1", Addrs: s.addrs(), Resolve: func(context.Context) ([]poller.Addr, error) {
		return nil, errors.New("no such host")
	}})
	for deadline := time.Now().Add(patience); l.logs.FilterMessageSnippet("does not resolve").Len() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not logged")
		}
	}
	c := dial(t, l.addr)
	send(t, c, "REQ 1 x\n")
	receive(t, c, "ACK 1 x\n")
}

// TestAShortageAfterAConnectThatFailedIsWaitedFor: the client's request waits in the
// output of the first dial, and goes on when there is what we were short of.
func TestAShortageAfterAConnectThatFailedIsWaitedFor(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	dead := g.kernel.Listen(anyLoopback)
	g.server = g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Refuse: true, Delay: time.Millisecond}, fake.Fault{Errno: syscall.ENOBUFS})
	g.open([]poller.Addr{dead.Addr(), g.server.Addr()})
	dead.Close()
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "REQ 1 x\n")
	g.pass(5 * time.Millisecond)
	if g.kernel.Pending(fake.CallConnect) != 0 {
		t.Fatal("not all addresses were tried")
	}
	g.pass(2 * shortageRetry)
	server := g.server.Accept()
	if server == nil {
		t.Fatal("it is not tried again")
	}
	g.hears(server, "REQ 1 x\n")
	if n := g.logs.FilterMessageSnippet("want of resources").Len(); n != 1 {
		t.Errorf("the shortage is logged %d times", n)
	}
	if n := g.logs.FilterMessage(unreachable).Len(); n != 0 {
		t.Error("the server is blamed")
	}
}

// TestANameThatMeansAnotherAddressDuringADial: what waits goes there.
func TestANameThatMeansAnotherAddressDuringADial(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	dead := g.kernel.Listen(anyLoopback)
	g.server = g.kernel.Listen(anyLoopback)
	g.kernel.Inject(fake.CallConnect, fake.Fault{Refuse: true, Delay: time.Millisecond})
	g.openServers([]Server{named(dead.Addr())})
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "REQ 1 x\n")
	g.proxy.setAddrs(0, []poller.Addr{g.server.Addr()})
	g.pass(2 * time.Millisecond)
	g.hears(g.server.Accept(), "REQ 1 x\n")
	if n := len(g.proxy.upstreams); n != 1 {
		t.Errorf("%d servers are known", n)
	}
}

// named is a server whose name means these addresses.
func named(addrs ...poller.Addr) Server {
	return Server{Name: "a.name:1", Addrs: addrs, Resolve: func(context.Context) ([]poller.Addr, error) { return addrs, nil }}
}

// TestEveryServerIsTriedOnce before a client is closed.
func TestEveryServerIsTriedOnce(t *testing.T) {
	g := &stage{t: t, kernel: fake.New()}
	const servers = 5
	var addrs []poller.Addr
	for range servers {
		addrs = append(addrs, g.kernel.Listen(anyLoopback).Addr())
		g.kernel.Inject(fake.CallConnect, fake.Fault{Refuse: true, Delay: time.Millisecond})
	}
	g.openServers([]Server{named(addrs...)})
	client := g.kernel.Dial(g.addr)
	g.settle()
	g.says(client, "REQ 1 x\n")
	g.pass(servers * 2 * time.Millisecond)
	g.ended(client)
	if n := g.kernel.Pending(fake.CallConnect); n != 0 {
		t.Errorf("%d servers were not tried", n)
	}
}
