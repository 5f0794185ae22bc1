package kv

// How a file comes to be, whoever else is at it or was.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// TestTwoThatMakeTheSameFileAgree on one of them: the other one finds its file.
func TestTwoThatMakeTheSameFileAgree(t *testing.T) {
	path := tempFile(t)
	for range 2 {
		if err := create(path); err != nil {
			t.Fatal(err)
		}
	}
	openRig(t, path, nil)
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestWhatAKillLeftIsMadeAnew and nothing stays beside the file, whose name may be as
// long as names can be.
func TestWhatAKillLeftIsMadeAnew(t *testing.T) {
	for _, name := range []string{"store", strings.Repeat("n", nameBytesMax)} {
		path := filepath.Join(t.TempDir(), name)
		left := filepath.Join(filepath.Dir(path), "."+name[:min(len(name), nameBytesMax-5)]+".new")
		if err := os.WriteFile(left, make([]byte, 5000), 0o600); err != nil {
			t.Fatal(err)
		}
		openRig(t, path, nil)
		if names, err := os.ReadDir(filepath.Dir(path)); err != nil || len(names) != 1 || names[0].Name() != name {
			t.Errorf("%v, %v", names, err)
		}
	}
}

// TestWhoIsMakingTheFileHasIt until it is there.
func TestWhoIsMakingTheFileHasIt(t *testing.T) {
	path := tempFile(t)
	making, err := os.Create(filepath.Join(filepath.Dir(path), ".store.new"))
	if err != nil {
		t.Fatal(err)
	}
	if err := lock(making, unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, zap.NewNop()); !errors.Is(err, ErrInUse) {
		t.Error(err)
	}
	if err := making.Close(); err != nil {
		t.Fatal(err)
	}
	openRig(t, path, nil)
}

// TestWhatAKillLeftMayHaveItsNameAsWell and that may be another one by now: it must
// not be emptied.
func TestWhatAKillLeftMayHaveItsNameAsWell(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	if err := r.set("k", "v"); err != nil {
		t.Fatal(err)
	}
	r.shut(t)
	left := filepath.Join(filepath.Dir(path), ".store.new")
	if err := errors.Join(os.Link(path, left), os.Rename(path, path+".kept")); err != nil {
		t.Fatal(err)
	}
	openRig(t, path, nil).shut(t)
	if got := dumped(t, path); got != "" {
		t.Errorf("a new file holds %q", got)
	}
	if got := dumped(t, path+".kept"); !strings.Contains(got, `"k"`) {
		t.Errorf("the one that was moved away holds %q", got)
	}
	if _, err := os.Lstat(left); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// TestAFileThatCannotGetItsNameLeavesNothing: there is none for a path that is empty.
func TestAFileThatCannotGetItsNameLeavesNothing(t *testing.T) {
	t.Chdir(t.TempDir())
	if _, err := Open("", zap.NewNop()); !errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	if names, err := os.ReadDir("."); err != nil || len(names) > 0 {
		t.Errorf("%v, %v", names, err)
	}
}

// TestAFileIsMadeWithLinks where the file system cannot rename as it should.
func TestAFileIsMadeWithLinks(t *testing.T) {
	path := tempFile(t)
	out, err := child("linked", path).CombinedOutput()
	if strings.Contains(string(out), "no filter") {
		t.Skip(string(out))
	}
	if names, dirErr := os.ReadDir(filepath.Dir(path)); err != nil || dirErr != nil || len(names) != 1 {
		t.Errorf("%v: %s; %v, %v", err, out, names, dirErr)
	}
}

func openWithLinks(args []string) error {
	if err := forbid(unix.EINVAL, unix.SYS_RENAMEAT2, unix.SYS_RENAMEAT2); err != nil {
		return fmt.Errorf("no filter: %w", err)
	}
	return openOnce(args)
}
