// fault_history_test.go owns what a client's history must look like, whatever
// faults there were: each connection is a queue, first in first out, with exactly
// one reply for each request. It does not know how histories come about.
//
// A history is checked as that of a queue: sending a request puts its reply in,
// receiving a line takes it out. Requests as operations of their own would not
// do: many are under way at a time on one connection, and where their times
// overlap any order of their replies would be as good as another.

package main

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"fooproxy/cmd/internal/proctest"
)

// action is one operation on one connection.
type action struct {
	connection string
	kind       actionKind
	seq        int    // of the request that was sent
	line       string // what was received: a line with its LF, or at the end what came without one
	excused    bool   // the end: a fault was recorded that may cut this connection
	orderly    bool   // the end: it was FIN
}

type actionKind uint8

const (
	sent actionKind = iota
	received
	over
)

// connectionState is the state of the model: how many requests were sent and how many
// replies have come.
type connectionState struct {
	sent, received int
	over           bool
}

// replyOf is what the server says to a request of a connection.
func replyOf(connection string, seq int) string {
	return "ACK" + requestOf(connection, seq)[len("REQ"):]
}

// requestOf names connection and request, in lines of many lengths.
func requestOf(connection string, seq int) string {
	size := seq * 37 % 300
	if seq%4 == 0 {
		size = 4000 // so that what is outstanding does not always fit into one write
	}
	return fmt.Sprintf("REQ %d %s.%d.%s\n", seq, connection, seq, strings.Repeat("x", size))
}

func (q connectionState) step(a action) (bool, connectionState) {
	if q.over {
		return false, q
	}
	switch a.kind {
	case sent:
		q.sent++
		return a.seq == q.sent, q
	case received:
		q.received++
		return q.received <= q.sent && a.line == replyOf(a.connection, q.received), q
	}
	q.over = true
	if a.excused {
		return strings.HasPrefix(replyOf(a.connection, q.received+1), a.line), q
	}
	return a.orderly && a.line == "" && q.received == q.sent, q
}

var fifo = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		places := map[string]int{}
		for _, o := range history {
			connection := o.Input.(action).connection
			place, known := places[connection]
			if !known {
				place = len(parts)
				places[connection] = place
				parts = append(parts, nil)
			}
			parts[place] = append(parts[place], o)
		}
		return parts
	},
	Init: func() any { return connectionState{} },
	Step: func(state, input, _ any) (bool, any) {
		ok, q := state.(connectionState).step(input.(action))
		return ok, q
	},
	Equal: func(a, b any) bool { return a == b },
}

// refuses says what is wrong with a history, connection by connection; nothing
// where all is well.
func refuses(history []porcupine.Operation) (wrong []string) {
	for _, part := range fifo.Partition(history) {
		if result := porcupine.CheckOperationsTimeout(fifo, part, proctest.Patience); result != porcupine.Ok {
			wrong = append(wrong, fmt.Sprintf("%s: %s: %s", part[0].Input.(action).connection, result, tellHistory(part)))
		}
	}
	return wrong
}

// tellHistory tells a history by its numbers.
func tellHistory(part []porcupine.Operation) string {
	var q connectionState
	for _, o := range part {
		a := o.Input.(action)
		switch a.kind {
		case sent:
			q.sent++
		case received:
			q.received++
			if want := replyOf(a.connection, q.received); a.line != want {
				return fmt.Sprintf("reply %d is %.60q, not %.60q", q.received, a.line, want)
			}
		case over:
			return fmt.Sprintf("%d sent, %d received, then %.60q; orderly %v, excused %v", q.sent, q.received, a.line, a.orderly, a.excused)
		}
	}
	return fmt.Sprintf("%d sent, %d received, no end", q.sent, q.received)
}

// stamps is a clock that never stands still: what is over before something else
// begins has the smaller number.
type stamps struct{ last atomic.Int64 }

func (s *stamps) next() int64 { return s.last.Add(1) }

// written is a history by hand: operations one after the other.
func written(actions ...action) (history []porcupine.Operation) {
	for i, a := range actions {
		a.connection = "c"
		history = append(history, porcupine.Operation{Input: a, Call: int64(2 * i), Return: int64(2*i + 1)})
	}
	return history
}

func TestTheCheckOfHistoriesRefusesWhatIsWrong(t *testing.T) {
	send := func(seq int) action { return action{kind: sent, seq: seq} }
	get := func(seq int) action { return action{kind: received, line: replyOf("c", seq)} }
	end, cut := action{kind: over, orderly: true}, action{kind: over, excused: true}
	reset := action{kind: over}
	half := cut
	half.line = replyOf("c", 2)[:4]
	garbage := cut
	garbage.line = "ACK 7"
	changed := get(2)
	changed.line = strings.Replace(changed.line, "c.", "d.", 1)
	for name, c := range map[string]struct {
		history []porcupine.Operation
		right   bool
	}{
		"one after the other":         {written(send(1), get(1), send(2), get(2), end), true},
		"pipelined":                   {written(send(1), send(2), get(1), get(2), end), true},
		"cut by a fault":              {written(send(1), send(2), get(1), cut), true},
		"cut in a reply by a fault":   {written(send(1), send(2), get(1), half), true},
		"a lost reply":                {written(send(1), send(2), get(2), end), false},
		"the last reply lost":         {written(send(1), send(2), get(1), end), false},
		"a reply lost before a fault": {written(send(1), send(2), get(2), cut), false},
		"a doubled reply":             {written(send(1), get(1), get(1), send(2), get(2), end), false},
		"the last reply doubled":      {written(send(1), get(1), get(1), end), false},
		"swapped replies":             {written(send(1), send(2), get(2), get(1), end), false},
		"a reply before its request":  {written(get(1), send(1), end), false},
		"another's reply":             {written(send(1), send(2), get(1), changed, end), false},
		"a reply behind the end":      {written(send(1), end, get(1)), false},
		"half a reply, no fault":      {written(send(1), send(2), get(1), action{kind: over, orderly: true, line: "ACK"}), false},
		"garbage at a fault":          {written(send(1), send(2), get(1), garbage), false},
		"reset without a fault":       {written(send(1), get(1), reset), false},
	} {
		if wrong := refuses(c.history); (len(wrong) == 0) != c.right {
			t.Errorf("%s: %q", name, wrong)
		}
	}
}

// TestTheCheckOfHistoriesTakesLinearTime has every send overlap with receiving,
// as a connection does that is used both ways at once.
func TestTheCheckOfHistoriesTakesLinearTime(t *testing.T) {
	const n = 3000
	var history []porcupine.Operation
	for i := range n {
		at := int64(10 * i)
		history = append(history,
			porcupine.Operation{Input: action{connection: "c", kind: sent, seq: i + 1}, Call: at, Return: at + 12},
			porcupine.Operation{Input: action{connection: "c", kind: received, line: replyOf("c", i+1)}, Call: at + 5, Return: at + 14})
	}
	begin := time.Now()
	if wrong := refuses(history); len(wrong) > 0 {
		t.Error(wrong)
	}
	if took := time.Since(begin); took > proctest.Patience {
		t.Errorf("%d operations took %v", len(history), took)
	}
}
