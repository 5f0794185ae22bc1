// replies_test.go: what servers may do to requests, and under which name each is
// counted.

package load

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/foo"
)

// wrongReplies are what servers may do to 8 requests of which up to 4 are
// outstanding, and the figures that tell.
var wrongReplies = []struct {
	name    string
	answer  answer
	verdict string
	want    map[string]float64
}{
	{"every second is a NAK", func(number int, line string) (string, bool) {
		if number%2 == 0 {
			return strings.Replace(line, "REQ", "NAK", 1) + "\n", true
		}
		return ackLine(line), true
	}, "", map[string]float64{"naks": 4, "answered": 8}},
	{"another's Data", func(number int, line string) (string, bool) {
		if number == 3 {
			return "ACK 3 " + strings.Repeat("0", 32) + "\n", true
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"wrong_data": 1, "answered": 8}},
	{"no Data", func(number int, line string) (string, bool) {
		return fmt.Sprintf("ACK %d\n", number), true
	}, "wrong replies: 8", map[string]float64{"wrong_data": 8, "answered": 8}},
	{"two swapped", swapped(3), "wrong replies: 1", map[string]float64{"wrong_order": 1, "answered": 8}},
	{"one too many", func(number int, line string) (string, bool) {
		if number == 5 {
			return ackLine(line) + ackLine(line), true
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"wrong_seq": 1, "answered": 8}},
	{"one of another connection", func(number int, line string) (string, bool) {
		if number == 5 {
			return "ACK 500 x\n" + ackLine(line), true
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"wrong_seq": 1, "answered": 8}},
	{"one too many at the end", func(number int, line string) (string, bool) {
		if number == 8 {
			return ackLine(line) + "ACK 9 x\n", true
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"wrong_seq": 1, "answered": 8}},
	{"NAK 0 beside them", func(number int, line string) (string, bool) {
		if number == 2 {
			return "NAK 0 why\n" + ackLine(line), true
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"not_foo": 1, "answered": 8}},
	{"lines that are no replies", func(number int, line string) (string, bool) {
		if number == 2 {
			return "\n\x1b\nREQ 2\n" + ackLine(line), true
		}
		return ackLine(line), true
	}, "wrong replies: 3", map[string]float64{"not_foo": 3, "answered": 8}},
	{"a fragment at the end", func(number int, line string) (string, bool) {
		if number == 8 {
			return ackLine(line) + "ACK", false
		}
		return ackLine(line), true
	}, "wrong replies: 1", map[string]float64{"not_foo": 1, "answered": 8}},
	{"CR LF", func(_ int, line string) (string, bool) {
		return strings.TrimSuffix(ackLine(line), "\n") + "\r\n", true
	}, "", map[string]float64{"answered": 8}},
}

func TestWrongRepliesAreToldApart(t *testing.T) {
	for _, c := range wrongReplies {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, func(config *Config) { config.Requests, config.Depth = 8, 4 }).connect()
			r := s.finish(time.Millisecond, c.answer)
			s.wantVerdict(r, c.verdict)
			want := map[string]float64{"wrong_data": 0, "wrong_order": 0, "wrong_seq": 0, "not_foo": 0, "naks": 0,
				"missing": 0, "unsent": 0, "connections_lost": 0}
			sum := 0.0
			for name, value := range c.want {
				want[name] = value
				if name != "naks" && name != "answered" {
					sum += value
				}
			}
			want["mismatches"] = sum
			s.want(r, want)
		})
	}
}

// swapped answers request number first after the one behind it.
func swapped(first int) answer {
	held := ""
	return func(number int, line string) (string, bool) {
		switch number {
		case first:
			held = ackLine(line)
			return "", true
		case first + 1:
			return ackLine(line) + held, true
		}
		return ackLine(line), true
	}
}

func TestANakFailsTheRunOfWhoWantsThat(t *testing.T) {
	s := newStage(t, nil).connect()
	r := s.finish(time.Millisecond, func(_ int, line string) (string, bool) {
		return strings.Replace(line, "REQ", "NAK", 1) + "\n", true
	})
	s.wantVerdict(r, "")
	if err := r.Verdict(true); err == nil || err.Error() != "NAKs: 10" {
		t.Error(err)
	}
}

// TestTheRepliesToAMix: a server of commands does not echo them.
func TestTheRepliesToAMix(t *testing.T) {
	m, err := ReadMix(strings.NewReader("SET k v\nGET k\n"))
	if err != nil {
		t.Fatal(err)
	}
	commands := func(_ int, line string) (string, bool) {
		return strings.NewReplacer("REQ", "ACK", "SET k v", "OK", "GET k", "v").Replace(line) + "\n", true
	}
	for _, c := range []struct {
		anyData bool
		answer  answer
		wrong   float64
	}{{true, commands, 0}, {false, commands, 10}, {false, ackAll, 0}} {
		s := newStage(t, func(config *Config) { config.Mix, config.AnyData = m, c.anyData }).connect()
		s.want(s.finish(time.Millisecond, c.answer), map[string]float64{"answered": 10, "wrong_data": c.wrong, "size": 0})
	}
}

// TestHowAConnectionIsLost: each run has 2 connections of 5 requests, 2 of which
// may be outstanding; the first connection loses its server behind 2 replies.
func TestHowAConnectionIsLost(t *testing.T) {
	for _, c := range []struct {
		name    string
		act     func(*stage, *peer)
		loss    string
		verdict string
	}{
		{"closed", func(_ *stage, p *peer) { p.CloseWrite() },
			"the server has closed it; replies missing: 2, not sent: 1", "replies missing: 2, not sent: 1, of 10"},
		{"reset", func(_ *stage, p *peer) { p.Reset() },
			"connection reset by peer; replies missing: 2, not sent: 1", "replies missing: 2, not sent: 1, of 10"},
		{"closed in mid-line", func(_ *stage, p *peer) { p.SendString("ACK 3"); p.CloseWrite() },
			"the server has closed it in the middle of a line; replies missing: 2, not sent: 1", "replies missing: 2, not sent: 1, of 10"},
		{"silent", func(s *stage, _ *peer) { s.after(10 * time.Second) },
			"gave up waiting, no reply for 10s; replies missing: 2, not sent: 1", "replies missing: 2, not sent: 1, of 10"},
		{"a line without end", func(s *stage, p *peer) {
			for sent := 0; sent < foo.LineBytesMax; s.settle() {
				sent += p.SendString(strings.Repeat("x", 10_000))
			}
		}, "the reply is no reply: line too long; replies missing: 2, not sent: 1", "replies missing: 2, not sent: 1, of 10; wrong replies: 1"},
		{"closed with all answered", func(_ *stage, p *peer) {
			for _, line := range p.lines() {
				p.SendString(ackLine(line))
			}
			p.CloseWrite()
		}, "the server has closed it; replies missing: 1", "replies missing: 1 of 10"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(t, func(config *Config) { config.Connections, config.Depth = 2, 2 }).connect()
			first, second := s.peers[0], s.peers[1]
			for _, line := range first.lines() {
				first.SendString(ackLine(line))
			}
			s.settle()
			if c.name != "closed with all answered" {
				first.lines()
			}
			for range 3 {
				for _, line := range second.lines() {
					second.SendString(ackLine(line))
				}
				s.settle()
			}
			c.act(s, first)
			s.settle()
			s.after(2 * strayWait)
			r := s.wanted()
			if len(r.Losses()) != 1 || r.Losses()[0].Error() != "connection 1 of 2: "+c.loss {
				t.Errorf("losses: %v, want %s", r.Losses(), c.loss)
			}
			s.want(r, map[string]float64{"connections_lost": 1})
			s.wantVerdict(r, c.verdict)
		})
	}
}

// TestALossIsAFaultThoughNothingIsMissing: who knows how many requests a run of a
// certain time would have had.
func TestALossIsAFaultThoughNothingIsMissing(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Duration, c.Connections = 0, time.Second, 2 })
	s.dialMore()
	s.accept()
	s.peers[0].CloseWrite()
	s.settle() // the run has sent its first request on both
	r := s.finish(10*time.Millisecond, ackAll)
	s.wantVerdict(r, "replies missing: 1 of "+fmt.Sprint(numbers(t, r)["requests"]))
	if len(r.Losses()) != 1 {
		t.Errorf("losses: %v", r.Losses())
	}
}

func TestAConnectionThatIsLostBeforeTheBeginning(t *testing.T) {
	for _, requests := range []int{10, 0} {
		s := newStage(t, func(c *Config) { c.Requests, c.Duration, c.Connections = requests, time.Second, dialsMax+1 })
		// All but the last are open and wait for it.
		s.server.SetBacklog(dialsMax - 1)
		s.dialMore()
		for s.dials.opened == 0 {
			s.after(time.Millisecond)
		}
		s.server.Accept().CloseWrite()
		s.settle()
		s.accept()
		for s.phase == phaseDialling {
			s.after(100 * time.Millisecond)
			s.accept()
		}
		r := s.finish(10*time.Millisecond, ackAll)
		s.want(r, map[string]float64{"connections_lost": 1, "missing": 0})
		if want := map[int]string{10: "requests not sent: 1 of 10", 0: "connections lost: 1"}[requests]; true {
			s.wantVerdict(r, want)
		}
	}
}

// TestAGeneratorThatStandsStillGivesNobodyUp: 15 s pass while nothing is looked
// at, and the replies are there.
func TestAGeneratorThatStandsStillGivesNobodyUp(t *testing.T) {
	s := newStage(t, nil).connect()
	s.kernel.Advance(15 * time.Second)
	s.settle()
	s.wantVerdict(s.finish(time.Millisecond, ackAll), "")
}

func TestASlowServerIsNotGivenUpWhileItAnswers(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Depth, c.Wait = 20, 20, time.Second }).connect()
	lines := s.peers[0].lines()
	for _, line := range lines {
		s.after(900 * time.Millisecond)
		s.peers[0].SendString(ackLine(line))
	}
	s.wantVerdict(s.finish(time.Millisecond, ackAll), "")
}

// TestRequestsThatDidNotFitLeaveWhenThereIsRoom: no reply comes before the last
// request, so none can make room.
func TestRequestsThatDidNotFitLeaveWhenThereIsRoom(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Depth, c.Size = 100, 100, 10_000 }).connect()
	held := ""
	s.wantVerdict(s.finish(time.Millisecond, func(number int, line string) (string, bool) {
		if held += ackLine(line); number < 100 {
			return "", true
		}
		return held, true
	}), "")
}

// TestAServerThatReadsNothingCostsABoundedOutput: the rest is not even made.
func TestAServerThatReadsNothingCostsABoundedOutput(t *testing.T) {
	s := newStage(t, func(c *Config) { c.Requests, c.Depth, c.Size = 1000, 1000, 10_000 }).connect()
	if held := s.loop.Held(); held > 2*outputMark {
		t.Errorf("%d bytes wait", held)
	}
	s.wantVerdict(s.finish(time.Millisecond, ackAll), "")
}
