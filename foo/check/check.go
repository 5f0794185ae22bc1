// Package check finds out whether a Foo server does what the protocol says,
// and whether a proxy in front of one can be told from it. It talks to both as
// any client does, over the standard net package; it shares nothing with the
// poller, and so may judge what stands on that.
//
// This file owns the course of a run: which checks there are, and what happens
// to each. It must not know what the single checks say.
//
//	script ──► play ──► transcripts ──► judge      ──► Result
//	   │                     │
//	   └─────► play via ─────┴────────► sameSpeech ──► Result
package check

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Check is one rule of the protocol, and the conversations that show whether a
// server keeps it. It is a value without state: use it as often as you like.
type Check struct {
	// Name is short, in lower case, and stays as it is.
	Name string
	// Says is the rule, as half a sentence.
	Says string

	// script makes the conversations. They are made anew each time because
	// gates open only once.
	script func() []conversation
	// together says that the conversations wait for each other.
	together bool
}

// Result is what became of one check. All its texts are escaped: they can
// neither steer a terminal nor break a line.
type Result struct {
	Name string `json:"name"`
	Says string `json:"says"`
	Pass bool   `json:"pass"`
	// Sent, Expected and Came tell of the first conversation that failed; they
	// are empty where none has.
	Sent     string `json:"sent,omitempty"`
	Expected string `json:"expected,omitempty"`
	Came     string `json:"came,omitempty"`
	// Note is what else there is to say.
	Note          string  `json:"note,omitempty"`
	Conversations int     `json:"conversations"`
	Seconds       float64 `json:"seconds"`
}

// Config says whom to check.
type Config struct {
	// Server is how to reach the server.
	Server Dial
	// Via is how to reach a proxy in front of that server. Where it is given,
	// the two are compared, and what the server does wrong is only noted: it
	// must do the same through the proxy.
	Via Dial
	// Timeout is how long the conversations of one check may take, from
	// TimeoutMin to TimeoutMax. They are held once, once more through Via, and
	// once more where something differs.
	Timeout time.Duration
}

// All returns the checks in the order in which they are made. Those that may
// take a bad server down are the last.
func All() []Check {
	return slices.Concat(requestChecks(), pieceChecks(), badLineChecks(), lifeChecks())
}

// Select returns the checks of these names, in the order of All. The error
// says which name there is not.
func Select(names []string) ([]Check, error) {
	all := All()
	for _, name := range names {
		if !slices.ContainsFunc(all, func(c Check) bool { return c.Name == name }) {
			return nil, fmt.Errorf("no check has the name %q", name)
		}
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !slices.Contains(names, c.Name) }), nil
}

// Run makes the checks one after the other and hands each result to report, in
// the same goroutine. It returns whether all have passed. The error is that of
// ctx, whose end stops the run; the check that it stopped has no result.
func Run(ctx context.Context, config Config, checks []Check, report func(Result)) (passed bool, err error) {
	if config.Timeout < TimeoutMin || config.Timeout > TimeoutMax {
		panic("check: Run was called with a timeout that is out of its bounds.")
	}
	passed = true
	for _, c := range checks {
		start := time.Now()
		r := c.hold(ctx, config)
		if err := ctx.Err(); err != nil {
			return false, err
		}
		r.Seconds = time.Since(start).Seconds()
		passed = passed && r.Pass
		report(r)
	}
	return passed, nil
}

// hold is one check from its beginning to its result.
func (c Check) hold(ctx context.Context, config Config) Result {
	script := c.script()
	direct := c.play(ctx, config, config.Server, script)
	r := Result{Name: c.Name, Says: c.Says, Pass: true, Conversations: len(script)}
	steady := func(model int) bool { return c.isSteady(ctx, config, script[model], direct[model]) }
	sent, expected, came := firstFault(script, direct, steady)
	if config.Via == nil {
		if came != "" {
			r.Pass, r.Sent, r.Expected, r.Came = false, sent, expected, came
		}
		return r
	}
	through := c.script()
	for i := range through {
		// An end that came directly is worth waiting for.
		through[i].patient = direct[i].end != endOpen
	}
	proxied := c.play(ctx, config, config.Via, through)
	c.compare(&r, script, direct, proxied)
	if r.Pass && came != "" {
		r.Note += "; the server itself fails here: sent " + sent + ", expected " + expected + ", came " + came
	}
	if !r.Pass {
		again := c.script()
		if at, _ := firstDifference(again, direct, c.play(ctx, config, config.Server, again)); at >= 0 {
			r.Note = "the server itself does not answer alike twice: sent " + again[at].sent()
		}
	}
	return r
}

func (c Check) play(ctx context.Context, config Config, dial Dial, script []conversation) []heard {
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	return playAll(ctx, dial, script, c.together)
}

// isSteady says whether the server answers the same words alike each time. One
// that does not, be it that it refuses requests at random, is free to answer
// other spellings differently as well.
func (c Check) isSteady(ctx context.Context, config Config, model conversation, first heard) bool {
	for _, again := range c.play(ctx, config, config.Server, slices.Repeat([]conversation{model}, steadyRepeats)) {
		if _, came := sameReplies(first, again); came != "" {
			return false
		}
	}
	return true
}

// firstFault asks each conversation's judge, and compares those that must be
// alike, unless the server is not steady in what they must be like. Who cannot
// be reached, or never stops talking, keeps no rule. All texts are empty where
// nothing is wrong.
func firstFault(script []conversation, transcripts []heard, steady func(model int) bool) (sent, expected, came string) {
	for i, c := range script {
		h := transcripts[i]
		switch h.end {
		case endNoConn:
			return c.sent(), "a connection", h.reason
		case endFlood:
			return c.sent(), "no more than replies", h.String()
		}
		if c.judge != nil {
			if expected, came = c.judge(h); came != "" {
				return c.sent(), expected, came
			}
		}
	}
	steadiness := make(map[int]bool)
	for i, c := range script {
		model := c.like - 1
		if model < 0 {
			continue
		}
		expected, came = sameReplies(transcripts[model], transcripts[i])
		if came == "" {
			continue
		}
		if _, known := steadiness[model]; !known {
			steadiness[model] = steady(model)
		}
		if steadiness[model] {
			return c.sent(), expected, came
		}
	}
	return "", "", ""
}
