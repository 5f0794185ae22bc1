// This file owns what a client says and when: a conversation is a list of
// steps. It must not know how a step is done, nor what the answers mean.
package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fooproxy/foo"
)

// action is what a client does in one step.
type action uint8

const (
	actSay    action = iota // write bytes
	actRest                 // do nothing for a while; part of what is sent
	actAwait                // wait until enough has come, or the stream ends
	actHope                 // the same, but for no longer than a quiet while
	actFinish               // half-close, and listen until the end or a quiet while
	actEnd                  // half-close, and listen until the end, however long
	actReset                // reset the connection
	actArrive               // let others pass a gate
	actPass                 // wait for the others at a gate
)

// need is what has to have come: so many whole lines since the beginning, or a
// reply of this Seq. One of the two is 0.
type need struct {
	lines int
	seq   uint64
}

type step struct {
	act    action
	words  string
	length time.Duration
	until  need
	gate   *gate
}

func say(words string) step          { return step{act: actSay, words: words} }
func rest(length time.Duration) step { return step{act: actRest, length: length} }
func finish() step                   { return step{act: actFinish} }
func finishToTheEnd() step           { return step{act: actEnd} }
func reset() step                    { return step{act: actReset} }
func arrive(g *gate) step            { return step{act: actArrive, gate: g} }
func pass(g *gate) step              { return step{act: actPass, gate: g} }

// await waits for so many whole lines since the beginning.
func await(lines int) step { return step{act: actAwait, until: need{lines: lines}} }

// hope waits for a line that may come or not.
func hope() step { return step{act: actHope, until: need{lines: 1}} }

// awaitReplyTo waits for a reply of this Seq, whatever else comes.
func awaitReplyTo(seq uint64) step { return step{act: actAwait, until: need{seq: seq}} }

// conversation is what one client does on one connection, and what is to be
// thought of the answers.
type conversation struct {
	steps []step
	judge judge // nil where nothing is expected

	// like names the conversation whose replies must be the same: its place in
	// the script, counted from 1. 0 is none. Neither of the two has a gate.
	like int

	label   string // what was sent, where the words would say it badly
	long    bool   // a line is so long that a proxy may refuse it for itself
	unheard bool   // what comes is left to chance
	patient bool   // the end will come, and is waited for
}

// talk is the usual conversation: the pieces with pauses between them, so many
// lines of replies, and the end.
func talk(judge judge, lines int, pieces ...string) conversation {
	return conversation{steps: append(inPieces(pieces...), await(lines), finish()), judge: judge}
}

func inPieces(pieces ...string) []step {
	var steps []step
	for i, piece := range pieces {
		if i > 0 {
			steps = append(steps, rest(cutPause))
		}
		steps = append(steps, say(piece))
	}
	return steps
}

// oneByOne sends each line when the one before it has been answered.
func oneByOne(judge judge, lines ...string) conversation {
	var steps []step
	for i, line := range lines {
		steps = append(steps, say(line), await(i+1))
	}
	return conversation{steps: append(steps, finish()), judge: judge}
}

// requests makes as many requests as are asked for, from Seq 1 on.
func requests(count int) (lines string, seqs []uint64) {
	var b strings.Builder
	for seq := range uint64(count) {
		seqs = append(seqs, seq+1)
		fmt.Fprintf(&b, "REQ %d request %d\n", seq+1, seq+1)
	}
	return b.String(), seqs
}

// sent puts into words what the conversation says, escaped, with a bar where
// there is a pause.
func (c conversation) sent() string {
	if c.label != "" {
		return c.label
	}
	var pieces []string
	for _, s := range c.steps {
		if s.act == actSay {
			pieces = append(pieces, foo.Quote([]byte(s.words)))
		}
	}
	switch {
	case len(pieces) == 0:
		return "nothing"
	case len(pieces) > piecesShown+1:
		pieces = append(slices.Clip(pieces[:piecesShown]), fmt.Sprintf("%d pieces more", len(pieces)-piecesShown))
	}
	return strings.Join(pieces, " | ")
}
