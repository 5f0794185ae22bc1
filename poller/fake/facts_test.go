// facts_test.go owns what the loop relies on of the kernel. Every fact is tested
// on Linux and on the simulated kernel, which must agree.

package fake_test

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
)

var facts = []struct {
	name string
	test func(b *bench)
}{
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
		if local, remote, e := b.Names(fd); e != 0 || remote != s.Addr() || local == remote {
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
	{"registering with data waiting gives an edge", func(b *bench) {
		p := b.dial(b.t, b.addr)
		b.settle(b.t, b.listener, in)
		fd, _, e := b.Accept(b.listener)
		b.ok(e)
		p.Send([]byte("early"))
		b.settle(b.t, fd, in)
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, in|out)
	}},
	{"more data is a new edge, read or not", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("a"))
		b.edge(fd, in|out)
		p.Send([]byte("b"))
		b.edge(fd, in|out)
		b.reads(fd, readSize, "ab")
	}},
	{"a listener tells of a queue, and tells nothing when a descriptor is free again", func(b *bench) {
		b.ok(b.Register(b.listener, uint64(b.listener)))
		b.dial(b.t, b.addr)
		b.edge(b.listener, in)
		undo := b.limit(b.t)
		_, _, e := b.Accept(b.listener)
		undo()
		if e != syscall.EMFILE {
			b.t.Fatal(e)
		}
		b.silent()
		b.dial(b.t, b.addr)
		b.edge(b.listener, in)
		for _, want := range []poller.Errno{0, 0, again} {
			if _, _, e := b.Accept(b.listener); e != want {
				b.t.Fatal(e)
			}
		}
	}},
	{"a number is used again at once", func(b *bench) {
		_, fd := b.accepted()
		b.dial(b.t, b.addr)
		b.settle(b.t, b.listener, in)
		b.ok(b.Close(fd))
		if next, _, e := b.Accept(b.listener); next != fd {
			b.t.Fatalf("descriptor %d after %d: %v", next, fd, e)
		}
	}},
	{"a closed descriptor that is shared goes on telling", func(b *bench) {
		p, fd := b.accepted()
		giveUp := b.share(b.t, fd)
		b.ok(b.Close(fd))
		p.Send([]byte("x"))
		n, e := b.wait(5 * time.Second)
		b.ok(e)
		if n != 1 || b.events[0] != (poller.Event{Token: uint64(fd), Mask: in | out}) {
			b.t.Fatalf("edges: %x", b.events[:n])
		}
		giveUp()
		b.silent()
	}},
	{"an unregistered descriptor tells nothing", func(b *bench) {
		p, fd := b.accepted()
		b.ok(b.Unregister(fd))
		p.Send([]byte("x"))
		b.settle(b.t, fd, in)
		b.silent()
		b.reads(fd, readSize, "x")
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
	{"closing a listener resets its queue", func(b *bench) {
		p := b.dial(b.t, b.addr)
		b.settle(b.t, b.listener, in)
		b.ok(b.Close(b.listener))
		if got := p.Receive(); len(got) != 0 {
			b.t.Fatalf("received %q", got)
		}
		if n := p.Send([]byte("x")); n != 0 {
			b.t.Fatal("a reset connection took a byte")
		}
	}},
	{"data may come before the accept", func(b *bench) {
		p := b.dial(b.t, b.addr)
		p.Send([]byte("early"))
		b.settle(b.t, b.listener, in)
		fd, remote, e := b.Accept(b.listener)
		b.ok(e)
		b.settle(b.t, fd, in)
		b.reads(fd, readSize, "early")
		if local, names, _ := b.Names(fd); local != b.addr || names != remote {
			b.t.Fatal(local, names, remote)
		}
	}},
	{"a backlog of 4 holds five, the sixth waits without an error", func(b *bench) {
		for range 5 {
			fd, e := b.Connect(b.addr, &poller.SocketOptions{})
			if e != syscall.EINPROGRESS {
				b.t.Fatal(e)
			}
			b.settle(b.t, fd, out)
		}
		fd, e := b.Connect(b.addr, &poller.SocketOptions{})
		if e != syscall.EINPROGRESS {
			b.t.Fatal(e)
		}
		b.ok(b.Register(fd, uint64(fd)))
		b.silent()
		b.ok(b.SockErr(fd))
		if _, _, e := b.Names(fd); e != syscall.ENOTCONN {
			b.t.Fatal(e)
		}
		b.reads(fd, 1, again)
	}},
	{"an eventfd tells of every wake, and of the room that reading makes", func(b *bench) {
		fd, e := b.OpenWake()
		b.ok(e)
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, out)
		b.Wake(fd)
		b.edge(fd, in|out)
		b.Wake(fd)
		b.edge(fd, in|out)
		b.ClearWake(fd)
		b.edge(fd, out)
		b.ClearWake(fd)
		b.silent()
		b.ok(b.Close(fd))
	}},
	{"a poll does not wait, and a deadline ends a wait", func(b *bench) {
		before := b.Now()
		n, e := b.Wait(b.events[:], 0)
		b.ok(e)
		m, e := b.wait(3 * time.Millisecond)
		b.ok(e)
		if passed := b.Now() - before; n != 0 || m != 0 || passed < int64(3*time.Millisecond) {
			b.t.Fatalf("%d and %d events after %d ns", n, m, passed)
		}
	}},
}

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
