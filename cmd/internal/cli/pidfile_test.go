package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// onlyFile fails unless the folder holds this one file: nothing temporary is
// left behind.
func onlyFile(t *testing.T, dir, name string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != name {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestThePidFileHoldsOurIdAndGoesAtTheEnd(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "foo.pid")
	if err := os.WriteFile(path, []byte("999999999 from an older process\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := WritePidFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != strconv.Itoa(os.Getpid())+"\n" {
		t.Errorf("holds %q, %v", text, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	onlyFile(t, dir, "foo.pid")
	for range 2 {
		if err := p.Remove(); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}

func TestAPidFileThatIsNoLongerOursStays(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"replaced by a newer process": func(path string) error {
			text, err := os.ReadFile(path) // ids repeat between containers
			return errors.Join(err, os.WriteFile(path+".new", text, 0o644), os.Rename(path+".new", path))
		},
		"written over": func(path string) error { return os.WriteFile(path, []byte("1\n"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "foo.pid")
			p, err := WritePidFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			if err := p.Remove(); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("removed what was not ours: %v", err)
			}
		})
	}
}

func TestWithoutAPathThereIsNoPidFile(t *testing.T) {
	p, err := WritePidFile("")
	if p != nil || err != nil || p.Remove() != nil {
		t.Errorf("got %v, %v", p, err)
	}
}

func TestAPidFileThatCannotBeWrittenSaysWhy(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing", "foo.pid")
	if _, err := WritePidFile(missing); err == nil || err.Error() != "pid file "+missing+": no such file or directory" {
		t.Errorf("got %v", err)
	}
	if _, err := WritePidFile(dir); err == nil || err.Error() != "pid file "+dir+": not a regular file" {
		t.Errorf("got %v", err)
	}
	if _, err := WritePidFile(os.DevNull); err == nil || !strings.HasSuffix(err.Error(), "not a regular file") {
		t.Errorf("got %v", err)
	}
}
