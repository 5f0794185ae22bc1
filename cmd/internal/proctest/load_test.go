package proctest

// This file owns the tests of the load: that it measures, and that it sees every
// fault it is there to see. A load that sees none would prove nothing.

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) { Main(m, OrEcho(func() { panic("only the echo is played") })) }

func TestALoadWithoutAFaultIsFaultless(t *testing.T) {
	l := StartLoad(t, StandardLoad(StartEcho(t)))
	time.Sleep(50 * time.Millisecond) // what is measured takes time
	first := l.Mark()
	time.Sleep(50 * time.Millisecond)
	last := l.Stop()
	t.Log(first)
	t.Log(last)
	for _, r := range []LoadResult{first, last} {
		if !r.Faultless() || r.Requests < standardConns || r.Naks != 0 {
			t.Errorf("%+v", r)
		}
		if r.P50 <= 0 || r.P99 < r.P50 || r.P999 < r.P99 || r.Max < r.P999 || r.LongestGap <= 0 || r.Rate <= 0 {
			t.Errorf("%+v", r)
		}
	}
	if last.Total != first.Requests+last.Requests || first.Elapsed < 50*time.Millisecond {
		t.Errorf("%+v, then %+v", first, last)
	}
}

// TestALoadSeesAFault has the servers do one thing wrong at the twentieth line of
// each connection.
func TestALoadSeesAFault(t *testing.T) {
	const conns = 3
	for name, c := range map[string]struct {
		fault func(reply string) string
		seen  func(LoadResult) bool
	}{
		"a NAK":               {func(s string) string { return "NAK" + s[3:] }, func(r LoadResult) bool { return r.Naks == conns && r.Faultless() }},
		"a NAK of another":    {func(string) string { return "NAK 7 no\n" }, func(r LoadResult) bool { return r.Wrong == conns }},
		"a byte changed":      {func(s string) string { return strings.Replace(s, ".", ",", 1) }, func(r LoadResult) bool { return r.Wrong == conns }},
		"a reply lost":        {func(string) string { return "" }, func(r LoadResult) bool { return r.Wrong > conns && r.Missing >= conns }},
		"a reply twice":       {func(s string) string { return s + s }, func(r LoadResult) bool { return r.Wrong > conns }},
		"an unfinished line":  {func(s string) string { return s[:9] + "\x00" }, func(r LoadResult) bool { return r.Missing == 4*conns && r.Lost == conns }},
		"an endless line":     {func(s string) string { return strings.Repeat("x", 64<<10) }, func(r LoadResult) bool { return r.Wrong == conns && r.Lost == conns }},
		"another's reply":     {func(s string) string { return strings.Replace(s, "a.1.", "a.2.", 1) }, func(r LoadResult) bool { return r.Wrong == 1 }},
		"the connection ends": {func(string) string { return "\x00" }, func(r LoadResult) bool { return r.Missing == 4*conns && r.Lost == conns }},
	} {
		t.Run(name, func(t *testing.T) {
			addr := startFaulty(t, c.fault)
			l := StartLoad(t, LoadConfig{Addr: addr, Conns: conns, Depth: 4, Bytes: 40, Name: "a", Patience: 100 * time.Millisecond})
			untilReplies(t, l, 30)
			if r := l.Stop(); !c.seen(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

// untilReplies waits until each connection has had so many replies, or has ended.
func untilReplies(t *testing.T, l *Load, n int) {
	t.Helper()
	for deadline := time.Now().Add(Patience); ; time.Sleep(time.Millisecond) {
		waiting := 0
		for _, a := range l.lanes {
			a.lock.Lock()
			if a.window.replies < n && !a.done {
				waiting++
			}
			a.lock.Unlock()
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections wait for their reply number %d", waiting, n)
		}
	}
}

// startFaulty answers, but for the twentieth line of each connection. A reply
// that ends in NUL is cut there, and the connection behind it.
func startFaulty(t *testing.T, fault func(string) string) string {
	return startRaw(t, func(c net.Conn) {
		lines := bufio.NewReader(c)
		for n := 1; ; n++ {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			reply := "ACK" + line[3:]
			if n == 20 {
				reply = fault(reply)
			}
			cut, end := strings.CutSuffix(reply, "\x00")
			if _, err := io.WriteString(c, cut); err != nil || end {
				return
			}
		}
	})
}

// startRaw serves each connection with handle and then closes it.
func startRaw(t *testing.T, handle func(net.Conn)) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
	return listener.Addr().String()
}

func TestAStallIsALongGapAndALongLatency(t *testing.T) {
	const stall = 200 * time.Millisecond
	addr := startFaulty(t, func(s string) string { time.Sleep(stall); return s })
	l := StartLoad(t, LoadConfig{Addr: addr, Conns: 1, Depth: 2, Bytes: 40})
	untilReplies(t, l, 30)
	r := l.Stop()
	if !r.Faultless() || r.LongestGap < stall || r.LongestGap > 10*stall || r.Max < stall || r.P50 > stall/2 {
		t.Errorf("%+v", r)
	}
}

func TestPartsOfALoadHaveFiguresOfTheirOwn(t *testing.T) {
	const stall = 50 * time.Millisecond
	addr := startRaw(t, func(c net.Conn) {
		lines := bufio.NewReader(c)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			if strings.Contains(line, "load.2.") {
				time.Sleep(stall)
			}
			if _, err := io.WriteString(c, "ACK"+line[3:]); err != nil {
				return
			}
		}
	})
	l := StartLoad(t, LoadConfig{Addr: addr, Conns: 4, Depth: 1, Bytes: 40})
	untilReplies(t, l, 5)
	parts := l.MarkParts(2, func(conn int) int {
		if conn == 2 {
			return 1
		}
		return 0
	})
	fast, slow := parts[0], parts[1]
	if slow.P50 < stall || fast.P50 > stall/2 || slow.Requests < 5 || fast.Requests < 15 || len(slow.Gaps) != 1 || len(fast.Gaps) != 3 || slow.LongestGap < stall || slow.Gaps[0] != slow.LongestGap {
		t.Errorf("%+v", parts)
	}
	if total := fast.Requests + slow.Requests; fast.Total != total || slow.Total != total {
		t.Errorf("%d replies in all: %+v", total, parts)
	}
	if r := l.Stop(); !r.Faultless() {
		t.Error(r)
	}
}

func TestAGapThatLastsCounts(t *testing.T) {
	server := Launch(t, EchoCommand("127.0.0.1:0"))
	l := StartLoad(t, LoadConfig{Addr: server.Addr, Conns: 1, Depth: 2, Bytes: 40})
	server.Send(syscall.SIGSTOP)
	time.Sleep(100 * time.Millisecond) // the gap
	if r := l.Mark(); r.LongestGap < 90*time.Millisecond {
		t.Errorf("%+v", r)
	}
	server.Send(syscall.SIGCONT)
	if r := l.Stop(); !r.Faultless() {
		t.Errorf("%+v", r)
	}
}

func TestAKilledServerIsSeen(t *testing.T) {
	server := Launch(t, EchoCommand("127.0.0.1:0"))
	l := StartLoad(t, LoadConfig{Addr: server.Addr, Conns: 5, Depth: 4, Bytes: 64})
	server.Send(syscall.SIGKILL)
	server.ExpectExit(-1)
	for deadline := time.Now().Add(Patience); l.Ended() < 5 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if r := l.Stop(); r.Lost != 5 {
		t.Errorf("%+v", r)
	}
}

func TestLatenciesAreExactToThreePercent(t *testing.T) {
	for d := time.Microsecond; d < 2*time.Hour; d += d/7 + 1 {
		l := &latencies{}
		l.add(d)
		l.longest = 1<<63 - 1
		if got := l.at(1); got < d || got > d+d/32+256 {
			t.Fatalf("%v is told as %v", d, got)
		}
	}
	l := &latencies{}
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		want *= time.Millisecond
		if got := l.at(share); got < want || got > want+want/32 {
			t.Errorf("%v: %v", share, got)
		}
	}
}

func TestTheEchoAnswersAsTheFieldsServersDo(t *testing.T) {
	for line, want := range map[string]string{
		"REQ 1":                        "ACK 1",
		"REQ 1 a  b":                   "ACK 1 a  b",
		"REQ \t 12  a\r":               "ACK 12 a",
		"REQ 9223372036854775807 a":    "ACK 9223372036854775807 a",
		"REQ 9223372036854775808 a":    "NAK 0 bad Seq",
		"REQ 01 a":                     "NAK 0 bad Seq",
		"REQ 0":                        "NAK 0 bad Seq",
		"REQ 1a":                       "NAK 0 bad Seq",
		"REQ":                          "NAK 0 bad Seq",
		"REQ1":                         "NAK 0 unknown type",
		"":                             "NAK 0 unknown type",
		"ACK 1":                        "NAK 0 unknown type",
		"REQ 1 hold\nREQ 2 b":          "ACK 2 b",
		strings.Repeat("x", 1<<20):     "NAK 0 unknown type",
		"REQ 3 a\nbye\r":               "ACK 3 a",
		fmt.Sprintf("REQ %d x", 1<<40): "ACK 1099511627776 x",
	} {
		Ask(t, Dial(t, StartEcho(t)), line+"\n", want+"\n")
	}
}

func TestALoadLeavesNoDescriptor(t *testing.T) {
	addr := StartEcho(t)
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := count()
	StartLoad(t, StandardLoad(addr)).Stop()
	for deadline := time.Now().Add(Patience); count() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors before, %d now", before, count())
		}
	}
}
