package reqlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// disk is a target with so much room. A write that does not fit breaks off
// where the room ends, as on a disk.
type disk struct {
	lock   sync.Mutex
	text   bytes.Buffer
	room   int
	closed bool
}

func (d *disk) Write(p []byte) (int, error) {
	d.lock.Lock()
	defer d.lock.Unlock()
	n := min(len(p), d.room)
	d.room -= n
	d.text.Write(p[:n])
	if n < len(p) {
		return n, &os.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}
	}
	return n, nil
}

func (d *disk) Close() error                     { d.closed = true; return nil }
func (d *disk) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// give sets the room, in bytes.
func (d *disk) give(room int) {
	d.lock.Lock()
	defer d.lock.Unlock()
	d.room = room
}

func (d *disk) String() string {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.text.String()
}

const plenty = 1 << 40

func outputOf(file target) *output {
	return &output{path: "somewhere", file: file, open: func() (target, error) { return file, nil }}
}

// TestALineIsNeverCutIntoAnother writes to disks that are full at any place, and
// wants whole lines in their order, as many as were not counted as lost.
func TestALineIsNeverCutIntoAnother(t *testing.T) {
	for seed := range uint64(2000) {
		draw := rand.New(rand.NewPCG(seed, 0))
		d := &disk{}
		o := outputOf(d)
		written, lost := 0, 0
		for range 10 {
			d.give(draw.IntN(60))
			var lines []byte
			for range draw.IntN(8) {
				lines = fmt.Appendf(lines, "%d%s\n", written, strings.Repeat("x", draw.IntN(9)))
				written++
			}
			n, err := o.write(lines)
			if (n > 0) && err == nil || n > bytes.Count(lines, []byte("\n")) {
				t.Fatalf("seed %d: %d lines lost with %v", seed, n, err)
			}
			lost += n
			if draw.IntN(3) == 0 {
				if n, err := o.writeOther([]byte("other\n")); n != 0 && n != len("other\n") || (n == 0) == (err == nil) {
					t.Fatalf("seed %d: %d bytes of another line were taken, with %v", seed, n, err)
				}
			}
		}
		d.give(plenty)
		if n, err := o.write(nil); n != 0 || err != nil {
			t.Fatalf("seed %d: the rest of a line is not written: %d, %v", seed, n, err)
		}
		last, found := -1, 0
		for _, line := range strings.SplitAfter(d.String(), "\n") {
			if line == "other\n" || line == "" {
				continue
			}
			var n int
			if _, err := fmt.Sscanf(line, "%d", &n); err != nil || n <= last || !strings.HasSuffix(line, "\n") {
				t.Fatalf("seed %d: %q behind %d in %q", seed, line, last, d)
			}
			last = n
			found++
		}
		if found != written-lost {
			t.Fatalf("seed %d: %d lines were written, %d lost, %d are there: %q", seed, written, lost, found, d)
		}
	}
}

func TestAReopenedFileOwesNothing(t *testing.T) {
	old, fresh := &disk{room: 5}, &disk{room: plenty}
	o := outputOf(old)
	if lost, err := o.write([]byte("one\ntwo\nthree\n")); lost != 1 || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("lost %d with %v", lost, err)
	}
	o.open = func() (target, error) { return fresh, nil }
	if closing, lost, err := o.reopen(); closing != old || lost != 1 || err != nil {
		t.Errorf("gave %v, lost %d with %v", closing, lost, err)
	}
	if lost, err := o.write([]byte("four\n")); lost != 0 || err != nil || fresh.String() != "\nfour\n" { // it may be the old one again
		t.Errorf("lost %d with %v, the new file holds %q", lost, err, fresh)
	}
	o.open = func() (target, error) { return nil, syscall.EACCES }
	if closing, lost, err := o.reopen(); closing != nil || lost != 0 || err != syscall.EACCES {
		t.Errorf("gave %v, lost %d with %v", closing, lost, err)
	}
	if lost, err := o.write([]byte("five\n")); lost != 0 || err != nil || fresh.String() != "\nfour\nfive\n" {
		t.Errorf("lost %d with %v, the file that stays holds %q", lost, err, fresh)
	}
	if lost, err := o.close(); lost != 0 || err != nil || !fresh.closed {
		t.Errorf("closed is %v; lost %d with %v", fresh.closed, lost, err)
	}
}

func TestAFileBeginsWithAWholeLine(t *testing.T) {
	for before, after := range map[string]string{"": "new\n", "old\n": "old\nnew\n", "old": "old\nnew\n"} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
		o, err := openOutput(path)
		if err != nil {
			t.Fatal(err)
		}
		if lost, err := o.write([]byte("new\n")); lost != 0 || err != nil {
			t.Errorf("lost %d with %v", lost, err)
		}
		if lost, err := o.close(); lost != 0 || err != nil {
			t.Errorf("lost %d with %v", lost, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != after {
			t.Errorf("%q became %q (%v)", before, got, err)
		}
	}
}

func TestWhatCannotBeOpenedIsOneError(t *testing.T) {
	for path, says := range map[string]string{
		"/nonexistent/log": "request log /nonexistent/log: no such file or directory",
		"/proc":            "request log /proc: is a directory",
	} {
		if _, err := Open(Config{Path: path}); err == nil || err.Error() != says {
			t.Errorf("%v, want %s", err, says)
		}
	}
}
