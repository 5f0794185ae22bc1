// facts_test.go owns what the loop relies on of the kernel, as far as connections
// are concerned. Every fact is tested on Linux and on the simulated kernel, which
// must agree.

package fake_test

import (
	"bytes"
	"slices"
	"syscall"
	"testing"

	"fooproxy/poller"
)

// fact is the same steps in any world.
type fact struct {
	name string
	test func(b *bench)
}

var connectionFacts = []fact{
	{"data comes with OUT", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("x"))
		b.edge(fd, in|out)
		b.silent()
	}},
	{"FIN has no HUP, and writing works on", func(b *bench) {
		p, fd := b.accepted()
		p.CloseWrite()
		b.edge(fd, in|out|rdhup)
		b.reads(fd, readSize, nil, nil)
		b.writes(fd, "answer", 0)
		if got := received(p, 6); got != "answer" {
			b.t.Fatalf("the peer received %q", got)
		}
	}},
	{"FIN after our own has HUP", func(b *bench) {
		p, fd := b.accepted()
		b.ok(b.ShutdownWrite(fd))
		p.CloseWrite()
		b.edge(fd, in|out|rdhup|hup)
		b.writes(fd, "x", syscall.EPIPE)
	}},
	{"our own FIN is an edge", func(b *bench) {
		_, fd := b.accepted()
		b.ok(b.ShutdownWrite(fd))
		b.edge(fd, out) // Linux may tell once more, when the FIN is acknowledged
	}},
	{"RST behind data: the data can be read, then the error, then the end", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("data"))
		p.Reset()
		b.edge(fd, broken)
		b.reads(fd, 3, "dat", "a", syscall.ECONNRESET, nil)
		b.silent()
	}},
	{"RST: a write takes the error, and reading then finds the end", func(b *bench) {
		p, fd := b.accepted()
		p.Reset()
		b.edge(fd, broken)
		b.writes(fd, "x", syscall.ECONNRESET)
		b.writes(fd, "x", syscall.EPIPE)
		b.reads(fd, readSize, nil)
	}},
	{"RST after FIN is a broken pipe, and reading still finds the end", func(b *bench) {
		p, fd := b.accepted()
		p.CloseWrite()
		b.edge(fd, in|out|rdhup)
		p.Reset()
		b.edge(fd, broken)
		b.reads(fd, readSize, nil)
		if e := b.SockErr(fd); e != syscall.EPIPE {
			b.t.Fatal(e)
		}
	}},
	{"after RST there is no peer and no shutdown", func(b *bench) {
		p, fd := b.accepted()
		p.Reset()
		b.edge(fd, broken)
		if _, _, e := b.Names(fd); e != syscall.ENOTCONN {
			b.t.Fatal(e)
		}
		if e := b.ShutdownWrite(fd); e != syscall.ENOTCONN {
			b.t.Fatal(e)
		}
	}},
	{"connect refused, and SO_ERROR is cleared by reading", func(b *bench) {
		s := b.listen(b.t)
		s.Close()
		fd, e := b.Connect(s.Addr(), &poller.SocketOptions{})
		if e != syscall.EINPROGRESS {
			b.t.Fatal(e)
		}
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, broken)
		if e := b.SockErr(fd); e != syscall.ECONNREFUSED {
			b.t.Fatal(e)
		}
		b.ok(b.SockErr(fd))
	}},
	{"connected: OUT alone", func(b *bench) {
		s := b.listen(b.t)
		fd, e := b.Connect(s.Addr(), &poller.SocketOptions{})
		if e != syscall.EINPROGRESS {
			b.t.Fatal(e)
		}
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, out)
		b.ok(b.SockErr(fd))
		if local, remote, e := b.Names(fd); e != 0 || remote != s.Addr().TCP() || local == remote {
			b.t.Fatal(local, remote, e)
		}
	}},
	{"connected and closed by the peer at once", func(b *bench) {
		s := b.listen(b.t)
		fd, _ := b.Connect(s.Addr(), &poller.SocketOptions{})
		b.settle(b.t, fd, out)
		s.accept().Close()
		b.settle(b.t, fd, rdhup)
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, in|out|rdhup)
		b.ok(b.SockErr(fd))
	}},
	{"a connection that met itself", func(b *bench) {
		fd := b.connectSelf(b.t)
		b.settle(b.t, fd, out)
		local, remote, e := b.Names(fd)
		if e != 0 || local != remote {
			b.t.Fatal(local, remote, e)
		}
		b.writes(fd, "REQ 1 hey\n", 0)
		b.reads(fd, readSize, "REQ 1 hey\n")
		b.ok(b.Close(fd))
	}},
	{"data and FIN are one edge, and the end is not told again", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("last"))
		p.CloseWrite()
		b.edge(fd, in|out|rdhup)
		b.reads(fd, readSize, "last")
		b.silent()
		b.reads(fd, readSize, nil)
	}},
	{"an urgent byte cuts the read, says PRI, and vanishes", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("REQ 1 a"))
		p.SendUrgent('!')
		p.Send([]byte("bc\nREQ 2 x\n"))
		b.edge(fd, in|out|pri)
		b.reads(fd, readSize, "REQ 1 a")
		b.silent()
		b.reads(fd, readSize, "bc\nREQ 2 x\n", again)
	}},
	{"an urgent byte alone is not readable", func(b *bench) {
		p, fd := b.accepted()
		p.SendUrgent('!')
		b.edge(fd, out|pri)
		b.reads(fd, readSize, again)
		p.Send([]byte("x"))
		b.edge(fd, in|out)
	}},
	{"an ordinary short read leaves nothing", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("line\n"))
		b.edge(fd, in|out)
		b.reads(fd, readSize, "line\n", again)
	}},
	{"more data is a new edge, read or not", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("a"))
		b.edge(fd, in|out)
		p.Send([]byte("b"))
		b.edge(fd, in|out)
		b.reads(fd, readSize, "ab")
	}},
	{"closing with input read sends FIN", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("line\n"))
		b.edge(fd, in|out)
		b.reads(fd, readSize, "line\n")
		b.writes(fd, "bye", 0)
		b.ok(b.Close(fd))
		if got := received(p, 4); got != "bye" {
			b.t.Fatalf("the peer received %q", got)
		}
	}},
	{"closing with input unread loses output that was accepted", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("unread\n"))
		b.edge(fd, in|out)
		accepted := 0
		for piece := bytes.Repeat([]byte("o"), 1<<20); ; {
			n, e := b.Write(fd, piece)
			if accepted += n; e != 0 || n < len(piece) {
				break
			}
		}
		b.ok(b.Close(fd))
		if got := len(received(p, accepted)); got >= accepted {
			b.t.Fatalf("the peer received all %d bytes", got)
		}
	}},
	{"data for a socket that is closed is answered by RST", func(b *bench) {
		p, fd := b.accepted()
		p.Close()
		b.edge(fd, in|out|rdhup)
		b.writes(fd, "x", 0)
		b.edge(fd, broken)
		b.writes(fd, "x", syscall.EPIPE)
		b.reads(fd, readSize, nil)
	}},
	{"a full send buffer has no OUT, and space is an edge", func(b *bench) {
		p, fd := b.accepted()
		accepted := 0
		for piece := bytes.Repeat([]byte("o"), 64<<10); ; {
			n, e := b.Write(fd, piece)
			if accepted += n; e == again {
				break
			}
			b.ok(e)
		}
		p.Send([]byte("x"))
		b.settle(b.t, fd, in)
		b.drainEdges(fd)
		if got := len(received(p, accepted)); got != accepted {
			b.t.Fatalf("the peer received %d of %d", got, accepted)
		}
		b.settle(b.t, fd, in|out)
		b.drainEdges(fd)
		if got := b.events[0].Mask; got&out == 0 {
			b.t.Fatalf("mask %#x, want OUT", got)
		}
	}},
}

var facts = slices.Concat(connectionFacts, descriptorFacts)

func TestFactsHoldOnTheSimulatedKernel(t *testing.T) {
	for _, f := range facts {
		t.Run(f.name, func(t *testing.T) { f.test(newBench(t, newSimulated())) })
	}
}

func TestFactsHoldOnLinux(t *testing.T) {
	for _, f := range facts {
		t.Run(f.name, func(t *testing.T) { f.test(newBench(t, newLinux(t))) })
	}
}
