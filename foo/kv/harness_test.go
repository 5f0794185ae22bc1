package kv

// What the tests stand on: a loop that is the test's own, children of the test's own
// program, and stores on a file of a test.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// roleVariable makes the test's program play a part instead of running tests.
const roleVariable = "FOO_STORE_ROLE"

// roles are what a child can be.
var roles = map[string]func(args []string) error{
	"writer":  writeUntilKilled,
	"opener":  openOnce,
	"unsync":  setWithoutSync,
	"limited": writeLimited,
	"loader":  loadLimited,
	"linked":  openWithLinks,
}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child makes a process of its own that plays a role.
func child(role string, args ...string) *exec.Cmd {
	c := exec.Command(os.Args[0], args...)
	c.Env = append(os.Environ(), roleVariable+"="+role)
	return c
}

// release reports whether the longer forms of tests are asked for.
func release() bool { return os.Getenv("FOO_RELEASE") == "1" }

// loop stands for a loop and its mailbox.
type loop struct {
	runs     chan func()
	reserved int
	places   int
}

func newLoop() *loop { return &loop{runs: make(chan func(), 2*opsMax), places: 2 * opsMax} }

func (l *loop) reserve() (complete func(run func()), ok bool) {
	if l.reserved >= l.places {
		return nil, false
	}
	l.reserved++
	return func(run func()) { l.runs <- run }, true
}

var errPatience = errors.New("nothing has completed in time")

// turn runs one completion.
func (l *loop) turn() error {
	select {
	case run := <-l.runs:
		l.reserved--
		run()
		return nil
	case <-time.After(patience):
		return errPatience
	}
}

// until runs completions until a condition holds.
func (l *loop) until(done func() bool) error {
	for !done() {
		if err := l.turn(); err != nil {
			return err
		}
	}
	return nil
}

// rig is a store with its loop.
type rig struct {
	Store
	loop   *loop
	caller Caller
}

func newRig(s Store) *rig {
	r := &rig{Store: s, loop: newLoop()}
	s.Start(r.loop.reserve)
	return r
}

// do does one operation and waits for it.
func (r *rig) do(op Op) Result {
	var got *Result
	if err := r.Do(&r.caller, op, func(res Result) { got = &res }); err != nil {
		return Result{Err: err}
	}
	if err := r.loop.until(func() bool { return got != nil }); err != nil {
		return Result{Err: err}
	}
	return *got
}

func (r *rig) set(key, value string) error {
	return r.do(Op{Kind: Set, Key: []byte(key), Value: []byte(value)}).Err
}

// get returns the value, or the error in brackets.
func (r *rig) get(key string) string { return say(r.do(Op{Kind: Get, Key: []byte(key)})) }

// say writes a result down.
func say(r Result) string {
	if r.Err != nil {
		return "(" + r.Err.Error() + ")"
	}
	if len(r.Next) > 0 {
		return fmt.Sprintf("%s more after %s", r.Value, r.Next)
	}
	return string(r.Value)
}

// realSeams are none.
func realSeams() seams { return seams{commit: commitReally} }

// openRig opens a file for a test, with the seams changed.
func openRig(t testing.TB, path string, change func(*seams)) *rig {
	t.Helper()
	s := realSeams()
	if change != nil {
		change(&s)
	}
	d, err := open(path, zap.NewNop(), s)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(d)
	t.Cleanup(func() { r.shut(t) })
	return r
}

// shut closes a store, once.
func (r *rig) shut(t testing.TB) {
	t.Helper()
	if r.Store == nil {
		return
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	r.Store = nil
}

func tempFile(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }

// eachStore runs a test with a store of each kind.
func eachStore(t *testing.T, test func(t *testing.T, r *rig)) {
	t.Run("memory", func(t *testing.T) { test(t, newRig(NewMemory())) })
	t.Run("file", func(t *testing.T) { test(t, openRig(t, tempFile(t), nil)) })
}

// dumped returns what a file holds, as Dump tells it.
func dumped(t testing.TB, path string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Dump(path, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
