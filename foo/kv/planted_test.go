package kv

// Files in which one thing is wrong that chance seldom finds, and that only one rule
// of the check sees.

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// plant writes a file with branches and free pages, changes it, and wants it refused
// with a reason. What can be read is saved all the same, and the same is told.
func plant(t *testing.T, reason string, change func(t *testing.T, file []byte, im *image)) {
	t.Helper()
	path := tempFile(t)
	r := openRig(t, path, func(s *seams) { s.noSync = true })
	for i := range 200 {
		if err := r.set(fmt.Sprintf("k%03d1", i), strings.Repeat("v", 100)); err != nil {
			t.Fatal(err)
		}
	}
	r.shut(t)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	im, err := openImage(bytes.NewReader(file), int64(len(file)), func(err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	if err := im.begin(); err != nil { // the pages in use are those that it has not claimed
		t.Fatal(err)
	}
	change(t, file, im)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, zap.NewNop())
	if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), reason) {
		t.Fatalf("%v, not %q", err, reason)
	}
	var saved bytes.Buffer
	if n, err := Dump(path, &saved); err == nil || !strings.Contains(err.Error(), reason) || n < 199 {
		t.Errorf("%d entries are saved, and %v is told, not %q", n, err, reason)
	}
}

// bytesOf returns a page of the file.
func (im *image) bytesOf(file []byte, id uint64) []byte {
	return file[id*im.meta.pageSize : (id+1)*im.meta.pageSize]
}

// TestABranchThatMissesItsPage by one bit: its key is less than the first key of the
// page that it leads to, and more than all before, so all keys are in their order and
// every read is right. The next write would leave the old page in the tree.
func TestABranchThatMissesItsPage(t *testing.T) {
	plant(t, errFirst.Error(), func(t *testing.T, file []byte, im *image) {
		for id := uint64(2); id < im.meta.pages; id++ {
			p, err := parsePage(im.bytesOf(file, id))
			if err != nil || p.leaf || p.count < 3 || im.used[id] {
				continue
			}
			e, err := p.element(2)
			if err != nil {
				t.Fatal(err)
			}
			e.key[len(e.key)-1]-- // all keys end in 1
			return
		}
		t.Fatal("no branch")
	})
}
