package kv

// What a store tells and keeps while the disk is full, and that it goes on when there
// is room again.

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"golang.org/x/sys/unix"
)

// squeezes is how often a full disk is met.
const squeezes = 50

// writeCramped writes while room comes and goes, and holds what it is told against a
// model. It runs in a child where the limit is the process's own.
func writeCramped(path string, squeeze func(random *rand.Rand) error, relax func() error) error {
	random := rand.New(rand.NewPCG(3, 3))
	s := realSeams()
	s.noSync = true
	m := model{}
	refused := 0
	for round := range squeezes {
		d, err := open(path, zap.NewNop(), s)
		if err != nil {
			return err
		}
		r := newRig(d)
		if err := errors.Join(squeeze(random), writeSome(r, m, random, &refused), relax()); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		before := refused
		if err := writeSome(r, m, random, &refused); err != nil || refused != before {
			return fmt.Errorf("round %d: with space again %d are refused, %w", round, refused-before, err)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	fmt.Println(refused)
	if refused < squeezes/2 { // most of what shares a commit with one that finds no room goes through
		return errors.New("there was room nearly always")
	}
	return nil
}

// writeSome pipelines operations. Those that find no room do not happen.
func writeSome(r *rig, m model, random *rand.Rand, refused *int) (err error) {
	underWay := 0
	for range 100 {
		op := Op{Kind: Set, Key: []byte(strconv.Itoa(random.IntN(50))), Value: []byte(strings.Repeat("v", random.IntN(6000)))}
		switch random.IntN(8) {
		case 0:
			op = Op{Kind: Delete, Key: op.Key}
		case 1, 2:
			op = Op{Kind: Get, Key: op.Key}
		}
		underWay++
		putErr := r.Do(&r.caller, op, func(res Result) {
			underWay--
			if res.Err == ErrFull && op.Kind != Get {
				*refused++
			} else if want, got := m.do(op), say(res); got != want && err == nil {
				err = fmt.Errorf("%d %s gave %.50q, not %.50q", op.Kind, op.Key, got, want)
			}
		})
		if err := errors.Join(putErr, r.loop.until(func() bool { return underWay < 8 })); err != nil {
			return err
		}
	}
	return errors.Join(r.loop.until(func() bool { return underWay == 0 }), err)
}

// limitFiles says how long this process may make a file.
func limitFiles(bytes uint64) error {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &l); err != nil {
		return err
	}
	l.Cur = min(bytes, l.Max)
	return unix.Setrlimit(unix.RLIMIT_FSIZE, &l)
}

// writeLimited has the limit change.
func writeLimited(args []string) error {
	return writeCramped(args[0], func(random *rand.Rand) error {
		info, err := os.Stat(args[0])
		if err != nil {
			return err
		}
		// The two heads keep their place: a disk that is full has it already.
		return limitFiles(uint64(2*os.Getpagesize() + random.IntN(int(info.Size()))))
	}, func() error { return limitFiles(math.MaxUint64) })
}

// TestAFullDiskIsToldOnce while room comes and goes with each commit.
func TestAFullDiskIsToldOnce(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	s := realSeams()
	s.noSync, s.commit = true, crowded
	d, err := open(tempFile(t), zap.New(core), s)
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(d)
	for range 10 {
		if err := r.set("large", "v"); err != ErrFull {
			t.Error(err)
		}
		if err := r.set("small", "v"); err != nil {
			t.Error(err)
		}
	}
	r.shut(t)
	var said []string
	for _, line := range lines.All() {
		said = append(said, line.Message)
	}
	if len(said) != 2 || !strings.Contains(said[0], "no space left") || !strings.Contains(said[1], "space again") {
		t.Errorf("%q", said)
	}
}

func TestTheLongestFile(t *testing.T) {
	path := tempFile(t)
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	if out, err := child("limited", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if _, err := Dump(path, new(strings.Builder)); err != nil {
		t.Error(err)
	}
}

// TestAFullDisk fills a small file system where the test may mount one.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	defer func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	ballast := filepath.Join(dir, "ballast")
	err := writeCramped(filepath.Join(dir, "store"), func(random *rand.Rand) error {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			return err
		}
		left := random.IntN(16) // pages
		return os.WriteFile(ballast, make([]byte, (int(fs.Bfree)-left)*int(fs.Bsize)), 0o600)
	}, func() error { return os.Remove(ballast) })
	if err != nil {
		t.Error(err)
	}
}
