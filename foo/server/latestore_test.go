package server

// A store whose completions are the test's: what it is given waits until the test
// says so, and is done in memory.

import (
	"bytes"

	"fooproxy/foo/kv"
)

// lateStore does operations when complete is called.
type lateStore struct {
	kv.Store // in memory
	reserve  kv.Reserve
	most     int // operations under way; 0 is no limit
	waiting  []lateOp
	refused  int // how often it was busy
	underWay int
}

type lateOp struct {
	caller   *kv.Caller
	op       kv.Op
	complete func(func())
	done     func(kv.Result)
}

func newLateStore(most int) *lateStore { return &lateStore{Store: kv.NewMemory(), most: most} }

func (l *lateStore) Start(reserve kv.Reserve) { l.reserve = reserve }

func (l *lateStore) Do(c *kv.Caller, op kv.Op, done func(kv.Result)) error {
	if l.most > 0 && l.underWay >= l.most {
		l.refused++
		return kv.ErrBusy
	}
	complete, ok := l.reserve()
	if !ok {
		panic("the mailbox has no place left")
	}
	l.underWay++
	op = kv.Op{Kind: op.Kind, Key: bytes.Clone(op.Key), Value: bytes.Clone(op.Value), Old: bytes.Clone(op.Old), After: bytes.Clone(op.After)}
	l.waiting = append(l.waiting, lateOp{c, op, complete, done})
	return nil
}

// complete has the first n operations done.
func (l *lateStore) complete(n int) {
	done := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	for _, o := range done {
		var result kv.Result
		if err := l.Store.Do(nil, o.op, func(r kv.Result) { result = r }); err != nil {
			panic(err)
		}
		o.complete(func() { l.underWay--; o.done(result) })
	}
}
