// facts_test.go owns what the loop relies on of the kernel, as far as connections
// are concerned. Every fact is tested on Linux and on the simulated kernel, which
// must agree.

package fake_test

import (
	"bytes"
	"slices"
	"syscall"
	"testing"
)

// fact is the same steps in any world.
type fact struct {
	name string
	test func(b *bench)
}

// connectionFacts hold for TCP and for unix sockets.
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

var (
	facts     = slices.Concat(connectionFacts, descriptorFacts)
	tcpFacts  = slices.Concat(facts, resetFacts, handshakeFacts)
	allOfUnix = slices.Concat(facts, unixFacts)
)

func holdIn(t *testing.T, facts []fact, open func(*testing.T) world) {
	for _, f := range facts {
		t.Run(f.name, func(t *testing.T) { f.test(newBench(t, open(t))) })
	}
}

func TestFactsHoldOnTheSimulatedKernel(t *testing.T) { holdIn(t, tcpFacts, newSimulated) }
func TestFactsHoldOnLinux(t *testing.T)              { holdIn(t, tcpFacts, newLinux) }

func TestFactsOfUnixSocketsHoldOnTheSimulatedKernel(t *testing.T) {
	holdIn(t, allOfUnix, newSimulatedUnix)
}
func TestFactsOfUnixSocketsHoldOnLinux(t *testing.T) { holdIn(t, allOfUnix, newLinuxUnix) }
