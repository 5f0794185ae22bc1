// This file owns what is thought of a transcript: what was expected of it, and
// what came instead. It must not know how the conversation went.
//
// A judge looks at one rule only, so that a server which breaks one is named
// by that one: who wants to know whether all replies come says nothing to
// those that come twice, and few care how the connection ends.
package check

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"fooproxy/foo"
)

// judge returns what was expected and, where it did not come, what did; an
// empty came is a pass.
type judge func(h heard) (expected, came string)

// eachOnce expects one reply to each of these Seqs, as often as it is listed,
// so many NAK 0, and nothing else.
func eachOnce(zeros int, seqs ...uint64) judge {
	return func(h heard) (expected, came string) {
		expected = "one ACK or NAK of " + naming(seqs)
		switch {
		case zeros > 0 && len(seqs) == 0:
			expected = numbered(zeros, "NAK 0 and nothing else")
		case zeros > 0:
			expected += ", " + numbered(zeros, "NAK 0")
		case len(seqs) == 0:
			expected = "no reply"
		}
		t := sumUp(h.received)
		due := make(map[uint64]int)
		for _, seq := range seqs {
			due[seq]++
		}
		for _, seq := range seqs {
			if t.count[seq] < due[seq] {
				return expected, t.short(seq, due[seq], h)
			}
		}
		for _, reply := range t.replies {
			if t.count[reply.Seq] > due[reply.Seq] {
				return expected, fmt.Sprintf("%d of Seq %d: %v", t.count[reply.Seq], reply.Seq, h)
			}
		}
		switch {
		case t.odd != nil:
			return expected, "a line that is no reply, " + foo.Quote(t.odd) + ": " + h.String()
		case t.zeros != zeros:
			return expected, fmt.Sprintf("%d NAK 0: %v", t.zeros, h)
		}
		return expected, ""
	}
}

// atLeast expects a reply to each of these Seqs, whatever else comes.
func atLeast(seqs ...uint64) judge {
	return func(h heard) (expected, came string) {
		expected = "a reply to " + naming(seqs)
		t := sumUp(h.received)
		for _, seq := range seqs {
			if t.count[seq] == 0 {
				return expected, t.short(seq, 1, h)
			}
		}
		return expected, ""
	}
}

// short says that replies to a Seq are missing.
func (t tally) short(seq uint64, due int, h heard) string {
	if due == 1 && len(t.replies) < 2 {
		return h.String()
	}
	return fmt.Sprintf("%d of Seq %d (%s): %v", t.count[seq], seq, t.answers(), h)
}

// inOrder expects replies in the order of their requests. Which of them are
// missing or come twice is the business of others.
func inOrder(seqs ...uint64) judge {
	return func(h heard) (expected, instead string) {
		expected = "replies in the order of their requests"
		place := make(map[uint64]int)
		for i, seq := range seqs {
			place[seq] = i
		}
		last, came := uint64(0), make(map[uint64]bool)
		t := sumUp(h.received)
		if len(t.replies) == 0 {
			return expected, h.String()
		}
		for _, reply := range t.replies {
			if came[reply.Seq] {
				continue
			}
			if len(came) > 0 && place[reply.Seq] < place[last] {
				return expected, fmt.Sprintf("Seq %d behind Seq %d", reply.Seq, last)
			}
			last, came[reply.Seq] = reply.Seq, true
		}
		return expected, ""
	}
}

// wellFormed expects nothing but whole lines that are right replies
// themselves. How many there are is the business of others.
func wellFormed(h heard) (expected, came string) {
	expected = "nothing but lines of ACK or NAK, their Data UTF-8 without NUL"
	t := sumUp(h.received)
	if t.odd != nil {
		return expected, foo.Quote(t.odd)
	}
	if len(h.received) == 0 {
		return expected, h.String()
	}
	for line := range bytes.Lines(h.received) {
		message, err := foo.Parse(bytes.TrimSuffix(line, []byte{'\n'}))
		if err == nil || err == foo.ErrNakZero {
			err = foo.CheckData(message.Data)
		}
		switch {
		case !bytes.HasSuffix(line, []byte{'\n'}):
			return expected, "no LF at the end: " + foo.Quote(line)
		case err != nil:
			return expected, err.Error() + ": " + foo.Quote(line)
		case len(line) > foo.LineBytesMax:
			return expected, fmt.Sprintf("a line of %d bytes, which is more than clients accept", len(line))
		}
	}
	return expected, ""
}

// endsWith is a judge that expects one of these endings beside what another
// one wants.
func endsWith(inner judge, endings ...ending) judge {
	return func(h heard) (expected, came string) {
		expected, came = inner(h)
		names := make([]string, len(endings))
		for i, e := range endings {
			names[i] = e.String()
		}
		expected += ", then " + strings.Join(names, " or ")
		if came == "" && !slices.Contains(endings, h.end) {
			came = h.String()
		}
		return expected, came
	}
}

// sameReplies compares a conversation with the one that it must be like. The
// order is the business of others.
func sameReplies(model, h heard) (expected, came string) {
	expected = "the same as in one piece and in plain form, " + model.String()
	if slices.Equal(canonical(model), canonical(h)) {
		return expected, ""
	}
	return expected, h.String()
}

// canonical is the replies as text, sorted. A CR at a line's end is no
// difference.
func canonical(h heard) []string {
	var lines []string
	for line := range bytes.Lines(h.received) {
		message, err := foo.Parse(bytes.TrimSuffix(line, []byte{'\n'}))
		if err != nil && err != foo.ErrNakZero {
			lines = append(lines, string(line))
			continue
		}
		lines = append(lines, string(foo.AppendMessage(nil, message.Type, message.Seq, message.Data)))
	}
	slices.Sort(lines)
	return lines
}

// naming lists Seqs for people.
func naming(seqs []uint64) string {
	switch n := len(seqs); {
	case n == 1:
		return fmt.Sprintf("Seq %d", seqs[0])
	case n > namesShown:
		return fmt.Sprintf("each of %d Seqs", n)
	}
	return "each of Seq " + strings.Trim(strings.ReplaceAll(fmt.Sprint(seqs), " ", ", "), "[]")
}

func numbered(n int, what string) string {
	if n == 1 {
		return "one " + what
	}
	return fmt.Sprintf("%d %s", n, what)
}
