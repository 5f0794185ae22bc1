package proxy

import (
	"fmt"
	"testing"
	"time"
)

// TestHealth plays events to a server's health: + and - are checks, a is a good one
// where nothing else is healthy, t a request without a reply, r a reply, x what
// ejects, o a connection. The states are told after each.
func TestHealth(t *testing.T) {
	for _, c := range []struct {
		checks         bool
		events, states string // u: up, d: down
	}{
		{true, "+-+-+-+", "uuuuuuu"},
		{true, "--++", "uddu"},
		{true, "---+-++", "uddddd" + "u"},
		{true, "--a", "udu"},
		{true, "x++", "ddu"},
		{true, "xo+", "ddd"}, // a connection is no proof where there are checks
		{true, "x-++", "dddu"},
		{true, "tt+tt", "uu" + "u" + "dd"}, // a check is no reply
		{true, "ttrtt", "uuuuu"},
		{true, "ttt++", "uuddu"},
		{false, "xo", "du"},
		{false, "ttto", "uudu"},
	} {
		var h health
		got := ""
		for _, event := range c.events {
			switch event {
			case '+', '-', 'a':
				h.checked(event != '-', event == 'a')
			case 't':
				if h.timedOut(1) {
					h.eject(0, 0, c.checks)
				}
			case 'r':
				h.replied()
			case 'x':
				h.eject(0, 0, c.checks)
			case 'o':
				h.connected(c.checks)
			}
			got += map[bool]string{true: "d", false: "u"}[h.down]
		}
		if got != c.states {
			t.Errorf("checks %v, %s: %s, want %s", c.checks, c.events, got, c.states)
		}
	}
}

// TestPausesGrow looks at when a server that refuses is tried again.
func TestPausesGrow(t *testing.T) {
	for _, c := range []struct {
		name   string
		eject  bool
		checks bool
		want   string
	}{
		{"refuses", false, true, "[100ms 200ms 400ms 800ms 1s 1s 1s 1s]"},
		{"is ejected, without checks", true, false, "[1s 2s 4s 8s 16s 30s 30s 30s]"},
	} {
		for _, random := range []uint64{0, 1<<64 - 1} {
			var h health
			var pauses []time.Duration
			now := int64(5)
			for range 8 {
				h.refused(now, random)
				if c.eject {
					h.eject(now, random, c.checks)
				}
				pause := time.Duration(h.retryAt - now)
				if pause < time.Duration(h.pause) || pause > time.Duration(h.pause)*6/5 {
					t.Errorf("%s: a pause of %v becomes %v", c.name, time.Duration(h.pause), pause)
				}
				if h.available(h.retryAt-1, c.checks) || !h.available(h.retryAt, c.checks) {
					t.Errorf("%s: not available exactly from its time on", c.name)
				}
				pauses = append(pauses, time.Duration(h.pause))
				now = h.retryAt
			}
			if got := fmt.Sprint(pauses); got != c.want {
				t.Errorf("%s: pauses of %s, want %s", c.name, got, c.want)
			}
			h.connected(c.checks)
			h.replied()
			if h.pause != 0 || h.down {
				t.Errorf("%s: a reply does not end that", c.name)
			}
		}
	}
}

// answerCheck takes the next check off a server, and answers it.
func (c *cluster) answerCheck(number int, reply string) bool {
	c.t.Helper()
	p := c.servers[number].Accept()
	if p == nil {
		return false
	}
	c.hears(p, checkRequest)
	if reply != "" {
		c.says(p, reply)
		if !p.Ended() {
			c.t.Error("the check's connection is still there")
		}
	}
	return true
}

func checkFoo(c *Config) { c.Check = CheckFoo }

func TestChecksEjectAndBringBack(t *testing.T) {
	for reply, good := range map[string]bool{"ACK 1\n": true, "NAK 1 busy\n": true, "ACK 2\n": false, "NAK 0 what\n": false, "REQ 1\n": false, "": false} {
		c := newCluster(t, 2, checkFoo)
		begin := c.kernel.Now()
		seen := [2]int{}
		for c.kernel.Now()-begin < int64(2*time.Second) {
			c.pass(time.Millisecond)
			if c.answerCheck(0, reply) {
				seen[0]++
			}
			if c.answerCheck(1, "ACK 1\n") {
				seen[1]++
			}
		}
		if seen[0] < 3 || seen[0] > 5 || seen[1] < 3 || seen[1] > 5 {
			t.Errorf("%q: %v checks in 2 s", reply, seen)
		}
		logs := c.logs.FilterMessage("server ejected").All()
		why := "fails its checks: wrong reply"
		if reply == "" {
			why = "fails its checks: no reply in time"
		}
		if !good && (len(logs) != 1 || logs[0].ContextMap()["why"] != why) {
			t.Errorf("%q: logged %v", reply, logs)
		}
		if want := map[bool]string{true: "up", false: "ejected"}[good]; c.state(0) != want || c.state(1) != "up" {
			t.Errorf("a server that says %q is %s, the other one %s", reply, c.state(0), c.state(1))
		}
		n := c.numbers()
		if n["msg_req"] != 0 || n["connections"] != 0 || n["strays"] != 0 {
			t.Errorf("checks are in the statistics: %v", n)
		}
	}
}

// TestTheOnlyHopeNeedsOneGoodCheck has both servers refuse, then one of them come back.
func TestTheOnlyHopeNeedsOneGoodCheck(t *testing.T) {
	c := newCluster(t, 2, checkFoo)
	addr := c.servers[0].Addr()
	c.servers[0].Close()
	c.servers[1].Close()
	c.pass(2 * time.Second)
	if c.state(0) != "ejected" || c.state(1) != "ejected" {
		t.Fatalf("dead servers are %s and %s", c.state(0), c.state(1))
	}
	client := c.kernel.Dial(c.addr)
	c.settle()
	c.says(client, "REQ 1 x\n")
	c.hears(client, "NAK 1 no server\n")
	c.servers[0] = c.kernel.Listen(addr)
	for since := c.kernel.Now(); !c.answerCheck(0, "ACK 1\n"); c.pass(time.Millisecond) {
		if c.kernel.Now()-since > int64(time.Second) {
			t.Fatal("no check comes")
		}
	}
	if c.state(0) != "up" {
		t.Errorf("after a good check it is %s", c.state(0))
	}
	c.says(client, "REQ 2 y\n")
	server, _ := c.accepted()
	c.hears(server, "REQ 1 y\n")
}

// TestADrainGoesOnChecking has both servers die, and one come back while the proxy is
// being drained: who waits for a server gets it, and no check holds up the end.
func TestADrainGoesOnChecking(t *testing.T) {
	c := newCluster(t, 2, checkFoo, func(c *Config) { c.NoServerWait, c.Drain = 20*time.Second, time.Minute })
	addr := c.servers[0].Addr()
	c.servers[0].Close()
	c.servers[1].Close()
	c.pass(2 * time.Second)
	client := c.kernel.Dial(c.addr)
	c.settle()
	c.says(client, "REQ 1 x\n")
	c.proxy.beginDrain()
	c.settle()
	c.servers[0] = c.kernel.Listen(addr)
	for since := c.kernel.Now(); !c.answerCheck(0, "ACK 1\n"); c.pass(time.Millisecond) {
		if c.kernel.Now()-since > int64(time.Second) {
			t.Fatal("no check comes")
		}
	}
	server, _ := c.accepted()
	c.hears(server, "REQ 1 x\n")
	for c.proxy.checksUnderWay() == 0 {
		c.pass(time.Millisecond) // the end comes in the middle of a check
	}
	c.says(server, "ACK 1 x\n")
	c.hears(client, "ACK 1 x\n")
	client.Close()
	server.Close()
	c.settle()
	if !c.proxy.loop.Stopped() {
		t.Error("the proxy goes on")
	}
}

// TestAtMostHalfAreEjectedForWhatSessionsMeet, and by checks all.
func TestAtMostHalfAreEjectedForWhatSessionsMeet(t *testing.T) {
	for servers := 1; servers <= 5; servers++ {
		c := newCluster(t, servers)
		for range servers * 3 {
			for _, u := range c.proxy.upstreams {
				c.proxy.eject(u, "test")
			}
		}
		ejected := 0
		for i := range servers {
			if c.state(i) == "ejected" {
				ejected++
			}
		}
		if ejected != servers/2 {
			t.Errorf("%d of %d servers are ejected", ejected, servers)
		}
	}
}

// TestARequestThatIsReadInAStallHasItsTime: the turn in which the process stands still
// goes on with the clock that it had before.
func TestARequestThatIsReadInAStallHasItsTime(t *testing.T) {
	c := newCluster(t, 2, func(config *Config) { config.RequestTimeout = time.Second })
	client, server, _ := c.client()
	client.SendString("REQ 1 a\n")
	if err := c.proxy.loop.Mailbox().Post(func() { c.kernel.Advance(10 * time.Second) }); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.hears(client, "")
	c.hears(server, "REQ 1 a\n")
	c.says(server, "ACK 1 a\n")
	c.hears(client, "ACK 1 a\n")
	// And who does not answer has no more than his time.
	c.says(client, "REQ 2 b\n")
	c.kernel.Advance(5 * time.Second)
	c.settle()
	c.hears(client, "")
	c.pass(time.Second + 200*time.Millisecond)
	c.hears(client, "NAK 2 timeout\n")
	if c.state(0) != "up" || c.state(1) != "up" {
		t.Error("a server is blamed")
	}
}

// TestAStallEjectsNobody stops the process while checks and requests are under way.
func TestAStallEjectsNobody(t *testing.T) {
	c := newCluster(t, 2, checkFoo, func(config *Config) { config.RequestTimeout = time.Second })
	client, server, _ := c.client()
	for i := range 5 {
		c.says(client, fmt.Sprintf("REQ %d\n", i+1))
	}
	for range 3 {
		c.kernel.Advance(10 * time.Second)
		c.settle()
		for number := range 2 {
			for c.answerCheck(number, "ACK 1\n") {
			}
		}
		c.pass(100 * time.Millisecond)
	}
	if c.state(0) != "up" || c.state(1) != "up" {
		t.Errorf("after a stall the servers are %s and %s", c.state(0), c.state(1))
	}
	c.hears(client, "NAK 1 timeout\nNAK 2 timeout\nNAK 3 timeout\nNAK 4 timeout\nNAK 5 timeout\n")
	c.says(server, "ACK 1\n")
	c.hears(client, "")
}
