package kv

// What each operation does, in every kind of store.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"fooproxy/foo"
)

// parse reads an operation as a test writes it: words between single blanks.
func parse(line string) Op {
	words := append(strings.SplitN(line, " ", 3), "", "")
	key, rest := []byte(words[1]), []byte(words[2])
	switch words[0] {
	case "get":
		return Op{Kind: Get, Key: key}
	case "show":
		return Op{Kind: Show, Key: key, After: rest}
	case "set":
		return Op{Kind: Set, Key: key, Value: rest}
	case "delete":
		return Op{Kind: Delete, Key: key}
	case "cas":
		from, to, _ := strings.Cut(words[2], " ")
		return Op{Kind: Swap, Key: key, Old: []byte(from), Value: []byte(to)}
	case "incr":
		return Op{Kind: Incr, Key: key}
	}
	panic("no such word: " + line)
}

var (
	longKey  = strings.Repeat("k", KeyBytesMax)
	bigValue = strings.Repeat("v", ValueBytesMax)
)

// words is a conversation with one store.
var words = []struct{ line, want string }{
	{"get chelsea", "(no such key)"},
	{"show", "{}"},
	{"delete chelsea", "(no such key)"},
	{"cas chelsea a b", "(no such key)"},
	{"set chelsea rules", ""},
	{"get chelsea", "rules"},
	{"show", `{"chelsea": "rules"}`},
	{"set arsenal two  blanks ", ""},
	{"get arsenal", "two  blanks "},
	{"show", `{"arsenal": "two  blanks ", "chelsea": "rules"}`},
	{"show c", `{"chelsea": "rules"}`},
	{"show chelsea", `{"chelsea": "rules"}`},
	{"show chelseas", `{}`},
	{"show b", `{}`},
	{"show  arsenal", `{"chelsea": "rules"}`},
	{"show  b", `{"chelsea": "rules"}`},
	{"show  chelsea", `{}`},
	{"show c arsenal", `{"chelsea": "rules"}`},
	{"cas chelsea wrong right", "(value differs)"},
	{"cas chelsea rules <&>\"\\é", ""},
	{"show c", `{"chelsea": "<&>\"\\é"}`},
	{"set empty", ""},
	{"get empty", ""},
	{"show e", `{"empty": ""}`},
	{"delete empty", ""},
	{"get empty", "(no such key)"},
	{"incr n", "1"},
	{"incr n", "2"},
	{"get n", "2"},
	{"set n -7", ""},
	{"incr n", "-6"},
	{"set n 9223372036854775806", ""},
	{"incr n", "9223372036854775807"},
	{"incr n", "(integer is at its limit)"},
	{"get n", "9223372036854775807"},
	{"set n 9223372036854775808", ""},
	{"incr n", "(integer is at its limit)"},
	{"set n -9223372036854775808", ""},
	{"incr n", "-9223372036854775807"},
	{"set n -1", ""},
	{"incr n", "0"},
	{"incr chelsea", "(value is not an integer)"},
	{"set n +1", ""},
	{"incr n", "(value is not an integer)"},
	{"set n 007", ""},
	{"incr n", "(value is not an integer)"},
	{"set n -0", ""},
	{"incr n", "(value is not an integer)"},
	{"set n 1_0", ""},
	{"incr n", "(value is not an integer)"},
	{"set n 1 ", ""},
	{"incr n", "(value is not an integer)"},
	{"set n", ""},
	{"incr n", "(value is not an integer)"},
	{"delete n", ""},
	{"get", "(key is missing)"},
	{"set " + longKey + " x", ""},
	{"get " + longKey, "x"},
	{"get " + longKey + "k", "(key over 1024 bytes)"},
	{"show " + longKey + "k", "(key over 1024 bytes)"},
	{"show  " + longKey + "k", "(key over 1024 bytes)"},
	{"set big " + bigValue, ""},
	{"get big", bigValue},
	{"cas big " + bigValue + " x", ""},
	{"set big " + bigValue + "v", "(value over 32768 bytes)"},
	{"cas big x " + bigValue + "v", "(value over 32768 bytes)"},
	{"get big", "x"},
	{"get tab\tkey", "(key has whitespace, control characters or is not UTF-8)"},
	{"get \u00a0", "(key has whitespace, control characters or is not UTF-8)"},
	{"get \u2028", "(key has whitespace, control characters or is not UTF-8)"},
	{"get \x7f", "(key has whitespace, control characters or is not UTF-8)"},
	{"get \u009b", "(key has whitespace, control characters or is not UTF-8)"},
	{"get a\xff", "(key has whitespace, control characters or is not UTF-8)"},
	{"show a\xff", "(key has whitespace, control characters or is not UTF-8)"},
	{"set k a\nb", "(value has NUL, LF or is not UTF-8)"},
	{"set k a\x00b", "(value has NUL, LF or is not UTF-8)"},
	{"set k  a", "(value begins with a blank or ends in CR)"},
	{"set k \ta", "(value begins with a blank or ends in CR)"},
	{"set k a\r", "(value begins with a blank or ends in CR)"},
	{"set k \r", "(value begins with a blank or ends in CR)"},
	{"cas k a b\r", "(value begins with a blank or ends in CR)"},
	{"cas k a\r b", "(value begins with a blank or ends in CR)"},
	{"set edge a\rb \t", ""},
	{"get edge", "a\rb \t"},
	{"delete edge", ""},
	{"set k \xff", "(value has NUL, LF or is not UTF-8)"},
	{"get k", "(no such key)"},
}

func TestWords(t *testing.T) {
	eachStore(t, func(t *testing.T, r *rig) {
		for _, step := range words {
			if got := say(r.do(parse(step.line))); got != step.want {
				t.Errorf("%.60q gave %.100q, not %.100q", step.line, got, step.want)
			}
		}
	})
}

// TestShowGoesOn reads a store that is longer than an answer, piece by piece.
func TestShowGoesOn(t *testing.T) {
	eachStore(t, func(t *testing.T, r *rig) {
		const keys = 40
		want := map[string]*string{}
		for i := range keys {
			key := fmt.Sprintf("key%02d", i)
			value := strings.Repeat("\"\x01", 300*(i%5)) // grows when it is spelled out
			if i == 20 {
				value = strings.Repeat("v", ValueBytesMax)
				want[key] = nil // too long for any answer
			} else {
				want[key] = &value
			}
			if err := r.set(key, value); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.set("other", "x"); err != nil {
			t.Fatal(err)
		}
		got, last, pieces := map[string]*string{}, []byte(nil), 0
		for more := true; more; pieces++ {
			res := r.do(Op{Kind: Show, Key: []byte("key"), After: last})
			if res.Err != nil || len(res.Value)+len(res.Next)+showFrameBytes > ShowBytesMax {
				t.Fatalf("%v, %d bytes", res.Err, len(res.Value))
			}
			var piece map[string]*string
			if err := json.Unmarshal(res.Value, &piece); err != nil {
				t.Fatal(err)
			}
			for key, value := range piece {
				if _, twice := got[key]; twice {
					t.Errorf("%s is shown twice", key)
				}
				got[key] = value
			}
			last = res.Next
			more = len(last) > 0
		}
		if len(got) != keys || pieces < 2 {
			t.Errorf("%d keys in %d pieces", len(got), pieces)
		}
		for key, value := range want {
			if g, ok := got[key]; !ok || (g == nil) != (value == nil) || g != nil && *g != *value {
				t.Errorf("%s is shown wrong", key)
			}
		}
	})
}

// TestShowHasSoManyEntries however short they are.
func TestShowHasSoManyEntries(t *testing.T) {
	eachStore(t, func(t *testing.T, r *rig) {
		m := model{}
		for i := range 2*showEntriesMax + 1 {
			m[fmt.Sprintf("k%03d", i)] = ""
		}
		underWay := 0
		for key := range m {
			underWay++
			if err := r.Do(&r.caller, Op{Kind: Set, Key: []byte(key)}, func(Result) { underWay-- }); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.loop.until(func() bool { return underWay == 0 }); err != nil {
			t.Fatal(err)
		}
		for after, entries := range map[string]int{"": showEntriesMax, "k255": showEntriesMax, "k256": showEntriesMax, "k511": 1, "k512": 0} {
			res := r.do(Op{Kind: Show, After: []byte(after)})
			if n := strings.Count(string(res.Value), ":"); n != entries || say(res) != m.show("", after) {
				t.Errorf("after %q there are %d entries: %.80q", after, n, say(res))
			}
		}
	})
}

// TestTheLongestKeyIsShown with a value that fits and one that does not.
func TestTheLongestKeyIsShown(t *testing.T) {
	r := newRig(NewMemory())
	key := strings.Repeat(`"`, KeyBytesMax)
	for _, length := range []int{1, ValueBytesMax - 4*KeyBytesMax, ValueBytesMax} {
		if err := r.set(key, strings.Repeat("v", length)); err != nil {
			t.Fatal(err)
		}
		res := r.do(Op{Kind: Show})
		var got map[string]*string
		if err := json.Unmarshal(res.Value, &got); err != nil || len(res.Next) > 0 || len(res.Value) > showTextBytesMax {
			t.Fatalf("%v, %d bytes", err, len(res.Value))
		}
		if value, ok := got[key]; !ok || (value == nil) != (length == ValueBytesMax) {
			t.Errorf("a value of %d bytes is shown as %v", length, value != nil)
		}
	}
}

// FuzzCheckValue sends what is taken in a line of Foo, which has to bring it unchanged.
func FuzzCheckValue(f *testing.F) {
	for _, seed := range []string{"", "rules", " a", "\ta", "a ", "a\r", "\r", "a\rb", "a\nb", "\xff", "a\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := foo.Parse([]byte("ACK 1 " + string(value)))
		same := err == nil && bytes.Equal(m.Data, value) && foo.CheckData(value) == nil && !bytes.Contains(value, []byte("\n"))
		if err := CheckValue(value); (err == nil) != (same && len(value) <= ValueBytesMax) {
			t.Errorf("%q is %q in a line, and CheckValue says %v", value, m.Data, err)
		}
	})
}

func TestMemoryHasALimit(t *testing.T) {
	m := NewMemory().(*memory)
	m.most = 3 * (memoryEntryBytes + 10)
	r := newRig(m)
	for _, step := range []struct{ line, want string }{
		{"set k1 12345678", ""}, {"set k2 12345678", ""}, {"set k3 12345678", ""},
		{"set k4 1", "(no space left in the store)"},
		{"set k1 123456789", "(no space left in the store)"},
		{"set k1 1234567", ""}, {"set k1 12345678", ""},
		{"delete k2", ""}, {"set k4 12345678", ""}, {"incr k5", "(no space left in the store)"},
		{"get k1", "12345678"}, {"get k4", "12345678"},
	} {
		if got := say(r.do(parse(step.line))); got != step.want {
			t.Errorf("%q gave %q, not %q", step.line, got, step.want)
		}
	}
}
