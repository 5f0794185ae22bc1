package newcomer

// Connections with and without a header, on the simulated kernel: a test plays the
// peers by hand and decides when time passes.

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	header = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"
	named  = "192.0.2.1:56324"
)

// door is an owner of connections, and the acceptor of its listener.
type door struct {
	t       *testing.T
	kernel  *fake.Kernel
	sys     *fake.Sys
	loop    *poller.Loop
	room    *Room
	addr    poller.Addr
	config  poller.ConnConfig
	logs    *observer.ObservedLogs
	guests  []*guest
	full    bool // nobody is welcome
	refused int
	left    int
}

// guest is a handler that keeps what it gets.
type guest struct {
	client poller.Peer
	conn   *poller.Conn
	lines  string
	said   []string
}

func (g *guest) OnOpen(*poller.Conn)             {}
func (g *guest) ReadRoom(*poller.Conn) int       { return 1 << 16 }
func (g *guest) OnRoom(*poller.Conn)             {}
func (g *guest) OnLongLine(*poller.Conn, []byte) { g.said = append(g.said, "long line") }
func (g *guest) OnLines(_ *poller.Conn, run []byte, _ int) (taken, lines int) {
	g.lines += string(run)
	return len(run), strings.Count(string(run), "\n")
}
func (g *guest) OnEnd(c *poller.Conn, fragment []byte) {
	g.said = append(g.said, "end "+string(fragment))
	c.Close()
}
func (g *guest) OnClose(_ *poller.Conn, why poller.Cause) { g.said = append(g.said, why.String()) }

func (d *door) OnAccept(_ *poller.Listener, peer poller.Peer) (poller.Handler, *poller.ConnConfig) {
	if h := d.room.Expect(peer); h != nil {
		return h, &d.config
	}
	return &guest{client: peer}, &d.config
}

func (d *door) OnAccepted(c *poller.Conn, h poller.Handler) {
	if d.room.Enter(c, h) {
		return
	}
	g := h.(*guest)
	g.conn = c
	d.guests = append(d.guests, g)
}

func (d *door) OnAcceptError(*poller.Listener, poller.Errno) {}

func (d *door) Welcome(c *poller.Conn, client poller.Peer) poller.Handler {
	if d.full {
		c.Close()
		return nil
	}
	g := &guest{client: client, conn: c}
	d.guests = append(d.guests, g)
	return g
}

func (d *door) Refused() { d.refused++ }
func (d *door) Left()    { d.left++ }

// newDoor opens one that trusts the given list.
func newDoor(t *testing.T, list string, change ...func(*poller.Loop)) *door {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	d := &door{t: t, kernel: fake.New(), config: poller.DefaultConnConfig(), logs: logs}
	d.sys = d.kernel.NewSys()
	var err error
	if d.loop, err = poller.NewLoop(d.sys); err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(d.loop)
	}
	trusted, err := proxyheader.ParseTrusted(list)
	if err != nil {
		t.Fatal(err)
	}
	d.room = NewRoom(d.loop, zap.New(core), trusted, d)
	options := poller.DefaultSocketOptions()
	l, err := d.loop.Listen(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0")), &options, d)
	if err != nil {
		t.Fatal(err)
	}
	d.addr = l.Addr()
	t.Cleanup(func() {
		d.loop.Shut()
		if open := d.kernel.Open(); open != 0 || d.room.Len() != 0 || d.loop.Held() != 0 {
			t.Errorf("%d descriptors, %d newcomers and %d bytes are left", open, d.room.Len(), d.loop.Held())
		}
	})
	d.settle()
	return d
}

func (d *door) settle() {
	d.t.Helper()
	d.sys.Settle(d.loop)
	if err := d.loop.CheckInvariants(); err != nil {
		d.t.Fatal(err)
	}
}

// pass lets time pass while the loop waits.
func (d *door) pass(long time.Duration) {
	d.t.Helper()
	for end := d.kernel.Now() + int64(long); d.kernel.Now() < end; {
		d.loop.Turn(end)
	}
	d.settle()
}

// come has a peer connect and send the pieces one by one.
func (d *door) come(pieces ...string) *fake.Peer {
	d.t.Helper()
	p := d.kernel.Dial(d.addr)
	d.settle()
	for _, piece := range pieces {
		p.SendString(piece)
		d.settle()
	}
	return p
}

// expect says how many were welcomed, wait, were refused and have left.
func (d *door) expect(guests, wait, refused, left int) {
	d.t.Helper()
	if len(d.guests) != guests || d.room.Len() != wait || d.refused != refused || d.left != left {
		d.t.Fatalf("%d guests, %d wait, %d refused, %d left; want %d, %d, %d, %d",
			len(d.guests), d.room.Len(), d.refused, d.left, guests, wait, refused, left)
	}
}

// closed looks whether a peer has got an orderly end.
func (d *door) closed(p *fake.Peer) {
	d.t.Helper()
	if !p.Ended() || p.Err() != 0 {
		d.t.Fatalf("ended %v, error %v", p.Ended(), p.Err())
	}
}

func TestWhatComesBehindAHeaderIsTheNextHandlers(t *testing.T) {
	binary := string(proxyheader.Append(nil, 2, netip.MustParseAddrPort(named), netip.MustParseAddrPort("198.51.100.1:443")))
	for _, h := range []string{header, binary} {
		stream := h + "REQ 1 a\nREQ 2 b\nREQ"
		d := newDoor(t, "127.0.0.1")
		for cut := range len(stream) + 1 {
			d.guests = nil
			p := d.come(stream[:cut], stream[cut:])
			p.CloseWrite()
			d.settle()
			d.expect(1, 0, 0, 0)
			g := d.guests[0]
			if said := strings.Join(g.said, ", "); g.client.String() != named || g.lines != "REQ 1 a\nREQ 2 b\n" || said != "end REQ, closed" {
				t.Fatalf("cut at %d: client %v, lines %q, %s", cut, g.client, g.lines, said)
			}
		}
	}
}

func TestWithoutANameTheClientIsWhoHasConnected(t *testing.T) {
	for _, version := range []int{1, 2} {
		d := newDoor(t, "127.0.0.1")
		d.come(string(proxyheader.AppendLocal(nil, version)) + "REQ 1\n")
		d.expect(1, 0, 0, 0)
		if g := d.guests[0]; !strings.HasPrefix(g.client.String(), "127.0.0.1:") || g.lines != "REQ 1\n" {
			t.Errorf("version %d: client %v, lines %q", version, g.client, g.lines)
		}
	}
}

func TestFromOthersAHeaderIsALineLikeAnyOther(t *testing.T) {
	for _, list := range []string{"10.0.0.0/8", "unix"} {
		d := newDoor(t, list)
		d.come(header + "REQ 1\n")
		d.expect(1, 0, 0, 0)
		if g := d.guests[0]; g.client.String() == named || g.lines != header+"REQ 1\n" {
			t.Errorf("client %v, lines %q", g.client, g.lines)
		}
	}
}

func TestWithoutAHeaderAConnectionIsClosed(t *testing.T) {
	for _, stream := range []string{"REQ 1 a\n", "PROXY TCP4 1.2.3.4\r\nREQ 1\n", header[:20] + "\nREQ 1\n", "PROXY " + strings.Repeat("x", 200), "\n"} {
		d := newDoor(t, "127.0.0.1")
		p := d.come(stream)
		d.closed(p)
		if got := p.Receive(); len(got) > 0 {
			t.Errorf("%q gets %q", stream, got)
		}
		d.expect(0, 1, 1, 0)
		p.SendString("REQ 2\n") // what it goes on sending does not matter
		d.settle()
		p.Close()
		d.settle()
		d.expect(0, 0, 1, 1)
	}
}

func TestAHeaderHasItsTime(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	silent, slow := d.come(), d.come()
	for _, b := range header[:4] { // single bytes do not give more of it
		slow.SendString(string(b))
		d.pass(headerTimeout / 4 * 9 / 10)
	}
	inTime := d.come(header)
	d.expect(1, 2, 0, 0)
	d.pass(headerTimeout)
	d.closed(silent)
	d.closed(slow)
	d.expect(1, 2, 2, 0)
	if inTime.Ended() {
		t.Error("who had a header is closed")
	}
	d.pass(time.Hour)
	if inTime.Ended() {
		t.Error("who had a header is closed after an hour")
	}
	d.expect(1, 0, 2, 2) // the peers do not end their side: they are waited for, but not for ever
}

func TestNobodyIsLateBecauseTheLoopIs(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	waiting, ready := d.come(), d.come()
	d.pass(headerTimeout - time.Second)
	ready.SendString(header) // is not looked at before the time is over
	d.kernel.Advance(10 * time.Second)
	d.settle()
	d.expect(1, 1, 0, 0)
	d.pass(headerTimeout - time.Second)
	d.expect(1, 1, 0, 0)
	d.pass(2 * time.Second)
	d.closed(waiting)
	d.expect(1, 1, 1, 0)
}

// TestWhoWasInTimeIsServedHoweverBusyTheLoopIs has turns that serve one connection
// each: when the time of both is over, the loop has heard of both and read one.
func TestWhoWasInTimeIsServedHoweverBusyTheLoopIs(t *testing.T) {
	d := newDoor(t, "127.0.0.1", func(l *poller.Loop) { l.Narrow(8, 1) })
	peers := []*fake.Peer{d.come(), d.come(), d.come()}
	d.pass(headerTimeout - 10*time.Millisecond)
	for _, p := range peers {
		p.SendString(header)
	}
	d.kernel.Advance(20 * time.Millisecond)
	d.settle()
	d.expect(3, 0, 0, 0)
}

func TestWhoLeavesWithoutAWordIsNotRefused(t *testing.T) {
	for _, c := range []struct {
		sends   string
		reset   bool
		refused int
	}{{"", false, 0}, {"", true, 0}, {header[:10], false, 1}, {header[:10], true, 1}} {
		d := newDoor(t, "127.0.0.1")
		p := d.come(c.sends)
		if c.reset {
			p.Reset()
		} else {
			p.Close()
		}
		d.settle()
		d.expect(0, 0, c.refused, 1)
	}
}

func TestWhoIsNotWelcomeKeepsItsPlaceUntilItIsClosed(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	d.full = true
	p := d.come(header + "REQ 1\n")
	d.closed(p)
	d.expect(0, 1, 0, 0)
	p.Close()
	d.settle()
	d.expect(0, 0, 0, 1)
}

func TestADrainLooksForTheHeaderOnceMore(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	silent, half := d.come(), d.come(header[:10])
	ready := d.kernel.Dial(d.addr)
	d.settle()
	ready.SendString(header + "REQ 1\n") // in the kernel when the drain begins
	d.room.Drain()
	d.settle()
	d.closed(silent)
	d.closed(half)
	d.expect(1, 2, 0, 0)
	if g := d.guests[0]; g.lines != "REQ 1\n" || strings.Join(g.said, "") != "end " {
		t.Errorf("lines %q, %q", g.lines, g.said)
	}
	late := d.come()
	d.closed(late)
	d.expect(1, 3, 0, 0)
}

func TestRefusalsAreLoggedOnceASecond(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	for range 5 {
		d.come("REQ 1 secret\n")
	}
	d.pass(complaintInterval)
	d.come("PROXY TCP4 \x1b[2J 1.2.3.4 1 2\r\n")
	logs := d.logs.All()
	if len(logs) != 2 {
		t.Fatalf("%d lines", len(logs))
	}
	first, second := logs[0].ContextMap(), logs[1].ContextMap()
	if first["why"] != "no PROXY header" || first["refused"] != int64(1) || !strings.HasPrefix(first["peer"].(string), "127.0.0.1:") {
		t.Errorf("%v", first)
	}
	if why := second["why"].(string); !strings.HasPrefix(why, "PROXY header malformed: ") || strings.Contains(why, "\x1b") || second["refused"] != int64(5) {
		t.Errorf("%v", second)
	}
}

// TestManyComeAndGo keeps the room's list in order whoever leaves first.
func TestManyComeAndGo(t *testing.T) {
	d := newDoor(t, "127.0.0.1")
	var peers []*fake.Peer
	for range 20 {
		peers = append(peers, d.come())
	}
	for i, p := range peers {
		switch i % 3 {
		case 0:
			p.SendString(header)
		case 1:
			p.Close()
		}
		d.settle()
		for at, n := range d.room.inside {
			if n.place != at {
				t.Fatalf("stands at %d and believes to stand at %d", at, n.place)
			}
		}
	}
	d.expect(7, 6, 0, 7)
}
