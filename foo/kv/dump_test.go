package kv

// The way out of a file and into another.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

func TestDumpAndLoad(t *testing.T) {
	first, second := tempFile(t), tempFile(t)
	r := openRig(t, first, nil)
	for i, value := range []string{"rules", "", "two  blanks ", "\"\t\\<&>\x01\x7f\u2028é\uFFFD", `\ufffd \uFFFD \ud800`, strings.Repeat("\x01", ValueBytesMax)} {
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
	if got := r.get("k3"); got != "\"\t\\<&>\x01\x7f\u2028é\uFFFD" {
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
		{`{"key": "k", "value": null}`, "not of the form"},
		{`["key", "k", "value", "v"]`, "not of the form"},
		{`{"key": "k", "value": "v"`, "not of the form"},
		{`{"key": "k", "value": "a", "value": "b"}`, "not of the form"},
		{`{"key": "", "key": "k"}`, "not of the form"},
		{`{"KEY": "k", "vAlue": "v"}`, "not of the form"},
		{`{"key": "k", "value": "\ufffd", "value": "\ud800"}`, "not of the form"},
		{"{\"key\": \"k\", \"value\": \"\xff\"}", "not UTF-8"},
		{`{"key": "k", "value": "\ud800"}`, "not UTF-8"},
		{`{"key": "k", "value": "\udc00\ud800"}`, "not UTF-8"},
		{`{"key": "\ud800", "value": "v"}`, "not UTF-8"},
		{`{"key": "a b", "value": "v"}`, ErrKeyText.Error()},
		{`{"key": "", "value": "v"}`, ErrKeyEmpty.Error()},
		{`{"key": "k", "value": "a\nb"}`, ErrValueText.Error()},
		{`{"key": "k", "value": " v"}`, ErrValueEnds.Error()},
		{`{"key": "k", "value": "` + strings.Repeat("v", ValueBytesMax+1) + `"}`, ErrValueLong.Error()},
		{`{"key": "k", "value": "` + strings.Repeat("v", loadLineBytesMax) + `"}`, fmt.Sprintf("line 2: over %d bytes", loadLineBytesMax)},
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

// TestLoadReadsWhatOthersSpellOut in ways that Dump does not.
func TestLoadReadsWhatOthersSpellOut(t *testing.T) {
	for _, c := range []struct{ line, key, value string }{
		{`{"key": "k", "value": "\u005cufffd"}`, "k", `\ufffd`},
		{`{"key": "k", "value": "\\ufffd\\\uFFFD"}`, "k", `\ufffd\` + "\uFFFD"},
		{`{"key": "k", "value": "\ud83d\ude00�\ufffd"}`, "k", "\U0001F600\uFFFD\uFFFD"},
		{` {"v\u0061lue":"","key":"\"" } `, `"`, ""},
	} {
		key, value, err := parseLine([]byte(c.line))
		if err != nil || string(key) != c.key || string(value) != c.value {
			t.Errorf("%s: %q %q %v", c.line, key, value, err)
		}
	}
}

// TestErrorsAreOneLine also where two things are wrong.
func TestErrorsAreOneLine(t *testing.T) {
	path := tempFile(t)
	r := openRig(t, path, nil)
	for i := range 10 {
		if err := r.set(fmt.Sprint("k", i), strings.Repeat("v", 3000)); err != nil {
			t.Fatal(err)
		}
	}
	r.shut(t)
	if _, err := Dump(path, failingWriter{}); !errors.Is(err, unix.ENOSPC) || strings.Contains(err.Error(), "\n") {
		t.Errorf("a disk that is full: %q", err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
	if _, err := Dump(path, new(strings.Builder)); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("a short file: %q", err)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, unix.ENOSPC }

// TestDumpDoesNotWaitForAWriter where the path leads to a FIFO.
func TestDumpDoesNotWaitForAWriter(t *testing.T) {
	path := tempFile(t)
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { _, err := Dump(path, new(strings.Builder)); ended <- err }()
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "no file of a store") {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it waits for ever")
	}
}

// TestLoadThatFindsNoRoom tells of the lines that were in its commit.
func TestLoadThatFindsNoRoom(t *testing.T) {
	path := tempFile(t)
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	if out, err := child("loader", path).CombinedOutput(); err == nil || !strings.HasPrefix(string(out), "lines 1 to 50: ") {
		t.Errorf("%v: %s", err, out)
	}
	if got := dumped(t, path); got != "" {
		t.Errorf("it has left %.100q", got)
	}
}

// vanishing is lines before which a file is cut.
type vanishing struct {
	io.Reader
	path string
}

func (v vanishing) Read(b []byte) (int, error) {
	if err := os.Truncate(v.path, 0); err != nil {
		return 0, err
	}
	return v.Reader.Read(b)
}

// TestLoadIntoAFileThatVanishes is told, and does not end with a fault.
func TestLoadIntoAFileThatVanishes(t *testing.T) {
	path := tempFile(t)
	if err := create(path); err != nil {
		t.Fatal(err)
	}
	line := `{"key": "k", "value": "v"}` + "\n"
	n, err := Load(path, vanishing{strings.NewReader(line), path})
	if _, ok := errors.AsType[*panicError](err); n != 0 || !ok || strings.Contains(err.Error(), "\n") {
		t.Errorf("%d, %v", n, err)
	}
}

// loadLimited imports more than the file may have.
func loadLimited(args []string) error {
	if err := limitFiles(uint64(4 * os.Getpagesize())); err != nil {
		return err
	}
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "{\"key\": \"k%d\", \"value\": \"%s\"}\n", i, strings.Repeat("v", 3000))
	}
	_, err := Load(args[0], strings.NewReader(b.String()))
	return err
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
