package kv

// The way out of a file and into another.

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
)

func TestDumpAndLoad(t *testing.T) {
	first, second := tempFile(t), tempFile(t)
	r := openRig(t, first, nil)
	for i, value := range []string{"rules", "", " two  blanks ", "\t\"\\<&>\x01\x7f\u2028é\uFFFD", `\ufffd \uFFFD \ud800`, strings.Repeat("\x01", ValueBytesMax)} {
		if err := r.set(fmt.Sprintf("k%d", i), value); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.set(strings.Repeat(`"`, KeyBytesMax), strings.Repeat("\u2028", ValueBytesMax/3)); err != nil {
		t.Fatal(err)
	}
	id := r.ID()
	r.shut(t)
	text := dumped(t, first)
	if !strings.Contains(text, `{"key": "k0", "value": "rules"}`+"\n") {
		t.Errorf("%.200s", text)
	}
	n, err := Load(second, strings.NewReader(text))
	if err != nil || n != 7 {
		t.Fatalf("%d lines, %v", n, err)
	}
	if got := dumped(t, second); got != text {
		t.Errorf("%d bytes have become %d", len(text), len(got))
	}
	r = openRig(t, second, nil)
	if got := r.get("k3"); got != "\t\"\\<&>\x01\x7f\u2028é\uFFFD" {
		t.Errorf("%q", got)
	}
	if r.ID() == id {
		t.Error("two stores have one ID")
	}
}

// TestLoadAddsToWhatIsThere in several commits, and a later line is the one that counts.
func TestLoadAddsToWhatIsThere(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	for _, line := range []string{"set kept 1", "set k1 old"} {
		if err := r.do(parse(line)).Err; err != nil {
			t.Fatal(err)
		}
	}
	r.shut(t)
	const lines = 2*batchOpsMax + 10
	var b strings.Builder
	for i := range lines {
		fmt.Fprintf(&b, "{\"value\":\"%d\", \"key\":\"k%d\"}\r\n", i, i%1500)
	}
	if n, err := Load(path, strings.NewReader(b.String())); n != lines || err != nil {
		t.Fatal(n, err)
	}
	r = openRig(t, path, nil)
	for key, want := range map[string]string{"kept": "1", "k1": "1501", "k1499": "1499"} {
		if got := r.get(key); got != want {
			t.Errorf("%s is %s, not %s", key, got, want)
		}
	}
}

func TestLoadRefusesWhatIsNotALine(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"", "not of the form"},
		{"text", "not of the form"},
		{`{"key": "k"}`, "not of the form"},
		{`{"key": "k", "value": "v", "more": 1}`, "not of the form"},
		{`{"key": "k", "value": "v"} {}`, "not of the form"},
		{`{"key": "k", "value": 7}`, "not of the form"},
		{"{\"key\": \"k\", \"value\": \"\xff\"}", "not UTF-8"},
		{`{"key": "k", "value": "\ud800"}`, "not UTF-8"},
		{`{"key": "a b", "value": "v"}`, ErrKeyText.Error()},
		{`{"key": "", "value": "v"}`, ErrKeyEmpty.Error()},
		{`{"key": "k", "value": "a\nb"}`, ErrValueText.Error()},
		{`{"key": "k", "value": "` + strings.Repeat("v", ValueBytesMax+1) + `"}`, ErrValueLong.Error()},
		{`{"key": "k", "value": "` + strings.Repeat("v", loadLineBytesMax) + `"}`, "too long"},
	} {
		path := tempFile(t)
		n, err := Load(path, strings.NewReader(`{"key": "good", "value": "v"}`+"\n"+c.line+"\n"))
		if n != 0 || err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %d, %v", c.line, n, err)
		}
		if got := dumped(t, path); got != "" {
			t.Errorf("%.60q has left %q", c.line, got)
		}
	}
}

// TestDumpOfADamagedFileSavesTheRest and says so.
func TestDumpOfADamagedFileSavesTheRest(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	for i := range 100 {
		if err := r.set(fmt.Sprintf("k%02d", i), strings.Repeat("v", 100)+fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	r.shut(t)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	spoilt := strings.ReplaceAll(string(file), "v50", "w50")
	if err := os.WriteFile(path, []byte(spoilt), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path, zap.NewNop())
	if _, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(err.Error(), "restore a copy") || !strings.Contains(err.Error(), "-dump") {
		t.Fatal(err)
	}
	var saved strings.Builder
	n, err := Dump(path, &saved)
	if n != 99 || err == nil || !strings.Contains(err.Error(), "99 entries could be read") || strings.Contains(saved.String(), "w50") {
		t.Fatal(n, err)
	}
	again := tempFile(t)
	if n, err := Load(again, strings.NewReader(saved.String())); n != 99 || err != nil {
		t.Error(n, err)
	}
	if _, err := Dump(path+"x", &saved); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
