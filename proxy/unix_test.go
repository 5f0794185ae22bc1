// unix_test.go: unix sockets on either side. What a client receives and how that
// ends, and what arrives at the server, are the same as on a direct connection
// of the client's kind to a server of that kind.

package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// halfConn is a connection of either kind.
type halfConn interface {
	net.Conn
	CloseWrite() error
}

// place makes addresses of one kind.
type place struct {
	network string
	make    func(t *testing.T) poller.Addr
}

var places = []place{
	{"tcp", func(*testing.T) poller.Addr { return anyLoopback }},
	{"unix", func(t *testing.T) poller.Addr { return poller.UnixAddr(filepath.Join(t.TempDir(), "s")) }},
}

// where is an address as package net takes it.
func where(a poller.Addr) (network, addr string) {
	if a.IsUnix() {
		return "unix", a.Path()
	}
	return "tcp", a.String()
}

// anyServer serves connections of either kind, and tells what arrived on each.
func anyServer(t *testing.T, addr poller.Addr, serve serving) (at poller.Addr, arrived chan string) {
	t.Helper()
	network, address := where(addr)
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		addr = poller.TCPAddr(tcp.AddrPort())
	}
	arrived = make(chan string, 8)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
					panic(err)
				}
				log := &transcript{}
				serve(c.(halfConn), bufio.NewReaderSize(io.TeeReader(c, log), 64<<10))
				arrived <- string(log.bytes)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return addr, arrived
}

// serving is what a server does with a connection, which is closed then.
type serving func(c halfConn, in *bufio.Reader)

// echoes answers so many lines, or all of them where it is -1, and says a last
// word.
func echoes(lines int, lastWord string) serving {
	return func(c halfConn, in *bufio.Reader) {
		for left := lines; left != 0; left-- {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if _, err := c.Write(answer(nil, line[:len(line)-1])); err != nil {
				return
			}
		}
		io.WriteString(c, lastWord) // where the client is gone nobody misses it
	}
}

// speaksFirst says something, and reads to the end.
func speaksFirst(c halfConn, in *bufio.Reader) {
	io.WriteString(c, "ACK 1 before it was asked\n")
	io.Copy(io.Discard, in)
}

// converse says the pieces and reads to the end.
func converse(t *testing.T, addr poller.Addr, pieces []string, halfClose bool, pause func()) said {
	t.Helper()
	network, address := where(addr)
	nc, err := net.DialTimeout(network, address, patience)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	heard := make(chan said, 1)
	go func() {
		received, end := rest(nc)
		heard <- said{received, end}
	}()
	for _, piece := range pieces {
		if _, err := io.WriteString(nc, piece); err != nil {
			t.Error(err)
		}
		pause()
	}
	if halfClose {
		if err := nc.(halfConn).CloseWrite(); err != nil {
			t.Error(err)
		}
	}
	return <-heard
}

func TestTranscriptsAreTheSameForEachKindOfSocket(t *testing.T) {
	var many strings.Builder
	for i := 1; many.Len() < 1<<20; i++ {
		fmt.Fprintf(&many, "REQ %d %s\r\n", i, strings.Repeat("x", i%100))
	}
	for _, c := range []struct {
		name      string
		serve     serving
		pieces    []string
		halfClose bool
	}{
		{"the script", echoes(-1, ""), []string{script}, true},
		{"byte by byte", echoes(-1, ""), strings.Split(script, ""), true},
		{"many requests in one go", echoes(-1, ""), []string{many.String()}, true},
		{"nothing is sent", echoes(-1, ""), []string{""}, true},
		{"longest line", echoes(-1, ""), []string{"REQ 1 " + strings.Repeat("x", 64<<10-7) + "\n", "REQ 2\n"}, true},
		{"the server closes first", echoes(2, ""), []string{"REQ 1 a\nREQ 2 b\n"}, false},
		{"the server ends in half a line", echoes(2, "ACK 3 ha"), []string{"REQ 1 a\nREQ 2 b\n"}, false},
		{"the server speaks first", speaksFirst, []string{"REQ 1 a\nREQ 2 b\n"}, true},
	} {
		for _, front := range places {
			for _, back := range places {
				t.Run(c.name+"/"+front.network+" to "+back.network, func(t *testing.T) {
					server, arrived := anyServer(t, back.make(t), c.serve)
					l := startAt(t, front.make(t), Server{Name: "the server", Addrs: []poller.Addr{server}})
					direct := converse(t, server, c.pieces, c.halfClose, func() {})
					sent := <-arrived
					if got := converse(t, l.at, c.pieces, c.halfClose, l.sync); got != direct {
						t.Errorf("through the proxy: %s, %s\n         directly: %s, %s", brief(got.received), got.end, brief(direct.received), direct.end)
					}
					if got := <-arrived; got != sent {
						t.Errorf("through the proxy the server got %s\n                     directly %s", brief(got), brief(sent))
					}
				})
			}
		}
	}
}

// TestAClientThatClosesAtOnceHasAskedAllTheSame: a unix socket tells at once that
// nobody reads it any more, beside what it still holds.
func TestAClientThatClosesAtOnceHasAskedAllTheSame(t *testing.T) {
	heard := make(chan string, 1)
	server, _ := anyServer(t, places[1].make(t), func(_ halfConn, in *bufio.Reader) {
		line, _ := in.ReadString('\n') // whatever it is, the test compares it
		heard <- line
		io.Copy(io.Discard, in) // no reply ever
	})
	l := startAt(t, places[1].make(t), Server{Name: "the server", Addrs: []poller.Addr{server}})
	network, address := where(l.at)
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	send(t, c, "REQ 1 x\n")
	c.Close()
	if got := <-heard; got != "REQ 1 x\n" {
		t.Errorf("the server got %q", got)
	}
	l.until("the session is over", func() bool { return len(l.proxy.sessions) == 0 })
	l.numbers().expect(t, numbers{"msg_req": 1, "abandoned": 1, "connections": 0})
}

// TestAFullUnixServerIsWaitedFor: its clients wait too, as long as the connect may
// take.
func TestAFullUnixServerIsWaitedFor(t *testing.T) {
	addr := poller.UnixAddr("/run/server")
	for _, makesPlace := range []bool{true, false} {
		g := &stage{t: t, kernel: fake.New()}
		g.server = g.kernel.Listen(addr)
		g.server.SetBacklog(0)
		g.kernel.Dial(addr)
		g.open([]poller.Addr{addr})
		client := g.kernel.Dial(g.addr)
		g.settle()
		g.says(client, "REQ 1 x\n")
		g.pass(DefaultConnectTimeout - 50*time.Millisecond)
		if client.Ended() {
			t.Fatal("given up too early")
		}
		if makesPlace {
			g.server.Accept()
			g.pass(100 * time.Millisecond)
			g.hears(g.server.Accept(), "REQ 1 x\n")
			continue
		}
		g.pass(100 * time.Millisecond)
		g.ended(client)
		logs := g.logs.FilterMessage(unreachable).All()
		if len(logs) != 1 || logs[0].ContextMap()["why"] != "connect timeout" {
			t.Errorf("logged: %v", logs)
		}
	}
}
