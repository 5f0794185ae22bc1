// sim_store_test.go owns the store of a simulated run: one whose answers come when the
// run draws it. Whoever gets a key is told what he has said, so that for the verdict
// it is an echo that comes late.

package server

import (
	"bytes"
	"time"

	"github.com/google/uuid"

	"fooproxy/foo/kv"
	"fooproxy/poller"
	"fooproxy/poller/fake"
)

const (
	// simLateWord stands in front of data that the store has to answer.
	simLateWord = "get"
	// simStoreLateMax is how long the oldest operation waits at most.
	simStoreLateMax = 100 * time.Millisecond
)

type simStore struct {
	choices  *fake.Choices
	loop     *poller.Loop
	reserve  kv.Reserve
	most     int // operations under way
	latest   time.Duration
	waiting  []simOp
	underWay int
	timer    poller.Timer
}

type simOp struct {
	key      []byte
	complete func(func())
	done     func(kv.Result)
}

func drawStore(c *fake.Choices) *simStore {
	lates := [...]time.Duration{0, time.Millisecond, 10 * time.Millisecond, simStoreLateMax}
	return &simStore{choices: c, most: [...]int{100, 1, 2, 5}[c.Next(4)], latest: lates[c.Next(len(lates))]}
}

func (s *simStore) Start(reserve kv.Reserve) { s.reserve = reserve }

func (s *simStore) Do(_ *kv.Caller, op kv.Op, done func(kv.Result)) error {
	if s.underWay >= s.most {
		return kv.ErrBusy
	}
	if s.underWay == 0 && s.choices.Chance(200) {
		done(answerLate(op.Key))
		return nil
	}
	complete, ok := s.reserve()
	if !ok {
		return kv.ErrBusy
	}
	s.underWay++
	s.waiting = append(s.waiting, simOp{bytes.Clone(op.Key), complete, done})
	s.arm()
	return nil
}

func answerLate(key []byte) kv.Result {
	return kv.Result{Value: append([]byte(simLateWord+" "), key...)}
}

func (s *simStore) arm() {
	if len(s.waiting) > 0 && !s.timer.Armed() {
		s.loop.Arm(&s.timer, s, s.loop.Now()+int64(s.choices.Next(int(s.latest)+1)))
	}
}

// Expire implements poller.Expirer: some of what waits is done.
func (s *simStore) Expire(int64) {
	n := 1 + s.choices.Next(len(s.waiting))
	for _, o := range s.waiting[:n] {
		o.complete(func() { s.underWay--; o.done(answerLate(o.key)) })
	}
	s.waiting = s.waiting[n:]
	s.arm()
}

func (s *simStore) ID() uuid.UUID { return uuid.UUID{} }
func (s *simStore) Close() error  { return nil }
