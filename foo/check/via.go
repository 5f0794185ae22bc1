// This file owns the comparison of what came directly and what came through a
// proxy: the bytes, and how the connection ended. It must not know which of
// the two is right.
//
// Three things may differ, since no proxy can keep them: a server's reset may
// reach the client as a FIN; a line of great length may be refused by the
// proxy, with one NAK 0; and the timing, which is no part of a transcript.
package check

import (
	"bytes"
	"fmt"
)

// compare writes into the result whether all transcripts are the same.
func (c Check) compare(r *Result, script []conversation, direct, proxied []heard) {
	at, refused := firstDifference(script, direct, proxied)
	if at >= 0 {
		r.Pass = false
		r.Sent = script[at].sent()
		r.Expected, r.Came = differing(direct[at], proxied[at])
		return
	}
	r.Note = fmt.Sprintf("alike: %d of %d", len(script)-refused, len(script))
	if refused > 0 {
		r.Note += ", the proxy refuses longer lines itself"
	}
}

// firstDifference returns the place of the first conversation that differs, or
// -1, and how many differ as a limit of the proxy explains it.
func firstDifference(script []conversation, direct, proxied []heard) (at, refused int) {
	for i, c := range script {
		switch {
		case sameSpeech(direct[i], proxied[i]):
		case c.long && refusal(proxied[i]):
			refused++
		default:
			return i, refused
		}
	}
	return -1, refused
}

func sameSpeech(direct, proxied heard) bool {
	return bytes.Equal(direct.received, proxied.received) &&
		(direct.end == proxied.end || direct.end == endReset && proxied.end == endFIN)
}

// refusal is all that a proxy says to a line that is too long for it.
func refusal(h heard) bool {
	t := sumUp(h.received)
	return t.zeros == 1 && len(t.replies) == 0 && t.odd == nil && len(t.fragment) == 0 &&
		(h.end == endFIN || h.end == endOpen)
}

// differing puts two transcripts into words, from where they differ.
func differing(direct, proxied heard) (expected, came string) {
	same := 0
	for same < min(len(direct.received), len(proxied.received)) && direct.received[same] == proxied.received[same] {
		same++
	}
	// The line in which they part is shown from its beginning.
	same = bytes.LastIndexByte(direct.received[:same], '\n') + 1
	if bytes.Equal(direct.received, proxied.received) {
		return "as directly, " + direct.String(), "the same bytes, then " + proxied.end.String()
	}
	direct.received, proxied.received = direct.received[same:], proxied.received[same:]
	expected, came = "as directly, "+direct.String(), "through the proxy "+proxied.String()
	if same > 0 {
		came += fmt.Sprintf(" (alike up to there: %d bytes)", same)
	}
	return expected, came
}
