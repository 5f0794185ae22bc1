// This file owns the tests of the history's file.
package prompt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestHistoryIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "place", "history")
	h, lines, err := openHistory(path)
	if err != nil || len(lines) > 0 {
		t.Fatal(lines, err)
	}
	// A second prompt has the same file open; neither loses a line.
	other, _, err := openHistory(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"a", "a", "b", "a"} {
		if err := h.add(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.add("c"); err != nil {
		t.Fatal(err)
	}
	if err := h.add("d"); err != nil {
		t.Fatal(err)
	}
	h.close()
	other.close()
	if err := h.add("e"); err != nil {
		t.Errorf("after close: %v", err)
	}
	again, lines, err := openHistory(path)
	if want := []string{"a", "b", "a", "c", "d"}; err != nil || !slices.Equal(lines, want) {
		t.Errorf("lines %q, %v; want %q", lines, err, want)
	}
	again.close()
	for name, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(name); err != nil || info.Mode() != mode {
			t.Errorf("%s: mode %v, %v; want %v", name, info.Mode(), err, mode)
		}
	}
}

func TestHistoryOfAnybody(t *testing.T) {
	numbered := func(from, to int) (lines []string) {
		for i := from; i < to; i++ {
			lines = append(lines, fmt.Sprint("line ", i))
		}
		return lines
	}
	text := func(lines []string) string { return strings.Join(lines, "\n") + "\n" }
	full := numbered(0, historyFileLinesMax)
	long := numbered(0, historyFileLinesMax+1)
	huge := strings.Repeat("x", historyBytesMax) + "\nlast\n"
	for _, c := range []struct {
		name, file string
		want       []string
		after      string // the file, when "new" has been added
	}{
		{"empty", "", nil, "new\n"},
		{"torn", "a\nb", []string{"a", "b"}, "a\nb\nnew\n"},
		{"ends with the new line", "a\nnew\n", []string{"a", "new"}, "a\nnew\n"},
		{"what steers a terminal", "a\n\x1b[2J\n\u009b2J\n\xff\n\n" + strings.Repeat("x", historyLineBytesMax+1) + "\nb\r\nc\n",
			[]string{"a", "c"}, ""},
		{"as long as it may be", text(full), full[historyFileLinesMax-historyLinesMax:], text(full) + "new\n"},
		{"too many lines", text(long), long[len(long)-historyLinesMax:], text(long[len(long)-historyLinesMax:]) + "new\n"},
		{"too many bytes", huge, []string{"last"}, "last\nnew\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "history")
			if err := os.WriteFile(path, []byte(c.file), 0o644); err != nil {
				t.Fatal(err)
			}
			h, lines, err := openHistory(path)
			if err != nil || !slices.Equal(lines, c.want) {
				t.Errorf("%d lines, %v; want %d", len(lines), err, len(c.want))
			}
			if err := h.add("new"); err != nil {
				t.Error(err)
			}
			h.close()
			if got, err := os.ReadFile(path); err != nil || c.after != "" && string(got) != c.after {
				t.Errorf("the file has %d bytes, %v; want %d", len(got), err, len(c.after))
			}
		})
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, "/dev/null/x/y", "/dev/zero"} {
		h, _, err := openHistory(path)
		if err == nil || !strings.HasPrefix(err.Error(), "history: ") {
			t.Errorf("%s: error %v", path, err)
		}
		if err := h.add("a"); err != nil {
			t.Errorf("%s: add: %v", path, err)
		}
	}
	for _, path := range []string{"", os.DevNull} {
		h, _, err := openHistory(path)
		if err != nil || h.add("a") != nil {
			t.Errorf("%q: error %v", path, err)
		}
	}
	h, _, err := openHistory("/dev/full")
	if err == nil {
		t.Error("/dev/full was taken")
	}
	// A disk that is full later: the error comes once.
	if h.file, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Skip(err)
	}
	if err := h.add("a"); err == nil {
		t.Error("no error on a full disk")
	}
	if err := h.add("b"); err != nil {
		t.Errorf("a second error: %v", err)
	}
}
