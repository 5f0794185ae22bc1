// facts_unix_test.go owns what the loop relies on of unix sockets, where they
// differ from TCP.

package fake_test

import (
	"bytes"
	"syscall"

	"fooproxy/poller"
)

const hungUp = in | out | rdhup | hup

var unixFacts = []fact{
	{"a close is HUP at once, what came can be read, and a write finds no reader", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("last"))
		p.Close()
		b.edge(fd, hungUp)
		b.writes(fd, "x", syscall.EPIPE)
		b.reads(fd, readSize, "last", nil)
		b.ok(b.SockErr(fd))
		b.silent()
	}},
	{"a close after our FIN is HUP", func(b *bench) {
		p, fd := b.accepted()
		b.ok(b.ShutdownWrite(fd))
		b.edge(fd, out)
		p.Close()
		b.edge(fd, hungUp)
		b.reads(fd, readSize, nil)
	}},
	{"a close with input unread is an error behind the data", func(b *bench) {
		p, fd := b.accepted()
		p.Send([]byte("data"))
		b.edge(fd, in|out)
		b.writes(fd, "unread", 0)
		p.Close()
		b.edge(fd, broken)
		b.writes(fd, "x", syscall.EPIPE)
		b.reads(fd, 3, "dat", "a", syscall.ECONNRESET, nil)
		b.silent()
	}},
	{"a close with input unread after the peer's FIN is an error too", func(b *bench) {
		p, fd := b.accepted()
		b.writes(fd, "unread", 0)
		p.CloseWrite()
		b.edge(fd, in|out|rdhup)
		p.Close()
		b.edge(fd, broken)
		b.reads(fd, readSize, syscall.ECONNRESET, nil)
	}},
	{"after a close there still is a peer, and a shutdown is no error", func(b *bench) {
		p, fd := b.accepted()
		p.Close()
		b.edge(fd, hungUp)
		if local, remote, e := b.Names(fd); e != 0 || local.IsValid() || remote.IsValid() {
			b.t.Fatal(local, remote, e)
		}
		b.ok(b.ShutdownWrite(fd))
	}},
	{"closing with input unread loses no output that was accepted", func(b *bench) {
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
		if got := len(received(p, accepted)); got != accepted {
			b.t.Fatalf("the peer received %d of %d bytes", got, accepted)
		}
	}},
	{"who closed while waiting to be accepted is accepted all the same", func(b *bench) {
		p := b.dial(b.t, b.addr)
		p.Send([]byte("last words"))
		b.settle(b.t, b.listener, in)
		p.Close()
		fd, remote, e := b.Accept(b.listener)
		b.ok(e)
		if remote.IsValid() {
			b.t.Fatal(remote)
		}
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, hungUp)
		b.reads(fd, readSize, "last words", nil)
	}},
	{"a connect is answered at once: refused", func(b *bench) {
		s := b.listen(b.t)
		s.Close()
		if fd, e := b.Connect(s.Addr(), &poller.SocketOptions{}); fd != -1 || e != syscall.ECONNREFUSED {
			b.t.Fatal(fd, e)
		}
	}},
	{"a connect is answered at once: connected, OUT alone", func(b *bench) {
		s := b.listen(b.t)
		fd, e := b.Connect(s.Addr(), &poller.SocketOptions{})
		b.ok(e)
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, out)
		b.ok(b.SockErr(fd))
		if local, remote, e := b.Names(fd); e != 0 || local.IsValid() || remote.IsValid() {
			b.t.Fatal(local, remote, e)
		}
		s.accept().Close()
		b.edge(fd, hungUp)
	}},
	{"a backlog of 4 holds five, the sixth is asked to come again, and no edge tells of room", func(b *bench) {
		for range 5 {
			_, e := b.Connect(b.addr, &poller.SocketOptions{})
			b.ok(e)
		}
		fd, e := b.Connect(b.addr, &poller.SocketOptions{})
		if fd < 0 || e != again {
			b.t.Fatal(fd, e)
		}
		b.ok(b.Register(fd, uint64(fd)))
		b.edge(fd, out|hup)
		b.ok(b.SockErr(fd))
		if _, _, e := b.Names(fd); e != syscall.ENOTCONN {
			b.t.Fatal(e)
		}
		if e := b.ConnectAgain(fd, b.addr); e != again {
			b.t.Fatal(e)
		}
		_, _, e = b.Accept(b.listener)
		b.ok(e)
		b.silent()
		b.ok(b.ConnectAgain(fd, b.addr))
		b.silent()
		if _, _, e := b.Names(fd); e != 0 {
			b.t.Fatal(e)
		}
		b.writes(fd, "x", 0)
	}},
	{"a dial that waits for room is refused where the listener closes", func(b *bench) {
		for range 5 {
			_, e := b.Connect(b.addr, &poller.SocketOptions{})
			b.ok(e)
		}
		fd, e := b.Connect(b.addr, &poller.SocketOptions{})
		if fd < 0 || e != again {
			b.t.Fatal(fd, e)
		}
		b.ok(b.Close(b.listener))
		if e := b.ConnectAgain(fd, b.addr); e != syscall.ECONNREFUSED {
			b.t.Fatal(e)
		}
		b.ok(b.Close(fd))
	}},
	{"an urgent byte alone says IN, and there is nothing to read", func(b *bench) {
		p, fd := b.accepted()
		p.SendUrgent('!')
		b.edge(fd, in|out|pri)
		b.reads(fd, readSize, again)
		p.Send([]byte("x"))
		b.edge(fd, in|out)
		b.reads(fd, readSize, "x", again)
	}},
}
