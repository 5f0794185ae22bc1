package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/poller/fake"
	"fooproxy/stats"
)

func TestDrainAnswersWhatHasArrivedAndEnds(t *testing.T) {
	for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
		t.Run(fmt.Sprint("delay ", delay), func(t *testing.T) {
			s := step(t, func(c *Config) { c.Delay = delay })
			idle, busy, cut := s.call(), s.call(), s.call()
			cut.say("REQ 1 a\nREQ 2 b")
			busy.SendString("REQ 1 a\nREQ 2 b\n") // still in the kernel when the drain begins
			queued := &caller{s.kernel.Dial(s.addr), s}
			queued.SendString("REQ 1 late\n")
			s.Drain()
			s.Drain()
			s.settle()
			s.after(delay)
			idle.hearEnd("")
			busy.hearEnd("ACK 1 a\nACK 2 b\n")
			cut.hearEnd("ACK 1 a\n")
			queued.hearEnd("ACK 1 late\n")
			if late := s.kernel.Dial(s.addr); late.Err() != syscall.ECONNREFUSED {
				t.Errorf("a new client gets %v", late.Err())
			}
			s.expectCount(stats.LinesInvalid, 0) // the fragment was cut off by us
			for _, c := range []*caller{idle, busy, cut, queued} {
				c.Close()
			}
			s.settle()
			s.expectNobody()
		})
	}
}

func TestRunEndsWithTheDrain(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	p.send("REQ 1 a\n")
	p.expect("ACK 1 a\n")
	r.Drain()
	p.expectEnd("")
	select {
	case <-r.ended:
		t.Error("the server has ended before its client")
	default:
	}
	p.Close()
	r.waitEnd()
}

func TestTheDrainEndsInTimeWhateverClientsDo(t *testing.T) {
	r := start(t, func(c *Config) { c.Drain = 20 * time.Millisecond })
	p := dial(t, r.addr)
	p.send("REQ 1 a\n")
	p.expect("ACK 1 a\n")
	r.Drain()
	r.waitEnd()
}

func TestADrainBeforeRunEndsIt(t *testing.T) {
	s, _, _ := newServer(t, testKernel(t), nil)
	s.Drain()
	if err := s.Run(); err != nil {
		t.Error(err)
	}
}

func TestRunNeedsAListener(t *testing.T) {
	config := DefaultConfig()
	config.Sys = fake.New().NewSys()
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if s.Run() == nil {
		t.Error("there is no error")
	}
}

func TestClientsAboveTheLimitWait(t *testing.T) {
	s := step(t, func(c *Config) { c.MaxConns = 2 })
	callers := make([]*caller, 5)
	for i := range callers {
		callers[i] = s.call()
		callers[i].say(fmt.Sprintf("REQ 1 %d\n", i))
	}
	for i, c := range callers {
		s.expectCount(stats.Accepts, int64(min(i+2, len(callers))))
		c.hear(fmt.Sprintf("ACK 1 %d\n", i))
		c.Close()
		s.settle()
	}
}

func TestClientsForWhomThereIsNoDescriptorWait(t *testing.T) {
	s := step(t, nil)
	first := s.call()
	s.kernel.Limit = 0 // of the whole process
	second := s.call()
	second.say("REQ 1 a\n")
	s.after(10 * time.Second)
	s.expectCount(stats.Accepts, 1)
	if n := s.logs.FilterMessage("cannot accept; trying again").Len(); n < 2 || n > 11 {
		t.Errorf("the log tells it %d times in 10 s", n)
	}
	s.kernel.Limit = 100
	first.Close()
	s.settle()
	second.hear("ACK 1 a\n")
}

func TestADrainAtTheLimitServesWhoWaits(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxConns = 1 })
	first, second, third := dial(t, r.addr), dial(t, r.addr), dial(t, r.addr)
	first.send("REQ 1 a\n")
	first.expect("ACK 1 a\n")
	second.send("REQ 1 b\n")
	third.send("REQ 1 c\n")
	r.Drain()
	first.expectEnd("")
	if got := r.numbers()["connections"]; got != 1 {
		t.Errorf("%v clients are connected", got)
	}
	first.Close()
	second.expectEnd("ACK 1 b\n")
	second.Close()
	third.expectEnd("ACK 1 c\n")
	third.Close()
	r.waitEnd()
}

func TestTheLimitIsDerivedFromDescriptors(t *testing.T) {
	for _, x := range []struct{ asked, descriptors, wanted int }{
		{0, 1024, 992}, {100, 1024, 100}, {5000, 1024, 992}, {0, 20, 1},
	} {
		config := Config{MaxConns: x.asked}
		if got := config.maxConns(x.descriptors); got != x.wanted {
			t.Errorf("%d asked for with %d descriptors gives %d, not %d", x.asked, x.descriptors, got, x.wanted)
		}
	}
}

// Half of the clients end with RST, and each uses its own address so that no
// port is used up.
func TestTenThousandConnectsLeaveNothing(t *testing.T) {
	r := start(t, nil)
	dial(t, r.addr).Close() // what the first connect opens in this process stays
	r.waitForCloses(1)
	before := openDescriptors(t)
	const connects, dialers = 10_000, 8
	var work sync.WaitGroup
	for d := range dialers {
		work.Go(func() {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(d+1))}}
			for i := range connects / dialers {
				if err := connectOnce(&dialer, r.addr.String(), i%2 == 0); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	work.Wait()
	r.waitForCloses(1 + connects)
	if after := openDescriptors(t); after != before {
		t.Errorf("%d descriptors were open, and %d are now", before, after)
	}
	if numbers := r.numbers(); numbers["outstanding"] != 0 || numbers["connections"] != 0 {
		t.Errorf("the numbers are %v", numbers)
	}
}

func connectOnce(dialer *net.Dialer, addr string, reset bool) error {
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return err
	}
	_, err = io.WriteString(conn, "REQ 1 a\nREQ 2")
	if reset {
		err = errors.Join(err, conn.(*net.TCPConn).SetLinger(0))
	}
	return errors.Join(err, conn.Close())
}

func TestASnapshotOfAnEndedServerIsAnError(t *testing.T) {
	s, _, _ := newServer(t, testKernel(t), nil)
	s.Drain()
	if err := s.Run(); err != nil {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Snapshot(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressInUseIsAnErrorThatNamesIt(t *testing.T) {
	s, addr, _ := newServer(t, testKernel(t), nil)
	defer s.shut()
	_, err := s.Listen(addr)
	if err == nil || !strings.Contains(err.Error(), addr.String()) || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v", err)
	}
}

func TestBadConfigurationsAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no kernel":          func(c *Config) { c.Sys = nil },
		"no log":             func(c *Config) { c.Log = nil },
		"no registry":        func(c *Config) { c.Registry = nil },
		"negative limit":     func(c *Config) { c.MaxConns = -1 },
		"share above 1":      func(c *Config) { c.NakRate = 1.1 },
		"share is no number": func(c *Config) { c.NakRate = math.NaN() },
		"no random source":   func(c *Config) { c.NakRate = 0.5 },
		"negative delay":     func(c *Config) { c.Delay = -1 },
		"negative drain":     func(c *Config) { c.Drain = -1 },
		"no line fits":       func(c *Config) { c.Conn.MaxLine = 0 },
		"no output":          func(c *Config) { c.Conn.HighMark = 0 },
		"marks crossed":      func(c *Config) { c.Conn.LowMark = c.Conn.HighMark + 1 },
	} {
		config := DefaultConfig()
		config.Sys = fake.New().NewSys()
		change(&config)
		if _, err := New(config); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

func TestTheLogTellsWhoCameAndWhatWasSaid(t *testing.T) {
	core, logs := observer.New(zapcore.DebugLevel)
	s := step(t, func(c *Config) { c.Log = zap.New(core) })
	c := s.call()
	address := c.Addr().String()
	c.say("REQ 1 \x1b[2J\nREQ 2 b\n")
	c.CloseWrite()
	s.settle()
	c.hearEnd("ACK 1 \x1b[2J\nACK 2 b\n")
	wanted := []struct {
		level   zapcore.Level
		message string
		fields  map[string]any
	}{
		{zapcore.InfoLevel, "connection from", map[string]any{"address": address}},
		{zapcore.DebugLevel, "reply", map[string]any{"address": address, "line": `"ACK 1 \x1b[2J"`}},
		{zapcore.DebugLevel, "reply", map[string]any{"address": address, "line": `"ACK 2 b"`}},
		{zapcore.DebugLevel, "connection closed", map[string]any{"address": address, "why": "closed"}},
	}
	entries := logs.All()
	if len(entries) != len(wanted) {
		t.Fatalf("there are %d lines: %v", len(entries), entries)
	}
	for i, w := range wanted {
		if e := entries[i]; e.Level != w.level || e.Message != w.message || fmt.Sprint(e.ContextMap()) != fmt.Sprint(w.fields) {
			t.Errorf("line %d is %v %q %v", i, e.Level, e.Message, e.ContextMap())
		}
	}
}

func TestTheLogTellsWhatThereWas(t *testing.T) {
	s, addr, logs := newServer(t, testKernel(t), nil)
	ended := make(chan error)
	go func() { ended <- s.Run() }()
	p := dial(t, addr)
	p.send("REQ 1 a\nfoo\nREQ 2 quit\n")
	p.expectEnd("ACK 1 a\nNAK 0 unknown type\nACK 2\n")
	p.Close()
	s.Drain()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	last := logs.All()[logs.Len()-1]
	wanted := map[string]any{"requests": int64(2), "acks": int64(2), "naks": int64(1), "connections": int64(1), "connections_cut": int64(0)}
	if last.Message != "ended" || fmt.Sprint(last.ContextMap()) != fmt.Sprint(wanted) {
		t.Errorf("the last line is %q %v", last.Message, last.ContextMap())
	}
}
