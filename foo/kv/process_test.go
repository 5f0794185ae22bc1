package kv

// What only several processes can show: one that is killed, one that comes second,
// and one whose disk does not sync.

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// openOnce opens a file and says so.
func openOnce(args []string) error {
	s, err := Open(args[0], zap.NewNop())
	if err != nil {
		return err
	}
	fmt.Println("opened", s.ID())
	return s.Close()
}

// TestASecondProcessIsToldAtOnce whether it wants to serve, to export or to import.
func TestASecondProcessIsToldAtOnce(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	if err := r.set("k", "v"); err != nil {
		t.Fatal(err)
	}
	out, err := child("opener", path).CombinedOutput()
	if want := path + ": another process uses it\n"; err == nil || string(out) != want {
		t.Errorf("%v: %q, not %q", err, out, want)
	}
	if _, err := Dump(path, os.Stdout); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if _, err := Load(path, strings.NewReader("")); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	id := r.ID()
	r.shut(t)
	out, err = child("opener", path).CombinedOutput()
	if want := "opened " + id.String() + "\n"; err != nil || string(out) != want {
		t.Errorf("%v: %q, not %q", err, out, want)
	}
}

// Each writer of a child counts up; what it does is known from the number.
const (
	writers     = 4
	writerDepth = 16
)

func writersOp(writer, n int) Op {
	op := Op{Kind: Set, Key: fmt.Appendf(nil, "w%d.%d", writer, n%37)}
	op.Value = []byte(strings.Repeat(strconv.Itoa(n)+" ", 1+n*n%200))
	switch {
	case n%11 == 0:
		op = Op{Kind: Delete, Key: op.Key}
	case n%13 == 0:
		op = Op{Kind: Incr, Key: fmt.Appendf(nil, "w%d.sum", writer)}
	}
	return op
}

// writeUntilKilled writes for ever and says what is acknowledged.
func writeUntilKilled(args []string) error {
	s, err := Open(args[0], zap.NewNop())
	if err != nil {
		return err
	}
	r := newRig(s)
	callers := make([]Caller, writers)
	var put func(writer, n int) error
	put = func(writer, n int) error {
		return r.Do(&callers[writer], writersOp(writer, n), func(res Result) {
			if res.Err != nil && res.Err != ErrAbsent {
				fmt.Println(res.Err)
				os.Exit(1)
			}
			fmt.Println(writer, n)
			if err := put(writer, n+writerDepth); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
		})
	}
	for writer := range writers {
		next, err := strconv.Atoi(args[1+writer])
		if err != nil {
			return err
		}
		for i := range writerDepth {
			if err := put(writer, next+i); err != nil {
				return err
			}
		}
	}
	for {
		if err := r.loop.turn(); err != nil {
			return err
		}
	}
}

// TestNothingAcknowledgedIsLostInAKill and what was not acknowledged is there wholly or
// not at all, in the order in which it was put in.
func TestNothingAcknowledgedIsLostInAKill(t *testing.T) {
	rounds := 50
	if release() {
		rounds = 1000
	}
	path := tempFile(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	var done [writers]int
	var held [writers]model
	for writer := range held {
		held[writer] = model{}
	}
	acknowledged := 0
	for round := range rounds {
		acked := killWriter(t, path, done, time.Duration(random.Int64N(int64(20*time.Millisecond))))
		r := openRig(t, path, nil)
		for writer, last := range acked {
			acknowledged += max(0, last-done[writer]+1)
			done[writer] = findState(t, r, writer, held[writer], done[writer], last+1)
		}
		r.shut(t)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d writes were acknowledged in %d rounds", acknowledged, rounds)
}

// killWriter returns the last write of each writer that was acknowledged.
func killWriter(t *testing.T, path string, next [writers]int, life time.Duration) (acked [writers]int) {
	t.Helper()
	args := []string{path}
	for writer, n := range next {
		args = append(args, strconv.Itoa(n))
		acked[writer] = n - 1
	}
	c := child("writer", args...)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for first := true; lines.Scan(); {
		var writer, n int
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &writer, &n); err != nil {
			t.Errorf("the writer says %q", lines.Text())
			break
		}
		if n != acked[writer]+1 {
			t.Errorf("write %d is acknowledged behind %d", n, acked[writer])
		}
		acked[writer] = n
		if first {
			first = false
			time.AfterFunc(life, func() { c.Process.Kill() }) //nolint:errcheck // it may have failed before
		}
	}
	if err := c.Wait(); err == nil || c.ProcessState.Sys().(interface{ Signaled() bool }).Signaled() == false {
		t.Errorf("the writer has ended by itself: %v", err)
	}
	return acked
}

// findState brings a writer's model from a write to the one that the store has come to,
// which is not before the first that was not acknowledged.
func findState(t *testing.T, r *rig, writer int, m model, from, least int) (next int) {
	t.Helper()
	res := r.do(Op{Kind: Show, Key: fmt.Appendf(nil, "w%d.", writer)})
	if res.Err != nil || len(res.Next) > 0 {
		t.Fatalf("%v, %q", res.Err, res.Next)
	}
	for n := from; n <= least+writerDepth; n++ {
		if n >= least && m.show("", "") == string(res.Value) {
			return n
		}
		m.do(writersOp(writer, n))
	}
	t.Errorf("writer %d: acknowledged up to %d, and the store holds %.2000s", writer, least-1, res.Value)
	return least
}

// TestAnAcknowledgementNeedsASync runs a store where every sync fails: then nothing may
// be acknowledged. One that does not sync at all is found by the same test.
func TestAnAcknowledgementNeedsASync(t *testing.T) {
	for _, c := range []struct{ name, how, want string }{
		{"syncing", "sync", "before: \nset: " + uncertain + "\nget: old\nagain: (store is read-only until restart)\n"},
		{"planted: without sync", "nosync", "before: \nset: \nget: new\nagain: \n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := tempFile(t)
			out, err := child("unsync", path, c.how).CombinedOutput()
			if strings.Contains(string(out), "no filter") {
				t.Skip(string(out))
			}
			if err != nil || string(out) != c.want {
				t.Errorf("%v: %q, not %q", err, out, c.want)
			}
			r := openRig(t, path, nil)
			if got := r.get("k"); got != "old" && got != "new" {
				t.Errorf("after a restart k is %s", got)
			}
		})
	}
}

// TestAFileIsSyncedBeforeItIsRead because its last writer may have been killed between a
// write and its sync. An export goes on, since what it saves may be all that is left.
func TestAFileIsSyncedBeforeItIsRead(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	if err := r.set("k", "v"); err != nil {
		t.Fatal(err)
	}
	r.shut(t)
	for how, saved := range map[string]string{"opening": "", "exporting": `{"key": "k", "value": "v"}` + "\n"} {
		out, err := child("unsync", path, how).CombinedOutput()
		if strings.Contains(string(out), "no filter") {
			t.Skip(string(out))
		}
		if err == nil || !strings.HasPrefix(string(out), saved) || !strings.Contains(string(out), "input/output error") {
			t.Errorf("%s: %v: %q", how, err, out)
		}
	}
}

func setWithoutSync(args []string) error {
	s := realSeams()
	if args[1] == "opening" || args[1] == "exporting" {
		if err := forbidSync(); err != nil {
			return fmt.Errorf("no filter: %w", err)
		}
	}
	if args[1] == "exporting" {
		_, err := Dump(args[0], os.Stdout)
		return err
	}
	s.noSync = args[1] == "nosync"
	d, err := open(args[0], zap.NewNop(), s)
	if err != nil {
		return err
	}
	r := newRig(d)
	var before Result
	for range 5 { // the file has its length then, which is not synced again
		before = r.do(parse("set k old"))
	}
	fmt.Printf("before: %s\n", say(before))
	if err := forbidSync(); err != nil {
		return fmt.Errorf("no filter: %w", err)
	}
	fmt.Printf("set: %s\n", say(r.do(parse("set k new"))))
	fmt.Printf("get: %s\n", r.get("k"))
	fmt.Printf("again: %s\n", say(r.do(parse("set l new"))))
	return r.Close()
}

// forbidSync has the kernel answer EIO to each sync of this process, for ever.
func forbidSync() error { return forbid(unix.EIO, unix.SYS_FDATASYNC, unix.SYS_FSYNC) }

// forbid has the kernel answer two calls of this process with an error, for ever.
func forbid(errno unix.Errno, first, second uint32) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: first, Jt: 1},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: second, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, failed := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if failed != 0 {
		return failed
	}
	return nil
}
