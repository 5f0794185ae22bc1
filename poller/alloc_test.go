// alloc_test.go: the data path gives the collector nothing to do.

package poller_test

import (
	"bytes"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// mute is a handler that keeps nothing: an echo in its barest form.
type mute struct{}

func (mute) OnOpen(*poller.Conn)                {}
func (mute) ReadRoom(c *poller.Conn) int        { return c.RoomOrWake(c.Kept()) }
func (mute) OnLongLine(*poller.Conn, []byte)    {}
func (mute) OnEnd(*poller.Conn, []byte)         {}
func (mute) OnRoom(c *poller.Conn)              { c.Resume() }
func (mute) OnClose(*poller.Conn, poller.Cause) {}

func (mute) OnLines(c *poller.Conn, run []byte, _ int) (taken, lines int) {
	c.Append(run)
	return len(run), bytes.Count(run, []byte("\n"))
}

func TestLinesAreCarriedWithoutAllocating(t *testing.T) {
	r := newRig(t, func(r *rig) {
		r.config.IdleTimeout, r.config.LineTimeout, r.config.WriteTimeout = 1e9, 1e9, 1e9
	})
	p, a := r.client()
	a.conn.SetHandler(mute{})
	whole, head, tail := []byte("REQ 1 hello\nREQ 2 hello\n"), []byte("REQ 3 "), []byte("hello\n")
	exchange := func() {
		p.Send(whole)
		p.Send(head) // a fragment is kept, then completed
		r.loop.Turn(r.sys.Now())
		p.Send(tail)
		r.loop.Turn(r.sys.Now())
		if got := p.Receive(); len(got) != len(whole)+len(head)+len(tail) {
			t.Fatalf("%q came back", got)
		}
	}
	exchange()
	r.loop.OnTurn(nil)
	if n := testing.AllocsPerRun(1000, exchange); n != 0 {
		t.Errorf("%v allocations for three lines", n)
	}
	a.conn.SetHandler(a)
}

func TestAMessageAllocatesNothing(t *testing.T) {
	r := newRig(t)
	m, run := r.loop.Mailbox(), func() {}
	r.loop.OnTurn(nil)
	if n := testing.AllocsPerRun(1000, func() {
		if err := m.Post(run); err != nil {
			t.Fatal(err)
		}
		r.loop.Turn(r.sys.Now())
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkEcho(b *testing.B) {
	t := &testing.T{}
	r := newRig(t)
	p, a := r.client()
	a.conn.SetHandler(mute{})
	r.loop.OnTurn(nil)
	line := []byte("REQ 1 hello\n")
	b.ReportAllocs()
	for b.Loop() {
		p.Send(line)
		r.loop.Turn(r.sys.Now())
		p.Receive()
	}
}

// TestOpeningConnectionsDoesNotAllocate looks at the real kernel alone; what the
// loop makes of a connection is its business.
func TestOpeningConnectionsDoesNotAllocate(t *testing.T) {
	k, err := poller.NewKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer k.Shut()
	options := poller.DefaultSocketOptions()
	for _, at := range []string{"127.0.0.1:0", "[::]:0"} {
		listener, e := k.Listen(poller.TCPAddr(netip.MustParseAddrPort(at)), &options)
		if e != 0 {
			t.Fatal(e)
		}
		addr, _, _ := k.Names(listener)
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), addr.Port())
		allocs := testing.AllocsPerRun(100, func() {
			dialled, e := k.Connect(poller.TCPAddr(addr), &options)
			if e != 0 && e != unix.EINPROGRESS {
				t.Fatal(e)
			}
			accepted, from, e := k.Accept(listener)
			if e != 0 {
				t.Fatal(e)
			}
			local, peer, e := k.Names(dialled)
			if e != 0 || local != from || peer != addr {
				t.Fatalf("%v calls %v, which sees %v (%v)", local, peer, from, e)
			}
			k.Close(accepted)
			k.Close(dialled)
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", at, allocs)
		}
		k.Close(listener)
	}
}
