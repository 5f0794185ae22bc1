package server

// This file owns the tests of a store that answers late.

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fooproxy/stats"
)

// stepLate is a stepped server with such a store.
func stepLate(t testing.TB, most int, change func(*Config)) (*stepped, *lateStore) {
	t.Helper()
	store := newLateStore(most)
	s := step(t, func(c *Config) {
		c.Store = store
		if change != nil {
			change(c)
		}
	})
	return s, store
}

// completes lets n operations complete, and the server do what it can then.
func (s *stepped) completes(store *lateStore, n int) {
	s.t.Helper()
	store.complete(n)
	s.settle()
	if class, err := s.checkInvariants(false); err != nil {
		s.t.Fatalf("%s: %v", class, err)
	}
}

func TestRepliesKeepTheOrderOfRequestsHoweverLateTheStoreIs(t *testing.T) {
	s, store := stepLate(t, 0, nil)
	c, other := s.call(), s.call()
	c.say("REQ 1 a\nREQ 2 set k v\nREQ 3 b\nfoo\nREQ 4 get k\nwhy\nREQ 5 \xff\nget k\nREQ 6 c\n")
	c.hear("ACK 1 a\n")
	other.say("REQ 1 why\nREQ 2 d\n") // nobody else waits
	other.hear("ACK 1 42\nACK 2 d\n")
	c.say("REQ 7 e\n")
	c.hear("")
	s.completes(store, 1)
	c.hear("ACK 2 ok\nACK 3 b\nNAK 0 unknown type\n")
	s.completes(store, 1)
	c.hear("ACK 4 v\n42\nNAK 5 data is not UTF-8\n")
	s.completes(store, 1)
	c.hear("v\nACK 6 c\nACK 7 e\n")
	s.expectCount(stats.Answered, 9)
	s.expectCount(stats.MsgReq, 9)
}

// TestAnswersComeTogetherAndApart completes the operations of several clients in
// every grouping.
func TestAnswersComeTogetherAndApart(t *testing.T) {
	for group := 1; group <= 12; group++ {
		s, store := stepLate(t, 0, nil)
		a, b := s.call(), s.call()
		for i := range 6 {
			a.say(fmt.Sprintf("REQ %d incr n\nREQ %d x\n", 2*i+1, 2*i+2))
			b.say(fmt.Sprintf("REQ %d incr n\n", i+1))
		}
		for len(store.waiting) > 0 {
			s.completes(store, min(group, len(store.waiting)))
		}
		var wantedA, wantedB strings.Builder
		for i := range 6 {
			fmt.Fprintf(&wantedA, "ACK %d %d\nACK %d x\n", 2*i+1, 2*i+1, 2*i+2)
			fmt.Fprintf(&wantedB, "ACK %d %d\n", i+1, 2*i+2)
		}
		a.hear(wantedA.String())
		b.hear(wantedB.String())
	}
}

func TestQuitWaitsForTheStore(t *testing.T) {
	for _, quit := range []string{"REQ 2 QUIT\n", "quit\n"} {
		s, store := stepLate(t, 0, nil)
		c := s.call()
		c.say("REQ 1 set k v\n" + quit + "REQ 3 get k\n")
		c.hear("")
		s.completes(store, 1)
		c.hearEnd(map[string]string{"REQ 2 QUIT\n": "ACK 1 ok\nACK 2\n", "quit\n": "ACK 1 ok\nbye\n"}[quit])
		if len(store.waiting) > 0 {
			t.Error("what came behind QUIT was asked for")
		}
	}
}

func TestAHalfClosedClientGetsWhatItWaitsFor(t *testing.T) {
	for _, delay := range []time.Duration{0, time.Second} {
		s, store := stepLate(t, 0, func(c *Config) { c.Delay = delay })
		c := s.call()
		c.say("REQ 1 set k v\nREQ 2 a\nREQ 3 get k\n")
		c.CloseWrite()
		s.settle()
		s.after(delay)
		c.hear("")
		s.completes(store, 1)
		s.completes(store, 1)
		s.after(delay)
		c.hearEnd("ACK 1 ok\nACK 2 a\nACK 3 v\n")
		c.Close()
		s.settle()
		s.expectNobody()
	}
}

// TestADelayCountsFromTheRequest, and the store's time is part of it.
func TestADelayCountsFromTheRequest(t *testing.T) {
	s, store := stepLate(t, 0, func(c *Config) { c.Delay = time.Second })
	c := s.call()
	c.say("REQ 1 set k v\n")
	s.after(400 * time.Millisecond)
	c.say("REQ 2 b\n")
	s.completes(store, 1)
	c.hear("")
	s.after(600 * time.Millisecond)
	c.hear("ACK 1 ok\n")
	s.after(400 * time.Millisecond)
	c.hear("ACK 2 b\n")
	c.say("REQ 3 set k v\nREQ 4 d\n")
	s.after(2 * time.Second)
	c.hear("")
	s.completes(store, 1)
	s.after(0)
	c.hear("ACK 3 ok\nACK 4 d\n")
}

func TestWhoLeavesIsNotLookedForWhenTheStoreAnswers(t *testing.T) {
	for name, leave := range map[string]func(*caller){
		"reset": func(c *caller) { c.Reset() },
		"abort": func(c *caller) { c.server.clients.all[0].conn.Abort() },
	} {
		t.Run(name, func(t *testing.T) {
			s, store := stepLate(t, 0, nil)
			c := s.call()
			c.say("REQ 1 set k v\nREQ 2 a\nget k\nREQ 3 incr n\n")
			leave(c)
			s.settle()
			s.expectNobody()
			s.expectCount(stats.Abandoned, 3)
			next := s.call() // may have the descriptor of the one who left
			next.say("REQ 1 b\nREQ 2 get k\n")
			next.hear("ACK 1 b\n")
			s.completes(store, 3)
			next.hear("")
			s.completes(store, 1)
			next.hear("ACK 2 v\n")
			if s.underWay != 0 {
				t.Errorf("%d operations are under way", s.underWay)
			}
		})
	}
}

func TestADrainWaitsForTheStore(t *testing.T) {
	s, store := stepLate(t, 0, nil)
	c := s.call()
	c.say("REQ 1 set k v\nREQ 2 a\n")
	c.SendString("REQ 3 get k\n") // not read yet
	s.Drain()
	s.settle()
	c.hear("")
	if s.loop.Stopped() {
		t.Fatal("the drain has ended")
	}
	s.completes(store, 2)
	c.hearEnd("ACK 1 ok\nACK 2 a\nACK 3 v\n")
	c.Close()
	s.sys.Settle(s.loop)
	if !s.loop.Stopped() {
		t.Error("the drain has no end")
	}
}

func TestADrainEndsWithoutTheStore(t *testing.T) {
	s, store := stepLate(t, 0, func(c *Config) { c.Drain = time.Second })
	c := s.call()
	c.say("REQ 1 set k v\n")
	s.Drain()
	s.after(2 * time.Second)
	if !s.loop.Stopped() {
		t.Fatal("the drain has no end")
	}
	s.shut()
	store.complete(1) // nobody is left to hear it
}

// TestOneClientCannotAskForEverything looks for the bound on what a client has under
// way, and that everything goes on behind it.
func TestOneClientCannotAskForEverything(t *testing.T) {
	for _, x := range []struct {
		request, answer string
		most            int
	}{{"set k v", "ok", pendingMax}, {"get k", "v", pendingReadsMax}, {"show", `{"k": "v"}`, pendingReadsMax}} {
		s, store := stepLate(t, 0, nil)
		c := s.call()
		c.say("REQ 1 set k v\n")
		s.completes(store, 1)
		c.hear("ACK 1 ok\n")
		all := 3 * x.most
		var lines, wanted strings.Builder
		for i := range all {
			fmt.Fprintf(&lines, "REQ %d %s\n", i+1, x.request)
			fmt.Fprintf(&wanted, "ACK %d %s\n", i+1, x.answer)
		}
		c.say(lines.String())
		if n := len(store.waiting); n != x.most {
			t.Fatalf("%s: %d operations are under way, %d may be", x.request, n, x.most)
		}
		if !s.clients.all[0].conn.Paused() {
			t.Errorf("%s: the client is read", x.request)
		}
		heard := ""
		for range all {
			s.completes(store, 1)
			heard += string(c.Receive())
		}
		if heard != wanted.String() {
			t.Errorf("%s: the answers are %q", x.request, clip(heard))
		}
		s.expectCount(stats.Answered, int64(all+1))
	}
}

// TestALittleRoomIsEnoughBehindTheStore has a client with less room than a read is
// worth come to rest, and be answered.
func TestALittleRoomIsEnoughBehindTheStore(t *testing.T) {
	s, store := stepLate(t, 0, func(c *Config) { c.Conn.HighMark, c.Conn.LowMark = 100, 50 })
	c := s.call()
	c.say("REQ 1 set k v\nREQ 2 a\n")
	c.say("REQ 3 " + strings.Repeat("b", 200) + "\n")
	c.hear("")
	s.completes(store, 1)
	c.hear("ACK 1 ok\nACK 2 a\nACK 3 " + strings.Repeat("b", 200) + "\n")
}

// TestRepliesBehindTheStoreAreBounded says much behind an operation under way.
func TestRepliesBehindTheStoreAreBounded(t *testing.T) {
	for name, piece := range map[string]int{"many bytes": 1000, "many turns": 1} {
		t.Run(name, func(t *testing.T) {
			s, store := stepLate(t, 0, nil)
			c := s.call()
			c.say("REQ 1 set k v\n")
			line := "REQ 2 " + strings.Repeat("x", piece) + "\n"
			said := 0
			for ; said < 5*pendingMax && c.SendString(line) == len(line); said++ {
				s.after(time.Microsecond) // a turn of its own
			}
			client := s.clients.all[0]
			if !client.conn.Paused() {
				t.Fatal("the client is read for ever")
			}
			if class, err := s.checkInvariants(false); err != nil {
				t.Fatalf("%s: %v", class, err)
			}
			s.completes(store, 1)
			heard := string(c.Receive())
			for range 100 {
				s.settle()
				heard += string(c.Receive())
			}
			if wanted := "ACK 1 ok\n" + strings.Repeat("ACK 2 "+strings.Repeat("x", piece)+"\n", said); heard != wanted {
				t.Errorf("%d bytes of %d came", len(heard), len(wanted))
			}
		})
	}
}

// TestABusyStoreLosesNothing has more asked for than the store takes.
func TestABusyStoreLosesNothing(t *testing.T) {
	const clients, each = 7, 20
	for most := 1; most <= 5; most++ {
		s, store := stepLate(t, most, nil)
		var all []*caller
		for i := range clients {
			c := s.call()
			all = append(all, c)
			for n := range each {
				c.say(fmt.Sprintf("REQ %d incr n%d\nREQ %d x\n", 2*n+1, i, 2*n+2))
			}
		}
		if store.refused == 0 {
			t.Fatal("it was never busy")
		}
		if i := 3; most == 2 { // one of those who wait leaves
			all[i].Reset()
			s.settle()
			all = append(all[:i], all[i+1:]...)
		}
		var heard [clients]string
		for len(store.waiting) > 0 {
			s.completes(store, 1)
			for i, c := range all {
				heard[i] += string(c.Receive())
			}
		}
		for i := range all {
			wanted := ""
			for n := range each {
				wanted += fmt.Sprintf("ACK %d %d\nACK %d x\n", 2*n+1, n+1, 2*n+2)
			}
			if heard[i] != wanted {
				t.Errorf("with %d operations client %d heard %q", most, i, clip(heard[i]))
			}
		}
		if len(s.awaiting) > 0 || s.underWay != 0 {
			t.Errorf("%d clients wait, %d operations are under way", len(s.awaiting), s.underWay)
		}
	}
}

// TestAStoreThatIsBusyWithNothingIsToldOf, since nothing would wake who waits.
func TestAStoreThatIsBusyWithNothingIsToldOf(t *testing.T) {
	s, store := stepLate(t, 1, nil)
	store.underWay = 1 // somebody else's
	c := s.call()
	c.say("REQ 1 get k\nREQ 2 a\n")
	c.hear("NAK 1 store is busy\nACK 2 a\n")
}

// TestAClientThatTakesNothingDoesNotHoldUpTheStore fills one client's window.
func TestAClientThatTakesNothingDoesNotHoldUpTheStore(t *testing.T) {
	s, store := stepLate(t, 0, nil)
	c := s.call()
	c.say("REQ 1 set k " + valueLongest + "\n")
	s.completes(store, 1)
	c.hear("ACK 1 ok\n")
	c.SetWindow(1000)
	asked := 0
	for ; asked < 200; asked++ {
		if line := fmt.Sprintf("REQ %d get k\n", asked+2); c.SendString(line) != len(line) {
			break
		}
		s.settle()
		s.completes(store, len(store.waiting))
	}
	client := s.clients.all[0]
	if out := client.conn.Appended() - client.conn.Written(); out > uint64(s.config.Conn.HighMark+pendingReadsMax*answerBytesMax) {
		t.Errorf("%d bytes wait", out)
	}
	other := s.call()
	other.say("REQ 1 get k\n")
	s.completes(store, len(store.waiting))
	other.hear("ACK 1 " + valueLongest + "\n")
	c.SetWindow(64 << 10)
	heard := 0
	for range 1000 {
		s.completes(store, len(store.waiting))
		heard += strings.Count(string(c.Receive()), "\n")
	}
	if heard != asked {
		t.Errorf("%d answers of %d", heard, asked)
	}
}

// TestWhoWaitsForTheStoreIsNotIdle, and is judged again from when the reply came.
func TestWhoWaitsForTheStoreIsNotIdle(t *testing.T) {
	for _, quit := range []string{"", "REQ 3 quit\n"} {
		s, store := stepLate(t, 0, func(c *Config) { c.Conn.IdleTimeout = time.Second })
		c := s.call()
		c.say("REQ 1 set k v\nREQ 2 a\n" + quit)
		s.after(2500 * time.Millisecond)
		s.completes(store, 1)
		const wanted = "ACK 1 ok\nACK 2 a\n"
		if quit != "" {
			c.hearEnd(wanted + "ACK 3\n")
			continue
		}
		c.hear(wanted)
		s.after(900 * time.Millisecond)
		if len(s.clients.all) != 1 {
			t.Fatal("the client was closed too early")
		}
		s.after(100 * time.Millisecond)
		s.expectNobody()
	}
}

// TestALineThatIsTriedAgainIsDrawnOnce, or the share of NAKs would grow with the load.
func TestALineThatIsTriedAgainIsDrawnOnce(t *testing.T) {
	const all, rate = 2000, 0.2
	s, store := stepLate(t, 0, func(c *Config) { c.NakRate, c.Random = rate, rand.New(rand.NewPCG(1, 2)) })
	c := s.call()
	c.say(strings.Repeat("REQ 1 get k\n", all))
	naks := 0
	for len(store.waiting) > 0 {
		s.completes(store, 1)
		naks += strings.Count(string(c.Receive()), "nak-rate")
	}
	if naks < all*rate*8/10 || naks > all*rate*12/10 {
		t.Errorf("%d NAKs of %d requests, %v of them are wanted", naks, all, rate)
	}
}
