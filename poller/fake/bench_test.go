// bench_test.go owns the bench on which one fact is tested in one world: a
// listener, its connections, and what is expected of their edges and calls.

package fake_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
)

const (
	in    = poller.MaskIn
	pri   = poller.MaskPri
	out   = poller.MaskOut
	fail  = poller.MaskErr
	hup   = poller.MaskHup
	rdhup = poller.MaskRdhup

	again    = syscall.EAGAIN
	broken   = in | out | fail | hup | rdhup
	readSize = 64 << 10
)

// bench is one connection under test, or a listener, in one world.
type bench struct {
	world
	t        *testing.T
	listener int
	addr     poller.Addr
	events   [16]poller.Event
}

// newBench opens a listener that is not registered.
func newBench(t *testing.T, w world) *bench {
	b := &bench{world: w, t: t}
	b.addr = w.somewhere(t)
	fd, e := w.Listen(b.addr, &poller.SocketOptions{Backlog: 4})
	b.ok(e)
	b.listener = fd
	if local, _, _ := w.Names(fd); local.IsValid() {
		b.addr = poller.TCPAddr(local)
	}
	return b
}

func (b *bench) ok(e poller.Errno) {
	b.t.Helper()
	if e != 0 {
		b.t.Fatal(e)
	}
}

// accepted is a peer and its registered connection, whose first edge is over.
func (b *bench) accepted() (peer, int) {
	b.t.Helper()
	p := b.dial(b.t, b.addr)
	b.settle(b.t, b.listener, in)
	fd, _, e := b.Accept(b.listener)
	b.ok(e)
	b.ok(b.Register(fd, uint64(fd)))
	b.edge(fd, out)
	return p, fd
}

// wait waits at most for the given time, whatever signals come meanwhile.
func (b *bench) wait(most time.Duration) (n int, e poller.Errno) {
	deadline := b.Now() + int64(most)
	for {
		if n, e = b.Wait(b.events[:], deadline); e != poller.EINTR {
			return n, e
		}
	}
}

// edge expects one edge of fd with exactly that mask.
func (b *bench) edge(fd int, mask uint32) {
	b.t.Helper()
	b.settle(b.t, fd, mask)
	n, e := b.wait(5 * time.Second)
	b.ok(e)
	if n != 1 || b.events[0] != (poller.Event{Token: uint64(fd), Mask: mask}) {
		b.t.Fatalf("edges: %x, want one of %d with %#x", b.events[:n], fd, mask)
	}
}

// silent expects no edge.
func (b *bench) silent() {
	b.t.Helper()
	n, e := b.wait(b.silence())
	b.ok(e)
	if n != 0 {
		b.t.Fatalf("edges: %x, want silence", b.events[:n])
	}
}

// reads expects the results of one read after the other: text, an error, or nil
// for the end.
func (b *bench) reads(fd, size int, want ...any) {
	b.t.Helper()
	for i, w := range want {
		buffer := make([]byte, size)
		n, e := b.Read(fd, buffer)
		var got any
		switch {
		case e != 0:
			got = e
		case n > 0:
			got = string(buffer[:n])
		}
		if got != w {
			b.t.Fatalf("read %d gave %v, want %v", i+1, got, w)
		}
	}
}

// writes expects one write's answer.
func (b *bench) writes(fd int, p string, want poller.Errno) {
	b.t.Helper()
	if n, e := b.Write(fd, []byte(p)); e != want || e == 0 && n != len(p) {
		b.t.Fatalf("write gave %d, %v, want %v", n, e, want)
	}
}

// received reads from a peer until n bytes have come or nothing comes any more.
func received(p peer, n int) string {
	var all strings.Builder
	for all.Len() < n {
		got := p.Receive()
		if len(got) == 0 {
			break
		}
		all.Write(got)
	}
	return all.String()
}

// drainEdges takes what edges there are; several bytes of news may have come as
// several.
func (b *bench) drainEdges(fd int) {
	b.t.Helper()
	n, e := b.wait(5 * time.Second)
	b.ok(e)
	if n != 1 || b.events[0].Token != uint64(fd) {
		b.t.Fatalf("edges: %x", b.events[:n])
	}
}
