// facts_tcp_test.go owns what the loop relies on of TCP alone: resets, and the
// handshake.

package fake_test

import (
	"bytes"
	"syscall"

	"fooproxy/poller"
)

var resetFacts = []fact{
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
	{"a connection that was reset in the queue is accepted all the same", func(b *bench) {
		p := b.dial(b.t, b.addr)
		b.settle(b.t, b.listener, in)
		p.Reset()
		fd, _, e := b.Accept(b.listener)
		b.ok(e)
		b.settle(b.t, fd, fail)
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, broken)
		b.reads(fd, readSize, syscall.ECONNRESET, nil)
	}},
	{"what was sent before a reset in the queue can still be read", func(b *bench) {
		p := b.dial(b.t, b.addr)
		p.Send([]byte("last words"))
		b.settle(b.t, b.listener, in)
		p.Reset()
		fd, _, e := b.Accept(b.listener)
		b.ok(e)
		b.settle(b.t, fd, fail)
		b.reads(fd, readSize, "last words", syscall.ECONNRESET, nil)
	}},
}

var handshakeFacts = []fact{
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
	{"an urgent byte alone is not readable", func(b *bench) {
		p, fd := b.accepted()
		p.SendUrgent('!')
		b.edge(fd, out|pri)
		b.reads(fd, readSize, again)
		p.Send([]byte("x"))
		b.edge(fd, in|out)
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
}
