package kv

// Whether many callers at once see one store: a history of what they were told is
// held against every order in which it could have happened.

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	bolt "go.etcd.io/bbolt"
)

// oneKey is what a single key does; keys do not meet.
var oneKey = porcupine.Model{
	Partition: func(history []porcupine.Operation) (parts [][]porcupine.Operation) {
		keys := map[string]int{}
		for _, o := range history {
			key := strings.Fields(o.Input.(string))[1]
			i, ok := keys[key]
			if !ok {
				i = len(parts)
				keys[key] = i
				parts = append(parts, nil)
			}
			parts[i] = append(parts[i], o)
		}
		return parts
	},
	Init: func() any { return "" }, // a value of a key that is there begins with =
	Step: func(state, input, output any) (bool, any) {
		op, m := parse(input.(string)), model{}
		if value := state.(string); value != "" {
			m[string(op.Key)] = value[1:]
		}
		said := m.do(op)
		value, there := m[string(op.Key)]
		if there {
			value = "=" + value
		}
		return said == output.(string), value
	},
}

func TestManyCallersSeeOneStore(t *testing.T) {
	for seed := range uint64(5) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			history := makeCalls(t, rand.New(rand.NewPCG(seed, 9)))
			if got := porcupine.CheckOperationsTimeout(oneKey, history, patience); got != porcupine.Ok {
				t.Errorf("%d operations: %s", len(history), got)
			}
		})
	}
}

// makeCalls has callers pipeline operations while some commits find no room; what is
// refused has not happened.
func makeCalls(t *testing.T, random *rand.Rand) (history []porcupine.Operation) {
	dice := rand.New(rand.NewPCG(random.Uint64(), 0)) // the committer's
	r := openRig(t, tempFile(t), func(s *seams) {
		s.noSync = true
		s.commit = func(tx *bolt.Tx) error {
			time.Sleep(time.Duration(dice.IntN(300)) * time.Microsecond) // what a disk takes
			if dice.IntN(8) == 0 {
				return errors.Join(&os.PathError{Op: "write", Path: "store", Err: syscall.ENOSPC}, tx.Rollback())
			}
			return tx.Commit()
		}
	})
	callers := make([]Caller, 10)
	clock, underWay := int64(0), 0
	for range 1500 {
		line := fmt.Sprintf([]string{"get k%d", "set k%d", "cas k%d 1 2", "cas k%d 2 1", "incr k%d", "delete k%d", "get k%d"}[random.IntN(7)], random.IntN(4))
		if strings.HasPrefix(line, "set") {
			line = fmt.Sprintf("%.6s %d", line, random.IntN(3))
		}
		clock++
		call := clock
		underWay++
		err := r.Do(&callers[random.IntN(len(callers))], parse(line), func(res Result) {
			underWay--
			clock++
			if res.Err != ErrFull {
				history = append(history, porcupine.Operation{ClientId: len(history), Input: line, Output: say(res), Call: call, Return: clock})
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.loop.until(func() bool { return underWay < 20 }); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
		t.Fatal(err)
	}
	return history
}
