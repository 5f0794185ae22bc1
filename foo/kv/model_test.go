package kv

// A naive store beside the real ones: a map, sorted each time it is shown. Both get
// the same operations, pipelined to different depths.

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// model answers an operation as it should be. It knows no limits: the operations that
// are drawn keep to them, and those that do not are in TestWords.
type model map[string]string

func (m model) do(op Op) string {
	key, value := string(op.Key), string(op.Value)
	old, there := m[key]
	switch {
	case op.Kind == Show:
		return m.show(key, string(op.After))
	case op.Kind == Set:
		m[key] = value
		return ""
	case op.Kind == Incr:
		n, err := strconv.Atoi(old)
		if errors.Is(err, strconv.ErrRange) {
			return "(integer is at its limit)"
		} else if there && err != nil {
			return "(value is not an integer)"
		}
		m[key] = strconv.Itoa(n + 1)
		return m[key]
	case !there:
		return "(no such key)"
	case op.Kind == Get:
		return old
	case op.Kind == Delete:
		delete(m, key)
		return ""
	case old != string(op.Old):
		return "(value differs)"
	}
	m[key] = value
	return ""
}

func (m model) show(prefix, after string) string {
	var members []string
	var keys []string
	for key := range m {
		if strings.HasPrefix(key, prefix) && (after == "" || key > after) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	length := 2
	for i, key := range keys {
		text, err := json.Marshal(m[key])
		if err != nil {
			panic(err)
		}
		member := fmt.Sprintf("%q: %s", key, text)
		if length += len(member); i > 0 {
			length += 2
		}
		if length > showTextBytesMax || i == showEntriesMax {
			return "{" + strings.Join(members, ", ") + "} more after " + keys[i-1]
		}
		members = append(members, member)
	}
	return "{" + strings.Join(members, ", ") + "}"
}

// source draws operations from bytes.
type source struct{ bytes []byte }

func (s *source) next() int {
	if len(s.bytes) == 0 {
		return 0
	}
	b := s.bytes[0]
	s.bytes = s.bytes[1:]
	return int(b)
}

func (s *source) key() []byte {
	n := s.next()
	key := strconv.Itoa(n % 23)
	if n%16 == 15 { // pages of few keys, and trees of several levels
		key += strings.Repeat("k", 40*(n/16))
	}
	return []byte(key)
}

func (s *source) value() []byte {
	switch n := s.next(); {
	case n%8 == 7:
		return []byte(strings.Repeat(strconv.Itoa(n), n*n/8)) // up to 24 KiB
	default:
		return []byte(strconv.Itoa(n % 3))
	}
}

func (s *source) op() Op {
	op := Op{Kind: Kind(s.next() % 6), Key: s.key()}
	switch op.Kind {
	case Set:
		op.Value = s.value()
	case Swap:
		op.Old, op.Value = s.value(), s.value()
	case Show:
		op.Key = op.Key[:s.next()%2]
		if s.next()%2 == 0 {
			op.After = s.key()
		}
	}
	return op
}

// compare gives the operations in the bytes to a store and to the model.
func compare(t *testing.T, r *rig, m model, drawn []byte) {
	s := source{drawn}
	depth, underWay, n := 1, 0, 0
	for len(s.bytes) > 0 {
		op := s.op()
		if n++; n%32 == 0 {
			depth = 1 + s.next()%64
		}
		want, number := m.do(op), n
		underWay++
		err := r.Do(&r.caller, op, func(res Result) {
			underWay--
			if got := say(res); got != want {
				t.Errorf("operation %d, %d %.40q, gave %.200q, not %.200q", number, op.Kind, op.Key, got, want)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := r.loop.until(func() bool { return underWay < depth }); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
		t.Fatal(err)
	}
}

// agree holds what a file has against the model.
func agree(t *testing.T, path string, m model) {
	t.Helper()
	var want strings.Builder
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}) {
		text, err := json.Marshal(m[key])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&want, "{\"key\": %q, \"value\": %s}\n", key, text)
	}
	if got := dumped(t, path); got != want.String() {
		t.Errorf("the file holds %d bytes, not %d", len(got), want.Len())
	}
}

func compareAll(t *testing.T, drawn []byte) {
	compare(t, newRig(NewMemory()), model{}, drawn)
	m, path := model{}, tempFile(t)
	half := len(drawn) / 2
	for _, part := range [][]byte{drawn[:half], drawn[half:]} { // a restart between
		r := openRig(t, path, func(s *seams) { s.noSync = true }) // the order is what is looked at
		compare(t, r, m, part)
		r.shut(t)
		agree(t, path, m)
	}
}

func FuzzModel(f *testing.F) {
	f.Add([]byte{2, 1, 7, 0, 1, 5, 1, 3, 1, 1, 0, 0})
	f.Add(randomBytes(1, 2000))
	f.Fuzz(func(t *testing.T, drawn []byte) {
		if len(drawn) > 8<<10 {
			return // slow, and says nothing new
		}
		compareAll(t, drawn)
	})
}

func TestModel(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { compareAll(t, randomBytes(seed, 8000)) })
	}
}

func randomBytes(seed uint64, n int) []byte {
	random := rand.New(rand.NewPCG(seed, 0))
	drawn := make([]byte, n)
	for i := range drawn {
		drawn[i] = byte(random.Uint32())
	}
	return drawn
}
