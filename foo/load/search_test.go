// search_test.go: lanes whose servers die.

package load

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"fooproxy/foo"
)

// drop takes a peer off the stage; how it ends is its own.
func (s *stage) drop(p *peer, end func(*peer)) {
	end(p)
	s.peers = slices.DeleteFunc(s.peers, func(other *peer) bool { return other == p })
	s.settle()
	s.accept()
}

func reset(p *peer)  { p.Reset() }
func closes(p *peer) { p.CloseWrite() }

// goOn is the change of the configuration that most of these tests want.
func goOn(requests, connections, depth int) func(*Config) {
	return func(c *Config) {
		c.Requests, c.Connections, c.Depth, c.Reconnect = requests, connections, depth, 5*time.Second
	}
}

func TestConnectionsBeginWithTheServersInTurn(t *testing.T) {
	s := newStageOf(t, 3, goOn(70, 7, 1)).connect()
	count := make([]int, 3)
	for _, p := range s.peers {
		count[p.server]++
	}
	if fmt.Sprint(count) != "[3 2 2]" {
		t.Errorf("%v connections", count)
	}
	s.wantVerdict(s.finish(time.Millisecond, ackAll), "")
}

func TestALaneGoesOnWithTheNextServer(t *testing.T) {
	for name, end := range map[string]func(*peer){
		"closed": closes, "reset": reset,
		"closed in mid-line": func(p *peer) { p.SendString("ACK 3"); p.CloseWrite() },
	} {
		s := newStageOf(t, 2, goOn(10, 2, 2)).connect()
		first := s.peers[0]
		for _, line := range first.lines() {
			first.SendString(ackLine(line))
		}
		s.settle()
		first.lines()
		s.drop(first, end)
		r := s.finish(time.Millisecond, ackAll)
		s.want(r, map[string]float64{"requests": 10, "answered": 8, "missing": 2, "lost": 2, "unsent": 0, "reconnects": 1,
			"mismatches": 0, "connections_lost": 0})
		s.wantVerdict(r, "replies missing: 2 of 10")
		if got := r.Partings(); len(got) != 1 || r.Parted() != 1 || !strings.HasPrefix(got[0].Error(), fmt.Sprintf("connection 1 of 2: %v: ", s.server.Addr())) ||
			!strings.HasSuffix(got[0].Error(), "; requests lost: 2") {
			t.Errorf("%s: partings %v", name, got)
		}
		if s.peers[1].server != 1 {
			t.Errorf("%s: it has come back to server %d", name, s.peers[1].server)
		}
	}
}

func TestWhoHasSentAllLooksForNobody(t *testing.T) {
	s := newStageOf(t, 2, goOn(2, 1, 2)).connect()
	s.peers[0].lines()
	s.server.Close()
	s.others[0].Close()
	s.drop(s.peers[0], closes)
	s.after(2 * strayWait)
	r := s.wanted()
	s.want(r, map[string]float64{"requests": 2, "answered": 0, "missing": 2, "lost": 2, "reconnects": 0, "connections_lost": 0})
}

func TestWhatWasNotWrittenIsSentToTheNextServer(t *testing.T) {
	const requests, size = 100, 10_000
	s := newStageOf(t, 2, func(c *Config) {
		goOn(requests, 1, requests)(c)
		c.Size = size
	}).connect()
	s.drop(s.peers[0], reset)
	var heard []string
	r := s.finish(time.Millisecond, func(number int, line string) (string, bool) {
		heard = append(heard, line)
		return ackLine(line), true
	})
	lost := int(numbers(t, r)["lost"])
	if len(heard) != requests-lost || lost == 0 || lost == requests {
		t.Errorf("%d requests lost, %d sent to the next", lost, len(heard))
	}
	for i, line := range heard {
		message, err := foo.Parse([]byte(line))
		if err != nil || message.Seq != uint64(i+1) || string(message.Data) != string(s.source.data(0, uint64(lost+i+1))) {
			t.Fatalf("request %d on the next is %.40q", i+1, line)
		}
	}
	s.wantVerdict(r, fmt.Sprintf("replies missing: %d of %d", lost, requests))
}

func TestASearchHasAnEnd(t *testing.T) {
	s := newStageOf(t, 2, goOn(10, 1, 1)).connect()
	s.server.Close()
	s.others[0].Close()
	start := s.kernel.Now()
	s.drop(s.peers[0], closes)
	s.after(20 * time.Second)
	r := s.wanted()
	want := fmt.Sprintf("connection 1 of 1: no server has answered for 5s: %v: connection refused; replies missing: 1, not sent: 9", s.others[0].Addr())
	if len(r.Losses()) != 1 || strings.ReplaceAll(r.Losses()[0].Error(), s.server.Addr().String(), s.others[0].Addr().String()) != want {
		t.Errorf("%v, want %s", r.Losses(), want)
	}
	s.wantVerdict(r, "replies missing: 1, not sent: 9, of 10")
	if took := time.Duration(s.kernel.Now() - start); took < 5*time.Second {
		t.Errorf("it has ended after %v", took)
	}
}

// TestAServerThatTakesConnectionsAndEndsThemCostsLittle: such is a proxy whose
// server is gone.
func TestAServerThatTakesConnectionsAndEndsThemCostsLittle(t *testing.T) {
	s := newStageOf(t, 2, goOn(1000, 1, 100)).connect()
	s.peers[0].lines()
	s.drop(s.peers[0], closes)
	for range 1000 {
		if s.loop.Stopped() {
			break
		}
		for len(s.peers) > 0 {
			s.peers[0].lines()
			s.drop(s.peers[0], closes)
		}
		s.after(100 * time.Millisecond)
		s.accept()
	}
	r := s.wanted()
	// Rounds of 2 at 0, 100, 300, 700 ms, 1.5 s, and each second from there on.
	if lost := numbers(t, r)["lost"]; lost < 105 || lost > 120 {
		t.Errorf("%v requests lost", lost)
	}
	if len(r.Losses()) != 1 || r.Parted() < 6 || len(r.Partings()) != partingsMax {
		t.Errorf("losses %v, partings %d, %v", r.Losses(), r.Parted(), r.Partings())
	}
}

func TestTheEndOfARunEndsASearch(t *testing.T) {
	for _, delay := range []time.Duration{0, 150 * time.Millisecond} {
		s := newStageOf(t, 2, func(c *Config) {
			goOn(0, 2, 1)(c)
			c.Duration, c.Reconnect = time.Second, time.Hour
		}).connect()
		s.server.Close()
		s.others[0].Close()
		for len(s.peers) > 0 {
			s.drop(s.peers[0], reset)
		}
		s.after(delay)
		s.after(3 * time.Second)
		s.want(s.wanted(), map[string]float64{"lost": 2, "requests": 2, "unsent": 0, "connections_lost": 0})
	}
}

func TestAConnectionThatIsLostBeforeTheBeginningIsReplaced(t *testing.T) {
	s := newStageOf(t, 2, goOn(2*(dialsMax+1), dialsMax+1, 1))
	s.server.SetBacklog(dialsMax/2 - 1) // some stand, and wait for the others
	s.dialMore()
	for s.dials.opened == 0 {
		s.after(time.Millisecond)
	}
	s.server.Accept().CloseWrite()
	s.settle()
	s.server.SetBacklog(1000)
	for s.phase == phaseDialling {
		s.accept()
		s.after(100 * time.Millisecond)
	}
	s.accept()
	r := s.finish(10*time.Millisecond, ackAll)
	s.want(r, map[string]float64{"connections_lost": 0, "missing": 0, "requests": 2 * (dialsMax + 1)})
	s.wantVerdict(r, "")
}

// TestNoRequestIsSentTwice: servers die at random moments, with requests half
// written and replies half read, and each request is answered or lost, once.
func TestNoRequestIsSentTwice(t *testing.T) {
	for seed := range uint64(150) {
		random := rand.New(rand.NewPCG(seed, 1))
		const requests = 400
		s := newStageOf(t, 1+random.IntN(3), func(c *Config) {
			goOn(requests, 1+random.IntN(5), 1+random.IntN(20))(c)
			c.Size, c.Reconnect = 32+random.IntN(300), time.Hour
			if random.IntN(3) == 0 {
				c.Rate = 2000
			}
		}).connect()
		heard := make(map[string]int)
		deaths, answered := 0, 0
		for rounds := 0; !s.loop.Stopped(); rounds++ {
			if rounds == 1_000_000 {
				t.Fatalf("seed %d: the run does not end", seed)
			}
			if len(s.peers) > 0 && deaths < 40 && random.IntN(4) == 0 {
				p := s.peers[random.IntN(len(s.peers))]
				if random.IntN(2) == 0 && !p.Ended() { // a lane that has finished takes it for a reply too many
					p.SendString("ACK 1"[:1+random.IntN(5)])
				}
				deaths++
				s.drop(p, []func(*peer){reset, closes}[random.IntN(2)])
				continue
			}
			for _, p := range s.peers {
				if random.IntN(2) == 0 {
					p.SetFarWindow(1 + random.IntN(2000))
				}
				if random.IntN(3) == 0 {
					continue
				}
				for _, line := range p.lines() {
					message, err := foo.Parse([]byte(line))
					if err != nil || message.Type != foo.REQ {
						t.Fatalf("seed %d: heard %q", seed, line)
					}
					heard[string(message.Data)]++
					p.waiting += ackLine(line)
				}
				p.waiting = p.waiting[p.SendString(p.waiting):]
				if p.waiting == "" && p.Ended() {
					p.CloseWrite()
				}
			}
			s.settle()
			s.accept()
			s.after(time.Duration(random.IntN(3)) * time.Millisecond)
			s.accept()
			if len(s.peers) == 0 {
				s.after(backoffMin)
				s.accept()
			}
		}
		for data, times := range heard {
			if times > 1 {
				t.Fatalf("seed %d: %q was sent %d times", seed, data, times)
			}
		}
		found := numbers(t, s.wanted())
		answered = int(found["answered"])
		if found["requests"] != requests || found["unsent"] != 0 || found["mismatches"] != 0 || found["missing"] != found["lost"] ||
			answered+int(found["lost"]) != requests || len(heard) < answered {
			t.Fatalf("seed %d: %v, %d heard, %d deaths", seed, found, len(heard), deaths)
		}
	}
}
