// direct.go owns the verdict on a server that answers by itself: each line has
// one right answer, in the order of the lines.

package sim

import (
	"bytes"
	"fmt"
)

// judgeDirect compares what a client got with the right answers to its script.
func (c *Client) judgeDirect() {
	w := c.world
	rest := c.got
	told := 0
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
	c.judgeDirectEnd(told)
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

// judgeDirectEnd looks at how the connection ended after so many answers.
func (c *Client) judgeDirectEnd(told int) {
	w, lines := c.world, c.script.lines
	whole := len(c.got) == 0 || c.got[len(c.got)-1] == '\n'
	last := len(lines) > 0 && (lines[len(lines)-1].long || lines[len(lines)-1].quit)
	switch {
	case c.how == farewellReset && !(c.peer.GivenUp() || w.Draining || w.unfair() || c.timedOut() || c.silence >= w.Rules.Linger):
		w.Fail("end", "client %d was reset without a reason", c.id)
	case c.how != farewellEnd || w.Draining && whole || w.unfair():
	case !whole:
		w.Fail("loss", "client %d was closed in the middle of an answer", c.id)
	case told == len(lines) && (last || c.ended):
	case c.timedOut():
	case c.ended || last && c.lines == len(lines):
		w.Fail("loss", "client %d was closed with %d of %d answers", c.id, told, len(lines))
	default:
		w.Fail("end", "client %d was closed without a reason after %d of %d answers", c.id, told, len(lines))
	}
}
