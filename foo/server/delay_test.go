package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"fooproxy/stats"
)

func TestRepliesLeaveWhenTheirTimeHasCome(t *testing.T) {
	const delay = 50 * time.Millisecond
	s := step(t, func(c *Config) { c.Delay = delay })
	c, other := s.call(), s.call()
	c.say("REQ 1 a\nREQ 2 b\n")
	s.after(10 * time.Millisecond)
	c.say("foo\nREQ 3 c\n")
	other.say("REQ 1 other\n")
	s.after(39 * time.Millisecond)
	c.hear("")
	s.after(time.Millisecond)
	c.hear("ACK 1 a\nACK 2 b\n")
	s.after(9 * time.Millisecond)
	s.expectCount(stats.Answered, 2)
	s.after(time.Millisecond)
	s.expectCount(stats.Answered, 4)
	c.hear("NAK 0 unknown type\nACK 3 c\n")
	other.hear("ACK 1 other\n")
	snapshot := stats.NewSnapshot()
	s.recorder.Fill(snapshot, s.loop.Now())
	if text := snapshot.AppendJSON(nil); !bytes.Contains(text, []byte(`"max":50000}`)) {
		t.Errorf("the latencies are not those of the delay: %s", text)
	}
}

func TestADelayedConversationEndsBehindItsLastReply(t *testing.T) {
	const delay = time.Second
	for name, x := range map[string]struct{ lines, replies string }{
		"quit":       {"REQ 1 a\nREQ 2 quit\nREQ 3 b\n", "ACK 1 a\nACK 2\n"},
		"long line":  {"REQ 1 a\n" + strings.Repeat("x", 100), "ACK 1 a\nNAK 0 line too long\n"},
		"half-close": {"REQ 1 a\nREQ 2\nREQ 3", "ACK 1 a\nACK 2\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := step(t, func(c *Config) { c.Delay, c.Conn.MaxLine = delay, 100 })
			c := s.call()
			c.say(x.lines)
			c.CloseWrite()
			s.after(delay - 1)
			c.hear("")
			if c.Ended() {
				t.Fatal("the conversation has ended too early")
			}
			s.after(1)
			c.hearEnd(x.replies)
			s.expectCount(stats.Abandoned, 0)
			s.expectNobody()
		})
	}
}

func TestNothingIsAnsweredBehindADelayedQuit(t *testing.T) {
	const delay = time.Second
	s := step(t, func(c *Config) { c.Delay = delay })
	c := s.call()
	c.say("REQ 1 quit\n")
	c.say("REQ 2\n")
	c.say("REQ 3 quit\n")
	s.after(delay)
	c.hearEnd("ACK 1\n")
	s.expectCount(stats.MsgReq, 1)
}

// The model is a slice of batches with their replies beside them.
func TestADelayLineIsAQueue(t *testing.T) {
	type waiting struct {
		arrived int64
		text    string
	}
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 0))
		s := new(Server)
		line := s.borrowLine()
		var model []waiting
		now := int64(0)
		for i := range 300 {
			now += random.Int64N(3)
			if random.IntN(2) == 0 {
				text := fmt.Sprintf("%d-%0*d", i, random.IntN(50), 0)
				line.push([]byte(text), batch{arrived: now, bytes: int32(len(text)), requests: 1})
				if last := len(model) - 1; last >= 0 && model[last].arrived == now {
					model[last].text += text
				} else {
					model = append(model, waiting{now, text})
				}
			} else {
				due := now - random.Int64N(20)
				b, replies, ok := line.pop(due)
				if wanted := len(model) > 0 && model[0].arrived <= due; ok != wanted {
					t.Fatalf("seed %d: popped %t", seed, ok)
				}
				if ok {
					if string(replies) != model[0].text || b.arrived != model[0].arrived {
						t.Fatalf("seed %d: got %q, wanted %q", seed, replies, model[0].text)
					}
					model = model[1:]
				}
			}
			size := 0
			for _, w := range model {
				size += len(w.text)
			}
			if line.size() != size || line.waits() != len(model) {
				t.Fatalf("seed %d: %d bytes in %d batches", seed, line.size(), line.waits())
			}
			if len(model) > 0 && line.oldest() != model[0].arrived {
				t.Fatalf("seed %d: the oldest is of %d", seed, line.oldest())
			}
			if cap(line.replies) > 64+8*max(size, 2000) {
				t.Fatalf("seed %d: %d bytes of memory for %d", seed, cap(line.replies), size)
			}
		}
	}
}

func TestSpareDelayLinesAreFewSmallAndEmpty(t *testing.T) {
	s := new(Server)
	for range 2 * spareLinesMax {
		line := new(delayLine)
		line.push([]byte("left over"), batch{bytes: 9, requests: 1})
		s.returnLine(line)
		s.returnLine(&delayLine{replies: make([]byte, 0, spareLineBytes+1)})
	}
	if len(s.spareLines) != spareLinesMax {
		t.Errorf("%d lines are kept", len(s.spareLines))
	}
	for len(s.spareLines) > 0 {
		if line := s.borrowLine(); line.size() != 0 || line.waits() != 0 || line.requests() != 0 {
			t.Fatal("a spare line is not empty")
		}
	}
}
