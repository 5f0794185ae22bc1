package kv

// What becomes of a file in which something is not what was written.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.uber.org/zap"
)

// damages is how many files are spoilt.
const damages = 1000

// history is a file as it was after some commits, its last state being the last
// of them, and what is in it.
type history struct {
	files    [][]byte
	holds    model
	text     string          // the last state, as Dump tells it
	ever     map[string]bool // the lines of all entries that there have been
	pageSize int
	pages    int // in use, of the last state
}

// makeHistory writes a file with pages of all kinds: branches above each other,
// values longer than a page, free pages, and both buckets.
func makeHistory(t *testing.T) *history {
	t.Helper()
	h := &history{holds: model{}, ever: map[string]bool{}, pageSize: os.Getpagesize()}
	path := tempFile(t)
	random := rand.New(rand.NewPCG(7, 7))
	for range 4 {
		r := openRig(t, path, func(s *seams) { s.noSync = true })
		underWay := 0
		for range 200 {
			key := fmt.Sprintf("key%03d%s", random.IntN(150), strings.Repeat("k", 10*random.IntN(3)))
			op := Op{Kind: Set, Key: []byte(key), Value: []byte(strings.Repeat("v", random.IntN(100)) + key)}
			switch n := random.IntN(50); {
			case n < 10:
				op = Op{Kind: Delete, Key: op.Key}
			case n == 10:
				op.Value = []byte(strings.Repeat(key, 1000))
			}
			h.holds.do(op)
			h.ever[string(appendLine(nil, op.Key, op.Value))] = true
			underWay++
			if err := r.Do(&r.caller, op, func(Result) { underWay-- }); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
			t.Fatal(err)
		}
		r.shut(t)
		file, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h.files = append(h.files, file)
	}
	im, err := openImage(bytes.NewReader(h.last()), int64(len(h.last())), func(err error) error { return err })
	if err != nil {
		t.Fatal(err)
	}
	h.text, h.pages = dumped(t, path), int(im.meta.pages)
	return h
}

func (h *history) last() []byte { return h.files[len(h.files)-1] }

// page returns the bytes of a page of a file.
func (h *history) page(file []byte, id int) []byte { return file[id*h.pageSize : (id+1)*h.pageSize] }

// spoil changes the file in one of the ways in which disks and people do.
func (h *history) spoil(random *rand.Rand, file []byte) (spoilt []byte, how string) {
	id := random.IntN(h.pages)
	switch kind := random.IntN(12); kind {
	case 0:
		n := random.IntN(len(file))
		return file[:n], fmt.Sprintf("cut to %d bytes", n)
	case 1:
		n := random.IntN(h.pages * h.pageSize)
		return file[:n], fmt.Sprintf("cut to %d bytes of those in use", n)
	case 2:
		clear(h.page(file, id))
		return file, fmt.Sprintf("page %d is zero", id)
	case 3:
		at := random.IntN(h.pages*h.pageSize/512) * 512
		for i := range 512 {
			file[at+i] = byte(random.Uint32())
		}
		return file, fmt.Sprintf("the sector at %d is noise", at)
	case 4:
		from := random.IntN(h.pages)
		copy(h.page(file, id), h.page(file, from))
		return file, fmt.Sprintf("page %d is a copy of page %d", id, from)
	case 5:
		id = 2 + random.IntN(h.pages-2) // the heads of another time are those of a file that was good
		old := h.files[random.IntN(len(h.files)-1)]
		if len(old) >= (id+1)*h.pageSize {
			copy(h.page(file, id), h.page(old, id))
		}
		return file, fmt.Sprintf("page %d is of another time", id)
	case 6: // the first bytes of a page say most about it
		at, bit := id*h.pageSize+random.IntN(96), random.IntN(8)
		file[at] ^= 1 << bit
		return file, fmt.Sprintf("bit %d at %d of page %d", bit, at%h.pageSize, id)
	default:
		at, bit := random.IntN(h.pages*h.pageSize), random.IntN(8)
		file[at] ^= 1 << bit
		return file, fmt.Sprintf("bit %d at %d of page %d", bit, at%h.pageSize, at/h.pageSize)
	}
}

// TestADamagedFileIsRefusedOrReadCorrectly in this very process: if the library got
// a damaged file, it would end with a fault that nobody can catch.
func TestADamagedFileIsRefusedOrReadCorrectly(t *testing.T) {
	h := makeHistory(t)
	path := tempFile(t)
	refused, saved, damages := 0, 0, damages
	if underRace {
		damages /= 10
	}
	for i := range damages {
		random := rand.New(rand.NewPCG(uint64(i), 1))
		file, how := h.spoil(random, slices.Clone(h.last()))
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		lines := h.dumpDamaged(t, path, how)
		s := realSeams()
		s.noSync = true
		d, err := open(path, zap.NewNop(), s)
		if err != nil {
			refused++
			saved += lines
			damaged, ok := errors.AsType[*DamagedError](err)
			if cut := len(file) < pageHeaderBytes+4; ok == cut || ok && damaged.Path != path || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", how, err)
			}
			continue
		}
		h.use(t, newRig(d), path, how)
		if t.Failed() {
			h.keep(t, i)
		}
	}
	all := strings.Count(h.text, "\n")
	t.Logf("%d of %d damaged files of %d pages were refused; %.0f%% of their entries could be saved",
		refused, damages, h.pages, 100*float64(saved)/float64(refused*all))
	if refused < damages/4 || refused == damages {
		t.Error("these damages say little")
	}
}

// keep leaves a file that was treated wrongly: where pages lie depends on how the
// operations met, so a seed alone would not make it again.
func (h *history) keep(t *testing.T, seed int) {
	t.Helper()
	file, _ := h.spoil(rand.New(rand.NewPCG(uint64(seed), 1)), slices.Clone(h.last()))
	kept, err := os.CreateTemp("", "damaged-store-*")
	if err != nil {
		t.Fatal(err)
	}
	_, err = kept.Write(file)
	t.Fatalf("the file is %s (%v)", kept.Name(), errors.Join(err, kept.Close()))
}

// dumpDamaged saves what can be read, which was in the file at some time.
func (h *history) dumpDamaged(t *testing.T, path, how string) (lines int) {
	t.Helper()
	var b bytes.Buffer
	_, err := Dump(path, &b)
	if _, foreign := errors.AsType[*NotStoreError](err); foreign && !strings.HasPrefix(how, "cut to") {
		t.Errorf("%s: %v", how, err)
	}
	if err == nil && b.String() != h.text {
		t.Errorf("%s: Dump tells of no damage, but the text is another", how)
	}
	for line := range strings.Lines(b.String()) {
		lines++
		if !h.ever[line] {
			t.Errorf("%s: Dump tells of %.80q", how, line)
		}
	}
	return lines
}

// use reads everything, writes and reads again.
func (h *history) use(t *testing.T, r *rig, path, how string) {
	t.Helper()
	underWay := 0
	for key, value := range h.holds {
		underWay++
		err := r.Do(&r.caller, Op{Kind: Get, Key: []byte(key)}, func(res Result) {
			underWay--
			if got := say(res); got != value {
				t.Errorf("%s: %q is %.80q, not %.80q", how, key, got, value)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
		t.Fatal(err)
	}
	for key := range h.holds { // changes several pages
		if err := r.set(key, "new"); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		break
	}
	r.shut(t)
	var b bytes.Buffer
	if n, err := Dump(path, &b); err != nil || n != len(h.holds) {
		t.Errorf("%s: after a write %d entries, %v", how, n, err)
	}
}

// TestWhatIsNoStoreIsRefused at once and with a reason.
func TestWhatIsNoStoreIsRefused(t *testing.T) {
	dir := t.TempDir()
	other := dir + "/other"
	db, err := bolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("b")); return err })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"empty": "", "text": strings.Repeat("text\n", 9000)} {
		if err := os.WriteFile(dir+"/"+name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	newer := dir + "/newer"
	if err = create(newer); err != nil {
		t.Fatal(err)
	}
	if db, err = bolt.Open(newer, 0o600, nil); err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { // its entries need not be such as this program reads
		return errors.Join(tx.Bucket(bucketStore).Put(nameFormat, seal(nameFormat, []byte("2"))),
			tx.Bucket(bucketEntries).Put([]byte("k"), []byte("another layout")))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	foreign := ": name another one, or move it away"
	for _, c := range []struct{ path, want string }{
		{"other", "other is not the file of a store (it has nothing that a store has)" + foreign},
		{"empty", "empty is not the file of a store (it has nothing that a store has)" + foreign},
		{"text", "text is not the file of a store (it has nothing that a store has)" + foreign},
		{"newer", `newer is not for this program (its format is newer: "2", not "1"): use the newer one`},
		{"", "is a directory"},
		{"missing/store", "no such file or directory"},
	} {
		if _, err := Open(dir+"/"+c.path, zap.NewNop()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.path, err)
		}
		var b bytes.Buffer
		if _, err := Dump(dir+"/"+c.path, &b); c.path != "" && (err == nil || !strings.Contains(err.Error(), c.want) || b.Len() > 0) {
			t.Errorf("export of %q: %q, %v", c.path, b.String(), err)
		}
	}
	if _, err := Open(dir+"/link", zap.NewNop()); err == nil || !strings.Contains(err.Error(), "is a link that leads nowhere") {
		t.Error(err)
	}
	if _, err := Open("/dev/null", zap.NewNop()); err == nil || !strings.Contains(err.Error(), "no file of a store") {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 5 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestAFileThatVanishesUnderTheStore is cut while it is in use: the pages are not there
// any more, which the mapping answers with a fault.
func TestAFileThatVanishesUnderTheStore(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	for i := range 20 {
		if err := r.set(fmt.Sprintf("k%03d", i), strings.Repeat("v", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if got := r.get("k000"); got != "(store cannot be read)" {
		t.Errorf("%.80s", got)
	}
	if err := r.set("k000", "v"); err != ErrUncertain {
		t.Error(err)
	}
	if err := r.set("k001", "v"); err != ErrReadOnly {
		t.Error(err)
	}
	// The library may complain at its end about the file; it must only come to an end.
	if err := r.Close(); err != nil {
		t.Log(err)
	}
	r.Store = nil
}
