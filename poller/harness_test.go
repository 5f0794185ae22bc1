// harness_test.go owns the stage of the tests on the simulated kernel: a loop
// whose invariants are checked after every turn, a listener, and handlers that
// write down what happens to them.

package poller_test

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// roleVariable makes the test binary a process of its own kind, for what only a
// real process can show.
const roleVariable = "POLLER_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); role {
	case "":
		os.Exit(m.Run())
	case "collector":
		os.Exit(playCollector())
	case "descriptors":
		os.Exit(playDescriptors())
	default:
		fmt.Fprintln(os.Stderr, "unknown role", role)
		os.Exit(99)
	}
}

var anyLoopback = poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0"))

// actor is a handler that takes every line and keeps a journal, unless a test
// gives it something else to do.
type actor struct {
	conn    *poller.Conn
	journal []string
	lines   []string // as they came, LF included
	why     poller.Cause

	readRoom func(c *poller.Conn) int
	onLines  func(c *poller.Conn, run []byte, maxLines int) (taken, lines int)
	onOpen   func(c *poller.Conn)
	onEnd    func(c *poller.Conn, fragment []byte)
	onRoom   func(c *poller.Conn)
	onLong   func(c *poller.Conn, head []byte)
	onClose  func(c *poller.Conn)
}

func (a *actor) note(format string, args ...any) {
	a.journal = append(a.journal, fmt.Sprintf(format, args...))
}

// said is the journal in one line.
func (a *actor) said() string { return strings.Join(a.journal, ", ") }

// text is all lines in one string.
func (a *actor) text() string { return strings.Join(a.lines, "") }

func (a *actor) closed() bool {
	return len(a.journal) > 0 && strings.HasPrefix(a.journal[len(a.journal)-1], "closed")
}

// take is the ordinary OnLines: it counts and keeps all it may.
func (a *actor) take(run []byte, most int) (taken, lines int) {
	for line := range strings.Lines(string(run)) {
		if lines == most {
			break
		}
		a.lines = append(a.lines, line)
		taken += len(line)
		lines++
	}
	return taken, lines
}

func (a *actor) OnOpen(c *poller.Conn) {
	a.note("open")
	if a.onOpen != nil {
		a.onOpen(c)
	}
}

func (a *actor) ReadRoom(c *poller.Conn) int {
	if a.readRoom != nil {
		return a.readRoom(c)
	}
	return 1 << 20
}

func (a *actor) OnLines(c *poller.Conn, run []byte, maxLines int) (taken, lines int) {
	if a.onLines != nil {
		taken, lines = a.onLines(c, run, maxLines)
	} else {
		taken, lines = a.take(run, maxLines)
	}
	a.note("%d lines", lines)
	return taken, lines
}

func (a *actor) OnLongLine(c *poller.Conn, head []byte) {
	a.note("long line")
	if a.onLong != nil {
		a.onLong(c, head)
	}
}

func (a *actor) OnEnd(c *poller.Conn, fragment []byte) {
	a.note("end %q", fragment)
	if a.onEnd != nil {
		a.onEnd(c, fragment)
	}
}

func (a *actor) OnRoom(c *poller.Conn) {
	a.note("room")
	if a.onRoom != nil {
		a.onRoom(c)
	}
}

func (a *actor) OnClose(c *poller.Conn, why poller.Cause) {
	a.why = why
	a.note("closed: %s", why)
	if a.onClose != nil {
		a.onClose(c)
	}
}

// host is an acceptor that gives every client an actor.
type host struct {
	config   *poller.ConnConfig
	prepare  func(a *actor, c *poller.Conn)
	accepted []*actor
	refuse   bool
	errors   []poller.Errno
	onAccept func(l *poller.Listener)
}

func (h *host) OnAccept(l *poller.Listener, _ poller.Peer) (poller.Handler, *poller.ConnConfig) {
	if h.onAccept != nil {
		h.onAccept(l)
	}
	if h.refuse {
		return nil, nil
	}
	return &actor{}, h.config
}

func (h *host) OnAccepted(c *poller.Conn, handler poller.Handler) {
	a := handler.(*actor)
	a.conn = c
	h.accepted = append(h.accepted, a)
	if h.prepare != nil {
		h.prepare(a, c)
	}
}

func (h *host) OnAcceptError(_ *poller.Listener, e poller.Errno) { h.errors = append(h.errors, e) }

// rig is a loop on a simulated kernel.
type rig struct {
	host
	t        *testing.T
	kernel   *fake.Kernel
	sys      *fake.Sys
	loop     *poller.Loop
	listener *poller.Listener
	options  poller.SocketOptions
}

// newRig opens a loop with a listener. All its descriptors and buffers must have
// come back when the test is over.
func newRig(t *testing.T, change ...func(*rig)) *rig {
	r := &rig{t: t, kernel: fake.New(), options: poller.DefaultSocketOptions()}
	config := poller.DefaultConnConfig()
	r.config = &config
	for _, f := range change {
		f(r)
	}
	r.sys = r.kernel.NewSys()
	loop, err := poller.NewLoop(r.sys)
	r.must(err)
	r.loop = loop
	loop.OnTurn(func(int64) { r.check() })
	r.listener, err = loop.Listen(anyLoopback, &r.options, &r.host)
	r.must(err)
	t.Cleanup(func() {
		if t.Failed() {
			return
		}
		loop.Shut()
		if r.kernel.Open() != 0 || loop.Held() != 0 || loop.Conns() != 0 || loop.Owners() != 0 {
			t.Errorf("left behind: %d descriptors, %d bytes, %d connections, %d owners", r.kernel.Open(), loop.Held(), loop.Conns(), loop.Owners())
		}
	})
	return r
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) check() {
	r.t.Helper()
	r.must(r.loop.CheckInvariants())
}

// turn makes one turn, which waits for nothing.
func (r *rig) turn() {
	r.t.Helper()
	r.loop.Turn(r.sys.Now())
}

// settle makes turns until there is nothing to do.
func (r *rig) settle() (turns int) {
	r.t.Helper()
	return r.sys.Settle(r.loop)
}

// pass lets time pass, and the loop do what is due.
func (r *rig) pass(d time.Duration) {
	r.t.Helper()
	end := r.sys.Now() + int64(d)
	for turns := 0; r.sys.Now() < end; turns++ {
		if turns == 100_000 {
			r.t.Fatal("turns without end, and no time passes")
		}
		r.loop.Turn(end)
	}
	r.settle()
}

// client connects a client and has it accepted.
func (r *rig) client() (*fake.Peer, *actor) {
	r.t.Helper()
	before := len(r.accepted)
	p := r.kernel.Dial(r.listener.Addr())
	r.settle()
	if len(r.accepted) != before+1 {
		r.t.Fatal("the client was not accepted")
	}
	return p, r.accepted[before]
}

// dial has the loop dial a server that accepts.
func (r *rig) dial(s *fake.Server) (*fake.Peer, *actor) {
	r.t.Helper()
	a := &actor{}
	c, e := r.loop.Dial(s.Addr(), &r.options, a, r.config)
	if e != 0 {
		r.t.Fatal(e)
	}
	a.conn = c
	r.settle()
	return s.Accept(), a
}

// wantLines compares the lines that came with text.
func (r *rig) wantLines(a *actor, text string) {
	r.t.Helper()
	if a.text() != text {
		r.t.Fatalf("lines: %.200q, want %.200q", a.text(), text)
	}
}

// wantSaid compares the end of a journal with the given entries.
func (r *rig) wantSaid(a *actor, want ...string) {
	r.t.Helper()
	if len(a.journal) < len(want) || !slices.Equal(a.journal[len(a.journal)-len(want):], want) {
		r.t.Fatalf("journal: %s\nwant at its end: %s", a.said(), strings.Join(want, ", "))
	}
}

func (r *rig) wantReceived(p *fake.Peer, want string) {
	r.t.Helper()
	if got := string(p.Receive()); got != want {
		r.t.Fatalf("the peer received %.200q, want %.200q", got, want)
	}
}

// numbered is n lines of one size, LF included, each with its number.
func numbered(n, size int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%0*d\n", size-1, i)
	}
	return b.String()
}
