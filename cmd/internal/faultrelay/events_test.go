package faultrelay

// This file owns the tests of the events: what comes about once, at a place in
// the stream.

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestResetAfterExactlySoManyBytes(t *testing.T) {
	for _, after := range []int{1, 5} {
		event := Event{Kind: Reset, After: after}
		p := connect(t, Plan{Requests: Direction{Latency: time.Millisecond, Events: []Event{event}}})
		p.send(p.client, "REQ 1 a\n")
		got, err := io.ReadAll(p.server)
		// The reset may overtake the bytes before it.
		if len(got) > after || !bytes.HasPrefix([]byte("REQ 1 a\n"), got) || !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server got %q, %v", got, err)
		}
		if _, err := io.ReadAll(p.client); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the client got %v", err)
		}
		p.happened(event)
	}
}

func TestResetBeforeTheFirstByte(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	plan := Plan{Replies: Direction{Events: []Event{{Kind: Reset}}}}
	expectReset(t, Start(t, Config{Target: listener.Addr().String(), Plan: func(int, *rand.Rand) Plan { return plan }}))
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	bound(t, server)
	if _, err := io.ReadAll(server); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server got %v", err)
	}
}

// expectReset connects. The reset may come before the dial has returned.
func expectReset(t *testing.T, r *Relay) {
	t.Helper()
	c, err := net.Dial("tcp", r.Addr)
	if err == nil {
		bound(t, c)
		_, err = io.ReadAll(c)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the client got %v", err)
	}
}

func TestHalfClose(t *testing.T) {
	event := Event{Kind: HalfClose, After: 8}
	p := connect(t, Plan{Requests: Direction{Events: []Event{event}}})
	p.send(p.client, "REQ 1 a\nREQ 2 b\n")
	if got, err := io.ReadAll(p.server); string(got) != "REQ 1 a\n" || err != nil {
		t.Errorf("the server got %q, %v", got, err)
	}
	p.send(p.client, "REQ 3 c\n")
	p.send(p.server, "ACK 1 a\n")
	p.receive(p.client, "ACK 1 a\n")
	p.happened(event)
}

func TestBlackhole(t *testing.T) {
	event := Event{Kind: Blackhole, After: 8}
	p := connect(t, Plan{Requests: Direction{Events: []Event{event}}})
	p.send(p.client, "REQ 1 a\n")
	p.receive(p.server, "REQ 1 a\n")
	p.send(p.client, strings.Repeat("x", 1<<20)) // it is taken
	p.client.CloseWrite()
	p.silent(p.server)
	p.send(p.server, "ACK 1 a\n")
	p.receive(p.client, "ACK 1 a\n")
	p.happened(event)
}

func TestUrgentByteIsBesideTheStream(t *testing.T) {
	p := connect(t, Plan{Requests: Direction{Events: []Event{{Kind: Urgent, After: 3}}}})
	inline(t, p.server)
	p.send(p.client, "REQ 1 a\n")
	p.receive(p.server, "REQ! 1 a\n")
	p.happened(Event{Kind: Urgent, After: 3})

	p = connect(t, Plan{Requests: Direction{Events: []Event{{Kind: Urgent, After: 3}}}})
	p.send(p.client, "REQ 1 a\n")
	p.receive(p.server, "REQ 1 a\n")
}

// inline shows urgent bytes in the stream.
func inline(t *testing.T, c *net.TCPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlled := raw.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_OOBINLINE, 1)
	}); controlled != nil || err != nil {
		t.Fatal(controlled, err)
	}
}

func small(c *Config) { c.SocketBuffer = 8 << 10 }

// fill writes until the kernel takes no more, and gives how much it took.
func (p pair) fill(c *net.TCPConn) (n int) {
	p.t.Helper()
	for chunk := make([]byte, 64<<10); ; {
		if err := c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			p.t.Fatal(err)
		}
		wrote, err := c.Write(chunk)
		n += wrote
		if err != nil {
			break
		}
		if n > 64<<20 {
			p.t.Fatal("the window does not close")
		}
	}
	if err := c.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	return n
}

func TestZeroWindowStopsTheSenderAndThenGoesOn(t *testing.T) {
	const pause = 400 * time.Millisecond
	event := Event{Kind: ZeroWindow, After: 8, For: pause}
	p := connect(t, Plan{Requests: Direction{Events: []Event{event}}}, small)
	begin := time.Now()
	p.send(p.client, "REQ 1 a\n")
	p.receive(p.server, "REQ 1 a\n")
	n := p.fill(p.client)
	p.happened(event)
	p.receive(p.server, strings.Repeat("\x00", n))
	if took := time.Since(begin); took < pause {
		t.Errorf("the window was closed for %v only", took)
	}
}

// What the sender's and the relay's kernels hold of a direction is all that leaves
// the sender: the relay itself holds nothing.
func TestZeroWindowReadsNothing(t *testing.T) {
	p := connect(t, Plan{Requests: Direction{Events: []Event{{Kind: ZeroWindow, After: 8}}}}, small)
	p.send(p.client, "REQ 1 a\n")
	p.receive(p.server, "REQ 1 a\n")
	sent := p.fill(p.client)
	// The kernels may still be about to tell each other of the last bytes.
	var acknowledged, waits int
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		acknowledged = sent - ask(t, p.client, unix.SIOCOUTQ)
		if waits = ask(t, p.relay.conns[0].client, unix.SIOCINQ); acknowledged == waits {
			return
		}
	}
	t.Errorf("the relay's side has taken %d bytes, %d wait in its kernel", acknowledged, waits)
}

// ask asks the kernel for a number of a socket.
func ask(t *testing.T, c *net.TCPConn, what uint) (n int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if controlled := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), what) }); controlled != nil || err != nil {
		t.Fatal(controlled, err)
	}
	return n
}

func TestWindowsCloseInTheOrderOfTheEvents(t *testing.T) {
	for name, c := range map[string]struct {
		events []Event
		want   []int
	}{
		"none":                    {nil, nil},
		"two":                     {[]Event{{Kind: ZeroWindow}, {Kind: Urgent, After: 3}, {Kind: ZeroWindow, After: 9}}, []int{0, 9}},
		"behind a later place":    {[]Event{{Kind: Urgent, After: 7}, {Kind: ZeroWindow, After: 5}}, []int{7}},
		"behind what loses bytes": {[]Event{{Kind: Blackhole, After: 3}, {Kind: ZeroWindow, After: 9}}, nil},
	} {
		if got := (&choices{direction: Direction{Events: c.events}}).windows(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestZeroWindowForEver(t *testing.T) {
	p := connect(t, Plan{Requests: Direction{Events: []Event{{Kind: ZeroWindow}}}}, small)
	p.fill(p.client)
	p.silent(p.server)
	p.send(p.server, "ACK 1 a\n")
	p.receive(p.client, "ACK 1 a\n")
}

func TestSmallSocketBuffersHoldLess(t *testing.T) {
	// Nobody reads the replies that the relay has for the client.
	held := func(change ...func(*Config)) int {
		p := connect(t, Plan{}, change...)
		return p.fill(p.server)
	}
	if less, much := held(small), held(); less >= much {
		t.Errorf("%d bytes with small buffers, %d without", less, much)
	}
}

func TestAServerThatIsNotThereIsAReset(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close() // the relay's own port is another one, so nobody listens there
	expectReset(t, Start(t, Config{Target: listener.Addr().String()}))
}
