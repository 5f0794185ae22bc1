// This file owns the checks of connections: how they begin, rest and end, and
// what they do to each other. It must not know the grammar of lines.
package check

import (
	"strings"

	"fooproxy/foo"
)

func lifeChecks() []Check {
	return []Check{
		{Name: "no-request", Says: "a connection on which nothing is asked ends in order, without a word",
			script: func() []conversation {
				return []conversation{{steps: []step{finishToTheEnd()}, judge: endsWith(eachOnce(0), endFIN)}}
			}},
		{Name: "fragment", Says: "a line without LF at the end of the stream gets no ACK, and the connection ends", script: fragmentScript},
		{Name: "idle", Says: "the server does not end a connection that is idle, nor one in mid-line", script: idleScript},
		{Name: "connections", Says: "many connections at once get their replies", script: connectionsScript, together: true},
		{Name: "slow-sender", Says: "a client in mid-line holds up nobody", script: slowSenderScript, together: true},
		{Name: "reset", Says: "a client that resets in mid-line, or before its replies, hurts nobody", script: resetScript, together: true},
		{Name: "oversize", Says: "a line of more than 65,536 bytes gets NAK 0, or its reply where longer lines are taken, and hurts nobody",
			script: oversizeScript, together: true},
	}
}

func fragmentScript() []conversation {
	noACK := func(h heard) (expected, came string) {
		for _, reply := range sumUp(h.received).replies {
			if reply.Seq == 2 && reply.Type == foo.ACK {
				return "no ACK of Seq 2", h.String()
			}
		}
		return "no ACK of Seq 2", ""
	}
	judge := endsWith(noACK, endFIN, endReset)
	return []conversation{
		{steps: []step{say("REQ 2 a"), finishToTheEnd()}, judge: judge},
		{steps: []step{say("REQ 2"), finishToTheEnd()}, judge: judge},
		{steps: []step{say("REQ 2 a\r"), finishToTheEnd()}, judge: judge},
		{steps: []step{say("REQ 1 a\nREQ 2 b"), awaitReplyTo(1), finishToTheEnd()}, judge: judge},
	}
}

func idleScript() []conversation {
	return []conversation{
		{steps: []step{say("REQ 1 a\n"), await(1), rest(idleRest), say("REQ 2 b\n"), await(2), finish()}, judge: atLeast(1, 2)},
		{steps: []step{rest(idleRest), say("REQ 1 a\n"), await(1), finish()}, judge: atLeast(1)},
		{steps: []step{say("REQ 1 a"), rest(idleRest), say("b\n"), await(1), finish()}, judge: atLeast(1)},
	}
}

// connectionsScript has each client wait, between its requests, until all have
// got their first reply.
func connectionsScript() []conversation {
	all := newGate(connectionsAtOnce)
	script := make([]conversation, connectionsAtOnce)
	for i := range script {
		script[i] = conversation{
			steps: []step{say("REQ 1 a\n"), await(1), arrive(all), pass(all), say("REQ 2 b\n"), await(2), finish()},
			judge: atLeast(1, 2),
		}
	}
	return script
}

// slowSenderScript has the half line come with a request before it, whose reply
// shows that the server has read both.
func slowSenderScript() []conversation {
	begun, over := newGate(1), newGate(1)
	return []conversation{
		{steps: []step{pass(begun), say("REQ 1 quick\n"), await(1), arrive(over), finish()}, judge: atLeast(1)},
		{steps: []step{say("REQ 1 a\nREQ 2 sl"), await(1), arrive(begun), pass(over), say("ow\n"), await(2), finish()}, judge: atLeast(1, 2)},
	}
}

// resetScript has resets between the two requests of a client, and another
// client come after them.
func resetScript() []conversation {
	lines, _ := requests(hurriedRequests)
	words := []string{"REQ 1 a", "REQ 1 a\nREQ 2 b", lines, lines + "REQ 1 a"}
	begun, over := newGate(1), newGate(len(words))
	script := bystanders(begun, over)
	for _, word := range words {
		script = append(script, conversation{steps: []step{pass(begun), say(word), reset(), arrive(over)}, unheard: true})
	}
	return script
}

// bystanders are a client that is there all the time, and one that comes when
// it is over.
func bystanders(begun, over *gate) []conversation {
	return []conversation{
		{steps: []step{say("REQ 1 a\n"), await(1), arrive(begun), pass(over), rest(noticeRest), say("REQ 2 b\n"), await(2), finish()},
			judge: atLeast(1, 2), label: "a request before and one behind what others did"},
		{steps: []step{pass(over), rest(noticeRest), say("REQ 1 a\n"), await(1), finish()},
			judge: atLeast(1), label: "a request when that was over"},
	}
}

// oversizeScript insists on an answer to each long line but the one that never
// ends: a server may be waiting for that.
func oversizeScript() []conversation {
	begun, over := newGate(1), newGate(4)
	long := func(label, words string, more ...step) conversation {
		steps := append([]step{pass(begun), say(words)}, more...)
		return conversation{steps: append(steps, arrive(over), finish()), judge: refusesOrTakes, long: true, label: label}
	}
	script := []conversation{
		long("a line of 65,537 bytes", lineOfBytes(foo.LineBytesMax+1), await(1)),
		long("a line of 1 MiB", lineOfBytes(hugeLineBytes), await(1)),
		long("a line of 1 MiB that is not Foo", strings.Repeat("\xff", hugeLineBytes-1)+"\n", await(1)),
		long("1 MiB without LF", strings.Repeat("x", hugeLineBytes), hope()),
	}
	script[3].judge = nothingButZero
	return append(script, bystanders(begun, over)...)
}

// refusesOrTakes expects one line: NAK 0, or a reply of a server whose lines
// may be longer. The connection may end or not.
func refusesOrTakes(h heard) (expected, came string) {
	expected = "NAK 0, or one reply to Seq 1"
	t := sumUp(h.received)
	if t.odd != nil || t.zeros+len(t.replies) != 1 || len(t.replies) != t.count[1] {
		return expected, h.String()
	}
	return expected, ""
}

// nothingButZero expects one NAK 0 at most.
func nothingButZero(h heard) (expected, came string) {
	expected = "NAK 0, or nothing, and no hang"
	t := sumUp(h.received)
	if t.odd != nil || t.zeros > 1 || len(t.replies) > 0 || h.end == endSilence {
		return expected, h.String()
	}
	return expected, ""
}
