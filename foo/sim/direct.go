// direct.go owns the verdict on a server that answers by itself: each line has
// one right answer, in the order of the lines and not before its time.

package sim

import (
	"bytes"
	"fmt"
	"time"
)

// behindQuit is what nobody must take, since it comes behind a client's QUIT.
const behindQuit = "REQ 1 behind\nREQ 2\n"

// directNotes is what a client keeps for this verdict.
type directNotes struct {
	sentAt []int64 // when each whole line had been sent
	owed   int     // lines that must be answered although the server ends
	told   int     // whole answers to lines that came
}

// noteSent notes that so many lines more are sent whole.
func (c *Client) noteSent(lines int) {
	for range lines {
		c.direct.sentAt = append(c.direct.sentAt, c.world.Kernel.Now())
	}
}

// endsBySelf reports whether the server ends the connection behind the script's
// last line.
func (s *script) endsBySelf() bool {
	last := s.lines[len(s.lines)-1]
	return last.quit || last.long
}

// awaitsEnd reports whether the client leaves the end to the server.
func (c *Client) awaitsEnd() bool {
	r := &c.world.Rules
	if r.Shared {
		return !c.closes && c.script.lines[len(c.script.lines)-1].quit
	}
	if last := len(c.script.lines) - 1; r.EndWords && c.script.lines[last].quit {
		return !c.closes && c.kept.places[last].answer != byProxy
	}
	return r.Direct && !c.closes && c.script.endsBySelf()
}

// checkAnswerTimes looks at the last answer that has begun to come: its line was
// said, and so long ago. Those before it are older.
func (c *Client) checkAnswerTimes() {
	w, last := c.world, c.heard
	if c.got[len(c.got)-1] == '\n' {
		last--
	}
	// Whether there are too many is judged at the end; a line that is too long may
	// be refused before it is whole.
	if !w.Rules.Direct || last >= len(c.script.lines) || c.script.lines[last].long {
		return
	}
	if last >= c.lines {
		w.Fail("no invention", "client %d got the answer to line %d, of which it has not sent all", c.id, last)
		return
	}
	if after := time.Duration(w.Kernel.Now() - c.direct.sentAt[last]); after < w.Rules.Delay {
		w.Fail("delay", "client %d got the answer to line %d after %v, not %v", c.id, last, after, w.Rules.Delay)
	}
}

// noteDrain notes what the server owes when it is told to end: the answers to
// what has reached its kernel by now, up to what a drain reads at least.
func (w *World) noteDrain() {
	w.drainAt = w.Kernel.Now()
	for _, c := range w.Clients {
		if c.peer == nil || c.over || !c.peer.Connected() {
			continue
		}
		arrived := c.sent - c.peer.Unsent()
		c.direct.owed = c.script.whole(0, min(arrived, arrived-c.peer.Unread()+w.Rules.TurnBytes))
	}
}

// judgeDirect compares what a client got with the right answers to its script.
func (c *Client) judgeDirect() {
	w := c.world
	rest, told := c.got, 0
	for ; told < len(c.script.lines) && len(rest) > 0; told++ {
		n, ok := matchAnswer(rest, c.script.lines[told], w.Rules.NAKs)
		if !ok {
			w.Fail("byte equality", "client %d got %.200q as the answer to line %d", c.id, rest, told)
			return
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		w.Fail("no invention", "client %d got %.200q behind all answers", c.id, rest)
		return
	}
	if len(c.got) > 0 && c.got[len(c.got)-1] != '\n' {
		told--
	}
	c.direct.told = told
	c.judgeDirectEnd()
}

// matchAnswer says how many bytes at the front of got answer a line. A piece of
// the right answer at the very end of what came is right too: whether it had to
// be whole depends on the end.
func matchAnswer(got []byte, l line, naks bool) (n int, ok bool) {
	answers := [][]byte{[]byte(rightAnswer(l))}
	if naks && l.request && l.reason == "" && !l.quit {
		answers = append(answers, fmt.Appendf(nil, "NAK %d nak-rate\n", l.seq))
	}
	for _, a := range answers {
		if bytes.HasPrefix(got, a) || len(got) < len(a) && bytes.HasPrefix(a, got) {
			return min(len(got), len(a)), true
		}
	}
	return 0, false
}

func rightAnswer(l line) string {
	switch {
	case l.reason != "":
		return refusal(l)
	case l.quit || len(l.data) == 0:
		return fmt.Sprintf("ACK %d\n", l.seq)
	}
	return fmt.Sprintf("ACK %d %s\n", l.seq, l.data)
}

// judgeDirectEnd looks at how the connection ended.
func (c *Client) judgeDirectEnd() {
	w, told, lines := c.world, c.direct.told, len(c.script.lines)
	whole := len(c.got) == 0 || c.got[len(c.got)-1] == '\n'
	switch {
	case w.unfair(c.since, c.until), c.cutByDrain():
	case c.how == farewellReset && !c.mayBeReset():
		w.Fail("end", "client %d was reset without a reason", c.id)
	case c.how != farewellEnd:
	case told == lines && (c.script.endsBySelf() || c.ended):
	case c.timedOut():
	case !whole:
		w.Fail("loss", "client %d was closed in the middle of an answer", c.id)
	case !c.drained() && (c.ended || c.script.endsBySelf() && c.lines == lines):
		w.Fail("loss", "client %d was closed with %d of %d answers", c.id, told, lines)
	case !c.drained():
		w.Fail("end", "client %d was closed without a reason after %d of %d answers", c.id, told, lines)
	case told < c.direct.owed:
		w.Fail("drain", "client %d was closed with %d of %d answers, and %d lines had come before the drain", c.id, told, lines, c.direct.owed)
	}
}

// DirectTotals is what must have been counted where every client stayed to its
// end.
type DirectTotals struct {
	Requests, BadData, Invalid, ACKs, NAKs int
	Quits                                  int // of the requests
	BytesIn, BytesOut                      int // BytesIn is -1 where a line was too long
}

// DirectTotals counts what was said. exact is false where a client left, or was
// left, before all was said. It is to be asked after Judge.
func (w *World) DirectTotals() (t DirectTotals, exact bool) {
	long := false
	for _, c := range w.Clients {
		if c.how != farewellDone && c.how != farewellEnd || c.direct.told < len(c.script.lines) || c.isCut() {
			return t, false
		}
		s := c.script
		for _, l := range s.lines {
			switch {
			case !l.request:
				t.Invalid++
			case l.reason != "":
				t.BadData++
				fallthrough
			default:
				t.Requests++
			}
			if l.quit {
				t.Quits++
			}
			long = long || l.long
		}
		t.BytesIn += s.lines[len(s.lines)-1].end
		if s.fragment {
			t.Invalid++
			t.BytesIn = t.BytesIn - s.lines[len(s.lines)-1].end + len(s.stream)
		}
		t.BytesOut += len(c.got)
		t.ACKs += countPrefix(c.got, "ACK ")
		t.NAKs += countPrefix(c.got, "NAK ")
	}
	if long {
		t.BytesIn = -1
	}
	return t, true
}

func countPrefix(lines []byte, word string) (n int) {
	for line := range bytes.Lines(lines) {
		if bytes.HasPrefix(line, []byte(word)) {
			n++
		}
	}
	return n
}

// isCut reports whether half a line may never have been read to its end, since somebody
// else ended first.
func (c *Client) isCut() bool { return c.script.fragment && (c.timedOut() || c.drained()) }
