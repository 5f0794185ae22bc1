package main

// This file owns the test that many clients at once see one store, also over kills of
// the server: what they were told is held against every order in which it could have
// happened.

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"fooproxy/cmd/internal/proctest"
)

const (
	linearConns  = 50 // connections at once
	linearDepth  = 8  // requests under way on each
	linearKeys   = 64 // so few that they meet
	linearRounds = 8  // each ends with a kill
	linearEach   = 80 // requests of a connection in a round, at most
)

// unknown is what a client was told whose server was killed: the operation has
// happened, or not.
const unknown = "?"

// linearModel is what one key does. Its states are "" where it is absent, and
// otherwise "=" and the value.
var linearModel = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		parts := make([][]porcupine.Operation, linearKeys)
		for _, o := range history {
			var key int
			if _, err := fmt.Sscanf(strings.Fields(o.Input.(string))[1], "k%d", &key); err != nil {
				panic(err)
			}
			parts[key] = append(parts[key], o)
		}
		return parts
	},
	Init: func() []any { return []any{""} },
	Step: func(state, input, output any) []any {
		said, after := oneKey(state.(string), input.(string))
		switch {
		case output.(string) == unknown:
			return []any{state, after}
		case output.(string) == said:
			return []any{after}
		}
		return nil
	},
}).ToModel()

// oneKey is what the server must say, and the state behind it.
func oneKey(state, line string) (said, after string) {
	fields := strings.Fields(line)
	value, there := strings.CutPrefix(state, "=")
	switch fields[0] {
	case "set":
		return "ACK ok", "=" + fields[2]
	case "incr":
		n := 0
		if there {
			var err error
			if n, err = strconv.Atoi(value); err != nil {
				panic(err)
			}
		}
		return fmt.Sprintf("ACK %d", n+1), fmt.Sprintf("=%d", n+1)
	}
	switch {
	case !there:
		return "NAK no such key", state
	case fields[0] == "get":
		return "ACK " + value, state
	case fields[0] == "delete":
		return "ACK ok", ""
	case fields[2] != value:
		return "NAK value differs", state
	}
	return "ACK ok", "=" + fields[3]
}

func drawOperation(random *rand.Rand) string {
	key, value := random.IntN(linearKeys), random.IntN(4)
	switch random.IntN(7) {
	case 0, 1:
		return fmt.Sprintf("get k%d", key)
	case 2:
		return fmt.Sprintf("set k%d %d", key, value)
	case 3:
		return fmt.Sprintf("cas k%d %d %d", key, value, random.IntN(4))
	case 4:
		return fmt.Sprintf("delete k%d", key)
	}
	return fmt.Sprintf("incr k%d", key)
}

// account is what all clients were told.
type account struct {
	mutex   sync.Mutex
	history []porcupine.Operation
	told    atomic.Int64 // in this round
	begin   time.Time
}

func (a *account) now() int64 { return int64(time.Since(a.begin)) }

func (a *account) note(line, said string, call, end int64) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.history = append(a.history, porcupine.Operation{ClientId: len(a.history), Input: line, Output: said, Call: call, Return: end})
}

func TestFiftyClientsSeeOneStoreOverKills(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	path := filepath.Join(t.TempDir(), "keys")
	a := &account{begin: time.Now()}
	for round := range linearRounds {
		a.told.Store(0)
		p := keep(t, path)
		var work sync.WaitGroup
		var killed atomic.Bool
		for range linearConns {
			conn := p.Dial()
			own := rand.New(rand.NewPCG(random.Uint64(), 2))
			work.Go(func() { a.speak(t, conn, own, &killed) })
		}
		wanted := random.Int64N(linearConns * linearEach)
		for end := time.Now().Add(proctest.Patience); a.told.Load() < wanted; time.Sleep(100 * time.Microsecond) {
			if time.Now().After(end) {
				t.Fatalf("round %d: %d replies of %d", round, a.told.Load(), wanted)
			}
		}
		killed.Store(true)
		p.Send(syscall.SIGKILL)
		p.ExpectExit(-1)
		work.Wait()
	}
	lost := 0
	for _, o := range a.history {
		if o.Output == unknown {
			lost++
		}
	}
	got := porcupine.CheckOperationsTimeout(linearModel, a.history, 2*time.Minute)
	proctest.Figure(t, "S3", fmt.Sprintf("get, set, cas, incr and delete, %d connections x %d, %d kills", linearConns, linearDepth, linearRounds),
		fmt.Sprintf("%d operations, %d of them without reply: linearizable %s", len(a.history), lost, got), "all")
	if got != porcupine.Ok {
		t.Errorf("seed %d", seed)
	}
}

// speak pipelines requests until all are answered or the server is killed.
func (a *account) speak(t *testing.T, conn net.Conn, random *rand.Rand, killed *atomic.Bool) {
	defer conn.Close()
	type request struct {
		line string
		call int64
	}
	places := make(chan struct{}, linearDepth) // one for each request under way
	sent := make(chan request, linearEach)
	go func() {
		defer close(sent)
		for n := range linearEach {
			places <- struct{}{}
			r := request{drawOperation(random), a.now()}
			sent <- r
			if _, err := fmt.Fprintf(conn, "REQ %d %s\n", n+1, r.line); err != nil {
				return
			}
		}
	}()
	in, n, lost := bufio.NewReader(conn), 0, false
	for r := range sent {
		said := unknown
		if !lost {
			text, err := in.ReadString('\n')
			kind, data, ok := strings.Cut(strings.TrimSuffix(text, "\n"), fmt.Sprintf(" %d ", n+1))
			switch {
			case err != nil && !killed.Load():
				t.Errorf("the connection has ended: %v", err)
				lost = true
			case err != nil:
				lost = true
			case !ok:
				t.Errorf("request %d is answered with %q", n+1, text)
			default:
				said = kind + " " + data
			}
		}
		if n++; lost {
			conn.Close() // whoever sends is not to wait
		}
		a.note(r.line, said, r.call, a.now())
		a.told.Add(1)
		<-places
	}
}
