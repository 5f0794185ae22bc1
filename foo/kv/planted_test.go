package kv

// Files in which one thing is wrong that chance seldom finds, and that only one rule
// of the check sees.

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
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

// setTransaction gives a head another number, with the checksum that fits.
func setTransaction(head []byte, n uint64) {
	body := head[pageHeaderBytes : pageHeaderBytes+metaBytes]
	order.PutUint64(body[48:], n)
	sum := fnv.New64a()
	sum.Write(body[:metaSummedBytes]) //nolint:errcheck // a hash never fails
	order.PutUint64(body[metaSummedBytes:], sum.Sum64())
}

// TestHeadsThatDoNotFollowEachOther each of which is good: one of them is of another
// time, and so may be what it leads to.
func TestHeadsThatDoNotFollowEachOther(t *testing.T) {
	for _, ahead := range []uint64{0, 2, 1000} {
		t.Run(fmt.Sprint(ahead), func(t *testing.T) {
			plant(t, "its two heads do not follow each other", func(t *testing.T, file []byte, im *image) {
				older := im.meta.transaction - 1
				setTransaction(im.bytesOf(file, im.meta.transaction%2), older+ahead)
			})
		})
	}
}

// TestALostPage is in no tree and not free: the library would never use it again, and
// what has lost it may have lost more.
func TestALostPage(t *testing.T) {
	plant(t, "is lost", func(t *testing.T, file []byte, im *image) {
		list := im.bytesOf(file, im.meta.free)
		count := order.Uint16(list[10:])
		if count < 2 {
			t.Fatalf("%d free pages", count)
		}
		order.PutUint16(list[10:], count-1)
	})
}

// TestAnEntryThatIsMissing together with its checksum leaves a good tree behind. Only
// the totals tell of it.
func TestAnEntryThatIsMissing(t *testing.T) {
	for name, change := range map[string]func(*bolt.Bucket) error{
		"missing": func(b *bolt.Bucket) error { return b.Delete([]byte("k0071")) },
		"added":   func(b *bolt.Bucket) error { return b.Put([]byte("new"), seal([]byte("new"), nil)) },
		"of another time": func(b *bolt.Bucket) error {
			return b.Put([]byte("k0071"), seal([]byte("k0071"), []byte("old")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			plant(t, errTotals.Error(), func(t *testing.T, file []byte, _ *image) {
				path := tempFile(t)
				if err := os.WriteFile(path, file, 0o600); err != nil {
					t.Fatal(err)
				}
				db, err := bolt.Open(path, 0o600, nil)
				if err != nil {
					t.Fatal(err)
				}
				err = db.Update(func(tx *bolt.Tx) error { return change(tx.Bucket(bucketEntries)) })
				if err = errors.Join(err, db.Close()); err != nil {
					t.Fatal(err)
				}
				changed, err := os.ReadFile(path)
				if err != nil || len(changed) != len(file) {
					t.Fatalf("%d bytes of %d, %v", len(changed), len(file), err)
				}
				copy(file, changed)
			})
		})
	}
}
