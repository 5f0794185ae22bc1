// stage_test.go owns the stage of the tests: a run on the simulated kernel, whose
// turns and clock are the test's, and the server at its other end.

package load

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// stage is a run and its server. Neither does anything by itself.
type stage struct {
	*Run
	t      testing.TB
	kernel *fake.Kernel
	sys    *fake.Sys
	server *fake.Server // the first
	others []*fake.Server
	peers  []*peer
	done   *Result
}

// peer is the server's end of one connection.
type peer struct {
	*fake.Peer
	server  int    // which one it is a connection of
	partial string // of a line that has come
	waiting string // replies that the kernel has not taken
	number  int    // lines so far
	closes  bool   // behind what waits
}

func newStage(t testing.TB, change func(*Config)) *stage {
	t.Helper()
	return newStageOf(t, 1, change)
}

// newStageOf has several servers.
func newStageOf(t testing.TB, servers int, change func(*Config)) *stage {
	t.Helper()
	kernel := fake.New()
	sys := kernel.NewSys()
	server := kernel.Listen(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0")))
	config := Config{
		Sys: sys, Servers: [][]poller.Addr{{server.Addr()}},
		Requests: 10, Connections: 1, Depth: 1, Size: 32, Wait: 10 * time.Second,
	}
	var others []*fake.Server
	for range servers - 1 {
		other := kernel.Listen(poller.TCPAddr(netip.MustParseAddrPort("127.0.0.1:0")))
		others = append(others, other)
		config.Servers = append(config.Servers, []poller.Addr{other.Addr()})
	}
	if change != nil {
		change(&config)
	}
	r, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{Run: r, t: t, kernel: kernel, sys: sys, server: server, others: others}
	t.Cleanup(func() {
		s.loop.Shut()
		if held := s.loop.Held(); held != 0 {
			t.Errorf("%d bytes are left in buffers", held)
		}
		if open := kernel.Open(); open != 0 {
			t.Errorf("%d descriptors are left", open)
		}
	})
	return s
}

// settle lets the run do all it can without time passing.
func (s *stage) settle() {
	s.t.Helper()
	if s.loop.Stopped() {
		return
	}
	s.sys.Settle(s.loop)
	if err := s.loop.CheckInvariants(); err != nil {
		s.t.Fatal(err)
	}
}

// connect opens all connections: the run has begun then.
func (s *stage) connect() *stage {
	s.t.Helper()
	s.dialMore()
	s.accept()
	if s.phase != phaseWorking {
		s.t.Fatalf("the run has not begun: %v", s.failed)
	}
	return s
}

// accept takes who has connected until nobody comes any more.
func (s *stage) accept() {
	s.t.Helper()
	for {
		s.settle()
		any := false
		for i, server := range append([]*fake.Server{s.server}, s.others...) {
			for server.Waiting() > 0 {
				any = true
				s.peers = append(s.peers, &peer{Peer: server.Accept(), server: i})
			}
		}
		if !any {
			return
		}
	}
}

// after lets time pass while the run waits, and it does all it can then.
func (s *stage) after(d time.Duration) {
	s.t.Helper()
	for end := s.kernel.Now() + int64(d); s.kernel.Now() < end && !s.loop.Stopped(); {
		s.loop.Turn(end)
	}
	s.settle()
}

// lines are those that the run has sent on a connection since the last call.
func (p *peer) lines() (lines []string) {
	text := p.partial + string(p.Receive())
	whole := strings.LastIndexByte(text, '\n') + 1
	p.partial = text[whole:]
	for line := range strings.Lines(text[:whole]) {
		p.number++
		lines = append(lines, line[:len(line)-1])
	}
	return lines
}

func ackLine(line string) string { return strings.Replace(line, "REQ", "ACK", 1) + "\n" }

// answer is what a server makes of a line, given with its number on its
// connection. With false it closes behind that.
type answer func(number int, line string) (reply string, goOn bool)

func ackAll(_ int, line string) (string, bool) { return ackLine(line), true }

// serve answers whatever has come. It reports whether there was anything.
func (s *stage) serve(how answer) (any bool) {
	for _, p := range s.peers {
		number := p.number
		for _, line := range p.lines() {
			number++
			any = true
			reply, goOn := how(number, line)
			p.waiting += reply
			p.closes = p.closes || !goOn
		}
		any = any || p.waiting != ""
		p.waiting = p.waiting[p.SendString(p.waiting):]
		if p.waiting == "" && (p.closes || p.Ended()) {
			p.CloseWrite()
		}
	}
	return any
}

// finish serves the run to its end, with so much time between a request and its
// reply.
func (s *stage) finish(delay time.Duration, how answer) *Result {
	s.t.Helper()
	for rounds := 0; !s.loop.Stopped(); rounds++ {
		if rounds == 1_000_000 {
			s.t.Fatal("the run does not end")
		}
		s.after(delay)
		if !s.serve(how) && !s.loop.Stopped() {
			s.settle()
			s.kernel.Advance(time.Millisecond)
		}
		s.settle()
	}
	return s.wanted()
}

// wanted is the result of a run that has ended.
func (s *stage) wanted() *Result {
	s.t.Helper()
	if !s.loop.Stopped() || s.failed != nil {
		s.t.Fatalf("the run has not ended (%v)", s.failed)
	}
	if s.done == nil {
		s.done = s.result()
	}
	return s.done
}

// numbers is the JSON object read back.
func numbers(t testing.TB, r *Result) map[string]float64 {
	t.Helper()
	found := make(map[string]float64)
	if err := json.Unmarshal(r.JSON(), &found); err != nil {
		t.Fatalf("%v: %s", err, r.JSON())
	}
	if !bytes.HasSuffix(r.JSON(), []byte("}\n")) || bytes.Count(r.JSON(), []byte("\n")) != 1 {
		t.Fatalf("not one line: %q", r.JSON())
	}
	return found
}

// want compares figures of the JSON object.
func (s *stage) want(r *Result, figures map[string]float64) {
	s.t.Helper()
	found := numbers(s.t, r)
	for name, value := range figures {
		if got, ok := found[name]; !ok || got != value {
			s.t.Errorf("%s is %v, want %v; %v", name, got, value, found)
		}
	}
}

// wantVerdict compares what is wrong with the run; "" is nothing.
func (s *stage) wantVerdict(r *Result, want string) {
	s.t.Helper()
	got := ""
	if err := r.Verdict(false); err != nil {
		got = err.Error()
	}
	if got != want {
		s.t.Errorf("the verdict is %q, want %q", got, want)
	}
}
