// facts_descriptors_test.go owns what the loop relies on of listeners, of numbers
// and registrations, and of waiting.

package fake_test

import (
	"syscall"
	"time"

	"fooproxy/poller"
)

var descriptorFacts = []fact{
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
	{"closing a descriptor that is shared sends nothing", func(b *bench) {
		p, fd := b.accepted()
		giveUp := b.share(b.t, fd)
		b.ok(b.Close(fd))
		if n := p.Send([]byte("x")); n != 1 {
			b.t.Fatal("the connection takes nothing any more")
		}
		n, e := b.wait(5 * time.Second)
		b.ok(e)
		if n != 1 || b.events[0].Mask != in|out {
			b.t.Fatalf("edges: %x", b.events[:n])
		}
		giveUp() // with a byte unread: a reset
		if n := len(received(p, 1)); n != 0 {
			b.t.Fatalf("%d bytes came", n)
		}
	}},
	{"without descriptors an accept fails whether somebody waits or not", func(b *bench) {
		undo := b.limit(b.t)
		_, _, e := b.Accept(b.listener)
		undo()
		if e != syscall.EMFILE {
			b.t.Fatal(e)
		}
		if _, _, e := b.Accept(b.listener); e != again {
			b.t.Fatal(e)
		}
	}},
	{"an unregistered descriptor tells nothing", func(b *bench) {
		p, fd := b.accepted()
		b.ok(b.Unregister(fd))
		p.Send([]byte("x"))
		b.settle(b.t, fd, in)
		b.silent()
		b.reads(fd, readSize, "x")
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
		if local, names, _ := b.Names(fd); local != b.addr.TCP() || names != remote {
			b.t.Fatal(local, names, remote)
		}
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
