// limits_test.go: how many clients are served, how long they may be silent, and
// what the configuration may say.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

func TestClientsBeyondTheLimitWaitUntilAPlaceIsFree(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs(), func(c *Config) { c.MaxConns = 2 })
	first, second, third := dial(t, l.addr), dial(t, l.addr), dial(t, l.addr)
	for _, c := range []*net.TCPConn{first, second} {
		send(t, c, "REQ 1 x\n")
		receive(t, c, "ACK 1 x\n")
	}
	send(t, third, "REQ 1 third\n")
	l.sync()
	if n := l.sessions(); n != 2 {
		t.Fatalf("%d clients are served", n)
	}
	send(t, first, "REQ 2 x\n") // those that are there do not notice
	receive(t, first, "ACK 2 x\n")
	second.Close()
	receive(t, third, "ACK 1 third\n")
	if n := l.sessions(); n != 2 {
		t.Errorf("%d clients are served", n)
	}
}

// TestManyMoreClientsThanPlacesAreAllServed has them come all at once and wait
// in the kernel's queue.
func TestManyMoreClientsThanPlacesAreAllServed(t *testing.T) {
	s := startServer(t, 0, answers)
	l := startLive(t, s.addrs(), func(c *Config) { c.MaxConns = 3 })
	var clients []*net.TCPConn
	for range 60 {
		c := dial(t, l.addr)
		send(t, c, "REQ 1 x\n")
		clients = append(clients, c)
	}
	for _, c := range clients {
		receive(t, c, "ACK 1 x\n")
		l.on(func() {
			if n := len(l.proxy.sessions); n > 3 {
				t.Errorf("%d clients are served", n)
			}
		})
		c.Close()
	}
}

// TestWithoutDescriptorsClientsWait has the own limit stand too high: then the
// kernel's holds, and clients that wait are served when descriptors come back.
func TestWithoutDescriptorsClientsWait(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.kernel.Limit = g.kernel.Open() + 3 // from the lowest number
	waiting := g.kernel.Dial(g.addr)
	g.settle()
	if g.server.Accept() != nil {
		t.Fatal("the client is served")
	}
	if n := g.logs.FilterMessageSnippet("cannot accept").Len(); n != 1 {
		t.Errorf("it was logged %d times", n)
	}
	g.says(waiting, "REQ 1 x\n")
	g.says(client, "REQ 1 x\n")
	g.hears(server, "REQ 1 x\n")
	g.says(server, "ACK 1 x\n")
	g.hears(client, "ACK 1 x\n")
	// The limit is lifted; no new client comes.
	g.kernel.Limit += 10
	g.pass(time.Second)
	if waiter := g.server.Accept(); waiter == nil {
		t.Error("the client is not served")
	} else {
		g.hears(waiter, "REQ 1 x\n")
	}
}

func TestAnIdleClientIsClosed(t *testing.T) {
	g := newStage(t, func(c *Config) { c.Client.IdleTimeout = 10 * time.Second })
	client, server := g.connect()
	g.pass(9 * time.Second)
	g.says(client, "REQ 1\n") // this counts
	g.hears(server, "REQ 1\n")
	g.pass(9 * time.Second)
	g.says(server, "ACK 1\n") // and so does this
	g.hears(client, "ACK 1\n")
	g.pass(9 * time.Second)
	if client.Ended() {
		t.Fatal("closed too early")
	}
	g.pass(2 * time.Second)
	g.ended(client)
	g.ended(server)
}

func TestALineThatDoesNotEndInTimeClosesItsClient(t *testing.T) {
	g := newStage(t, func(c *Config) { c.Client.LineTimeout = 10 * time.Second })
	client, server := g.connect()
	g.pass(time.Hour) // without a line nothing counts
	g.says(client, "REQ 1 a\n")
	g.pass(time.Hour)
	for _, b := range "REQ 2 bbb" {
		g.says(client, string(b)) // more of it does not help
		g.pass(time.Second)
	}
	if client.Ended() {
		t.Fatal("closed too early")
	}
	g.pass(2 * time.Second)
	g.ended(client)
	g.hears(server, "REQ 1 a\n")
}

func TestAClientThatTakesNoReplyIsClosed(t *testing.T) {
	g := newStage(t, func(c *Config) { c.Client.WriteTimeout = 10 * time.Second })
	client, server := g.connect()
	client.SetWindow(1)
	g.says(client, "REQ 1\n")
	replies := strings.Repeat(line("ACK 1 ", 1000), 500)
	for range 20 {
		replies = replies[g.pours(server, replies):]
		g.pass(5 * time.Second)
		client.SetWindow(9000) // slow, but alive
		client.ReceiveSome(9000)
		client.SetWindow(1)
		g.settle()
	}
	if len(g.proxy.sessions) == 0 {
		t.Fatal("closed although the client takes something")
	}
	g.pass(11 * time.Second)
	if g.numbers()["connections"] != 0 {
		t.Error("not closed")
	}
	server.Close()
	g.settle()
}

func TestWithoutTimeoutsNothingEnds(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1 x\nREQ")
	g.pass(24 * time.Hour)
	g.says(client, " 2 y\n")
	g.hears(server, "REQ 1 x\nREQ 2 y\n")
}

func TestMaxConnsIsDerivedFromTheDescriptorLimit(t *testing.T) {
	cases := []struct{ given, descriptors, want int }{
		{0, 20_000, 9984},
		{0, 1024, 496},
		{0, 256, 112},
		{0, 64, 16},
		{0, 35, 1},
		{0, 34, 1},
		{0, 0, 1}, // one client must be possible
		{7, 20_000, 7},
		{1, 64, 1},
		{1000, 64, 16}, // more would leave clients without a server
	}
	for _, c := range cases {
		config := Config{MaxConns: c.given}
		if got := config.maxConns(c.descriptors, 3); got != c.want {
			t.Errorf("-max-conns %d with %d descriptors: %d, want %d", c.given, c.descriptors, got, c.want)
		}
	}
}

func TestMemoryFollowsTheLimitOfTheProcess(t *testing.T) {
	for limit, want := range map[int64]int{math.MaxInt64: DefaultMaxMemory, 256 << 20: DefaultMaxMemory, 100 << 20: 50 << 20} {
		if got := defaultMaxMemory(limit); got != want {
			t.Errorf("with a limit of %d: %d, want %d", limit, got, want)
		}
	}
}

func TestConfigurationsThatCannotWorkAreRefused(t *testing.T) {
	cases := []struct {
		name   string
		change func(*Config)
		want   string // part of the error; none: it works
	}{
		{"default", func(*Config) {}, ""},
		{"client's output below the line", func(c *Config) { c.Client.HighMark = c.Client.MaxLine - 1 }, "must hold the longest line"},
		{"server's output below the line", func(c *Config) { c.Server.HighMark = c.Server.MaxLine - 1 }, "must hold the longest line"},
		{"no request may be outstanding", func(c *Config) { c.MaxOutstanding = 0 }, "outstanding"},
		{"negative clients", func(c *Config) { c.MaxConns = -1 }, "positive"},
		{"no memory", func(c *Config) { c.MaxMemory = 0 }, "positive"},
		{"negative clients of an address", func(c *Config) { c.MaxConnsPerIP = -1 }, "positive"},
		{"a header of a version to come", func(c *Config) { c.SendProxy = 3 }, "version 3"},
		{"one of each", func(c *Config) { c.MaxOutstanding, c.MaxConns, c.MaxMemory = 1, 1, 1 }, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			config := DefaultConfig()
			c.change(&config)
			_, err := New(fake.New().NewSys(), []Server{{}}, config)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWithTheSmallestLimitsEverythingStillPasses(t *testing.T) {
	g := newStage(t, func(c *Config) { c.MaxOutstanding, c.MaxConns, c.MaxMemory = 1, 1, 1 })
	client, server := g.connect()
	var asks, got string
	for i := range 50 {
		asks += fmt.Sprintf("REQ %d x\n", i+1)
	}
	g.says(client, asks)
	for range 50 {
		asked := g.takes(server)
		g.says(server, strings.ReplaceAll(asked, "REQ", "ACK"))
		got += g.takes(client)
	}
	if got != strings.ReplaceAll(asks, "REQ", "ACK") {
		t.Errorf("arrived: %s", brief(got))
	}
}

// TestAListenerThatCannotBeOpenedIsNamed looks at the error as the command
// shows it.
func TestAListenerThatCannotBeOpenedIsNamed(t *testing.T) {
	listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(anyLoopback.TCP()))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := poller.TCPAddr(listener.Addr().(*net.TCPAddr).AddrPort())
	kernel, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(kernel, []Server{{}}, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Listen(taken)
	if want := fmt.Sprintf("cannot listen on %s: address already in use", taken); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := p.Run(); err == nil {
		t.Error("it runs without a listener")
	}
	p.loop.Shut()
	if err := kernel.Shut(); err != nil {
		t.Error(err)
	}
}

// TestAnUrgentByteVanishesAsItDoesWithoutAProxy: it also cuts a read short, and
// the kernel then keeps silent about the rest.
func TestAnUrgentByteVanishesAsItDoesWithoutAProxy(t *testing.T) {
	urgent := func(c *net.TCPConn) {
		raw, err := c.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		if err := raw.Control(func(fd uintptr) {
			if err := syscall.Sendto(int(fd), []byte{'!'}, syscall.MSG_OOB, nil); err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	s := startServer(t, 2, func(c *net.TCPConn, in *bufio.Reader) {
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			reply := string(answer(nil, line[:len(line)-1]))
			io.WriteString(c, reply[:5])
			if strings.HasPrefix(reply, "ACK 3") { // a second one would make data of the first
				urgent(c)
			}
			io.WriteString(c, reply[5:])
		}
	})
	l := startLive(t, s.addrs())
	for _, addr := range []string{s.addr.String(), l.addr} {
		c := dial(t, addr)
		send(t, c, "REQ 1 a")
		urgent(c)
		send(t, c, "bc\nREQ 2 x\n")
		receive(t, c, "ACK 1 abc\nACK 2 x\n")
		urgent(c)
		send(t, c, "REQ 3 y\n")
		receive(t, c, "ACK 3 y\n")
		c.Close()
		if arrived := s.arrived(t); arrived != "REQ 1 abc\nREQ 2 x\nREQ 3 y\n" {
			t.Errorf("%s: the server got %q", addr, arrived)
		}
	}
}
