package kv

// When operations complete, and what they see, while commits are slow or fail.

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func commitReally(tx *bolt.Tx) error { return tx.Commit() }

// gate holds each commit until the test lets it go on.
type gate struct {
	entered chan int             // how many commits there have been
	verdict chan func() error    // what happens after the commit
	commit  func(*bolt.Tx) error // how it is made
	commits int
}

func newGate() *gate {
	return &gate{entered: make(chan int, 1), verdict: make(chan func() error, 1), commit: commitReally}
}

func (g *gate) seam(s *seams) {
	s.commit = func(tx *bolt.Tx) error {
		g.commits++
		err := g.commit(tx)
		g.entered <- g.commits
		return errors.Join(err, (<-g.verdict)())
	}
}

func good() error { return nil }

// heard is what a test has put in and what has completed, in its order.
type heard struct {
	t    *testing.T
	r    *rig
	said []string
}

func (h *heard) put(c *Caller, line string) {
	h.t.Helper()
	err := h.r.Do(c, parse(line), func(res Result) { h.said = append(h.said, line+": "+say(res)) })
	if err != nil {
		h.t.Fatal(err)
	}
}

// want runs completions until there are as many as lines, and compares them.
func (h *heard) want(lines ...string) {
	h.t.Helper()
	if err := h.r.loop.until(func() bool { return len(h.said) >= len(lines) }); err != nil {
		h.t.Fatalf("%v: %q, not %q", err, h.said, lines)
	}
	if !slices.Equal(h.said, lines) {
		h.t.Fatalf("%q, not %q", h.said, lines)
	}
	h.said = nil
}

// taken waits until the worker has taken what was put in: a read of somebody without
// writes under way is answered when its turn comes.
func (h *heard) taken() {
	h.t.Helper()
	h.put(new(Caller), "get -")
	h.want("get -: (no such key)")
}

// TestNobodySeesWhatIsNotDurable holds a commit at its very end: all is written, and
// only the last sync has not come back.
func TestNobodySeesWhatIsNotDurable(t *testing.T) {
	g := newGate()
	h := &heard{t: t, r: openRig(t, tempFile(t), g.seam)}
	var a, b Caller
	h.put(&a, "set k 1")
	<-g.entered
	h.put(&a, "get k")
	h.put(&b, "get k")
	h.put(&b, "show")
	h.put(&b, "get -")
	h.put(&b, "get a b") // a rule is broken in its turn
	h.want("get k: (no such key)", "show: {}", "get -: (no such key)", "get a b: (no such key)")
	h.put(&a, "get")
	g.verdict <- good
	h.want("set k 1: ", "get k: 1", "get: (key is missing)")
	h.put(&b, "get k")
	h.want("get k: 1")
}

// TestWhatWaitsIsOneBatch also looks at the order in it: reads see what their caller
// put in before, and nothing that it put in behind them.
func TestWhatWaitsIsOneBatch(t *testing.T) {
	g := newGate()
	h := &heard{t: t, r: openRig(t, tempFile(t), g.seam)}
	callers := make([]Caller, 4)
	h.put(&callers[0], "set first 1")
	<-g.entered
	var want []string
	for i := range callers {
		for _, line := range []string{"set k%d a", "get k%d", "set k%d b", "cas k%d b c", "get k%d", "delete k%d", "get k%d"} {
			h.put(&callers[i], fmt.Sprintf(line, i))
		}
		for _, line := range []string{"set k%d a: ", "get k%d: a", "set k%d b: ", "cas k%d b c: ", "get k%d: c", "delete k%d: ", "get k%d: (no such key)"} {
			want = append(want, fmt.Sprintf(line, i))
		}
	}
	g.verdict <- good
	if n := <-g.entered; n != 2 {
		t.Fatalf("%d commits", n)
	}
	h.want("set first 1: ")
	g.verdict <- good
	h.want(want...)
	h.put(&callers[0], "set last 1")
	if n := <-g.entered; n != 3 {
		t.Errorf("%d operations took %d commits", len(want), n-1)
	}
	g.verdict <- good
	h.want("set last 1: ")
}

// TestWhatChangesNothingCommitsNothing because then it need not wait for the disk.
func TestWhatChangesNothingCommitsNothing(t *testing.T) {
	g := newGate()
	h := &heard{t: t, r: openRig(t, tempFile(t), g.seam)}
	var a Caller
	h.put(&a, "delete k")
	h.put(&a, "cas k 1 2")
	h.put(&a, "set k a\nb")
	h.want("delete k: (no such key)", "cas k 1 2: (no such key)", "set k a\nb: (value has NUL, LF or is not UTF-8)")
	if g.commits > 0 {
		t.Errorf("%d commits", g.commits)
	}
}

// crowded has no room for a transaction in which there is a key "large".
func crowded(tx *bolt.Tx) error {
	if tx.Bucket(bucketEntries).Get([]byte("large")) == nil {
		return tx.Commit()
	}
	return errors.Join(tx.Rollback(), noSpace("write")())
}

// TestWhatFindsNoRoomKeepsNobodyElseOut where it shares a batch with deletes, which make
// room. Afterwards what waits is one batch again.
func TestWhatFindsNoRoomKeepsNobodyElseOut(t *testing.T) {
	g := newGate()
	g.commit = crowded
	h := &heard{t: t, r: openRig(t, tempFile(t), g.seam)}
	var a, b Caller
	h.put(&a, "set k 1")
	<-g.entered
	go func() {
		for range g.entered {
			g.verdict <- good
		}
	}()
	for _, line := range []string{"set large 1", "get large", "get k", "set l 1", "get l"} {
		h.put(&a, line)
	}
	for _, line := range []string{"delete k", "set m 1", "incr m", "get m"} {
		h.put(&b, line)
	}
	h.taken()
	g.verdict <- good
	h.want("set k 1: ", "set large 1: "+full, "get large: (no such key)", "get k: 1", "set l 1: ", "get l: 1",
		"delete k: ", "set m 1: ", "incr m: 2", "get m: 2")
	commits := g.commits
	first := make(chan struct{})
	g.commit = func(tx *bolt.Tx) error { <-first; return tx.Commit() }
	h.put(&a, "set first 1")
	var want []string
	for i := range 20 {
		line := fmt.Sprintf("set k%d 1", i)
		h.put(&b, line)
		want = append(want, line+": ")
	}
	close(first)
	h.want(append([]string{"set first 1: "}, want...)...)
	if n := g.commits - commits; n > 2 {
		t.Errorf("afterwards %d operations take %d commits", 1+len(want), n)
	}
	h.r.shut(t)
	close(g.entered)
}

// TestABatchCountsWhatIsWritten and not what will be read.
func TestABatchCountsWhatIsWritten(t *testing.T) {
	g := newGate()
	h := &heard{t: t, r: openRig(t, tempFile(t), func(s *seams) { g.seam(s); s.noSync = true })}
	callers := make([]Caller, batchOpsMax/16)
	var first Caller
	h.put(&first, "set first 1")
	<-g.entered
	want := []string{"set first 1: "}
	for range 8 {
		for i := range callers {
			for _, line := range []string{"set k v", "get k"} {
				h.put(&callers[i], line)
			}
			want = append(want, "set k v: ", "get k: v")
		}
	}
	h.taken()
	go func() {
		for range g.entered {
			g.verdict <- good
		}
	}()
	g.verdict <- good
	h.want(want...)
	if g.commits != 2 {
		t.Errorf("%d operations took %d commits behind the first", len(want)-1, g.commits-1)
	}
	h.r.shut(t)
	close(g.entered)
}

const (
	full      = "(no space left in the store)"
	readOnly  = "(store is read-only until restart)"
	uncertain = "(not known whether it was done, store is read-only until restart)"
)

// noSpace is what a call says when there is none.
func noSpace(op string) func() error {
	return func() error { return &os.PathError{Op: op, Path: "store", Err: syscall.ENOSPC} }
}

func rollback(tx *bolt.Tx) error { return tx.Rollback() }

// leaveOpen does nothing with a transaction.
func leaveOpen(*bolt.Tx) error { return nil }

// failures are the ways in which a commit can end, and what its writers are told.
var failures = []struct {
	name    string
	commit  func(*bolt.Tx) error
	verdict func() error
	want    string
}{
	{"no space to write", rollback, noSpace("write"), full},
	{"the file cannot grow", rollback, func() error { return errors.New("file resize error: truncate x: file too large") }, full},
	{"no space, but the head is written", commitReally, noSpace("write"), uncertain},
	{"no space to sync", rollback, func() error { return syscall.ENOSPC }, uncertain},
	{"the grown file is not synced", rollback, func() error { return errors.New("file sync error: no space left on device") }, uncertain},
	{"a write fails", rollback, func() error { return &os.PathError{Op: "write", Path: "store", Err: syscall.EIO} }, uncertain},
	{"a sync fails", commitReally, func() error { return syscall.EIO }, uncertain},
	{"a panic before", rollback, func() error { panic("planted") }, uncertain},
	{"a panic behind", commitReally, func() error { panic("planted") }, uncertain},
	{"a panic within", leaveOpen, func() error { panic("planted") }, uncertain},
}

// TestAFailedCommit for each way in which one can end.
func TestAFailedCommit(t *testing.T) {
	for _, c := range failures {
		t.Run(c.name, func(t *testing.T) {
			g := newGate()
			path := tempFile(t)
			h := &heard{t: t, r: openRig(t, path, g.seam)}
			var a, b, other Caller
			h.put(&a, "set k old")
			<-g.entered
			g.verdict <- good
			h.want("set k old: ")

			g.commit = c.commit
			h.put(&a, "set k new")
			<-g.entered
			h.put(&a, "get k")
			h.put(&b, "set l new")
			h.put(&b, "get k")
			h.put(&other, "get k")
			h.want("get k: old")
			behind := readOnly  // it was in no commit
			if c.want == full { // the next batch finds room
				g.commit = commitReally
			}
			g.verdict <- c.verdict
			if c.want == full {
				<-g.entered
				g.verdict <- good
				behind = ""
			}
			h.want("set k new: "+c.want, "get k: old", "set l new: "+behind, "get k: old")
			h.put(&a, "show")
			h.put(&a, "delete -")
			if c.want == full {
				h.want(`show: {"k": "old", "l": "new"}`, "delete -: (no such key)")
			} else {
				h.want(`show: {"k": "old"}`, "delete -: "+readOnly)
			}
			h.r.shut(t)

			// After a restart it is what the disk has, and can be written again.
			again := openRig(t, path, nil)
			if err := again.set("m", "1"); err != nil {
				t.Error(err)
			}
			if got := again.get("k"); got != "old" && (got != "new" || c.want == full) {
				t.Errorf("k is %s after a restart", got)
			}
		})
	}
}

// TestTheStoreHasALimit and takes more once something has completed.
func TestTheStoreHasALimit(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    Op
		limit int
	}{
		{"operations", Op{Kind: Set, Key: []byte("k"), Value: []byte("v")}, opsMax},
		{"bytes in", Op{Kind: Set, Key: []byte("k"), Value: []byte(strings.Repeat("v", ValueBytesMax))}, opsBytesMax / (ValueBytesMax + 1 + opBytes)},
		{"bytes to come", Op{Kind: Get, Key: []byte("k")}, opsBytesMax / (ValueBytesMax + 1 + opBytes)},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newGate()
			r := openRig(t, tempFile(t), func(s *seams) { g.seam(s); s.noSync = true })
			var a, b Caller
			putIn, completed := 0, 0
			done := func(Result) { completed++ }
			if err := r.Do(&a, parse("set k v"), func(Result) {}); err != nil {
				t.Fatal(err)
			}
			<-g.entered
			first := Op{Kind: Set, Key: []byte("k")}
			room := opsBytesMax - first.size() - len("v")
			for ; r.Do(&a, c.op, done) == nil; putIn++ {
				room -= c.op.size()
			}
			if putIn != c.limit && putIn != c.limit-1 {
				t.Errorf("%d operations of %d are under way", putIn, c.limit)
			}
			if err := r.Do(&b, c.op, done); err != ErrBusy {
				t.Error(err)
			}
			g.verdict <- good
			go func() {
				for range g.entered {
					g.verdict <- good
				}
			}()
			for completed < putIn {
				if err := r.loop.turn(); err != nil {
					t.Fatal(err)
				}
			}
			if got := r.do(c.op); got.Err != nil {
				t.Error(got.Err)
			}
			r.shut(t)
			close(g.entered)
		})
	}
}

func TestALoopWithoutPlacesIsBusy(t *testing.T) {
	r := openRig(t, tempFile(t), nil)
	r.loop.places = 0
	if err := r.set("k", "v"); err != ErrBusy {
		t.Error(err)
	}
	r.loop.places = 1
	if err := r.set("k", "v"); err != nil {
		t.Error(err)
	}
}

// TestCloseCompletesWhatWasPutIn also where nobody takes the completions any more.
func TestCloseCompletesWhatWasPutIn(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	completed := 0
	for i := range 100 {
		if err := r.Do(&r.caller, parse(fmt.Sprintf("set k%02d %d", i, i)), func(Result) { completed++ }); err != nil {
			t.Fatal(err)
		}
	}
	l := r.loop
	r.shut(t)
	if err := l.until(func() bool { return completed == 100 }); err != nil {
		t.Error(err)
	}
	if n := strings.Count(dumped(t, path), "\n"); n != 100 {
		t.Errorf("%d of 100 are there", n)
	}
}
