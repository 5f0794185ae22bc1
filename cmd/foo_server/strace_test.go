package main

// This file owns the test that the disk has a write before its client is told. It looks
// at the system calls of a whole server, since nothing else shows what the kernel was
// asked for, and in which order.

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// tracedSets is how many keys are set one after the other, each a commit.
const tracedSets = 20

func TestASyncIsCompleteBeforeTheACK(t *testing.T) {
	if err := exec.Command("strace", "-o", "/dev/null", "true").Run(); err != nil {
		t.Skip("strace cannot be used: ", err)
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("there is no go command to build the server without syncs")
	}
	traced := func(cmd *exec.Cmd) error { return judgeTrace(trace(t, cmd)) }
	if err := traced(proctest.Command()); err != nil {
		t.Errorf("the server: %v", err)
	}
	if err := traced(exec.Command(buildWithoutSync(t))); !errors.Is(err, errNoSync) {
		t.Errorf("a server that does not sync is let through: %v", err)
	}
}

// trace has a server set keys under strace, and returns what it asked the kernel for.
func trace(t *testing.T, server *exec.Cmd) (calls []call) {
	t.Helper()
	dir := t.TempDir()
	path, log := filepath.Join(dir, "keys"), filepath.Join(dir, "trace")
	// With -D the server is the process that was started, and strace a child of it.
	cmd := exec.Command("strace", append([]string{"-D", "-f", "-s", "64", "-e", "trace=read,recvfrom,write,sendto,pwrite64,fdatasync,fsync", "-o", log, server.Path,
		"-listen", "127.0.0.1:0", "-data", path}, server.Args[1:]...)...)
	cmd.Env = server.Env
	p := proctest.Launch(t, cmd)
	conn := p.Dial()
	for n := range tracedSets {
		proctest.Ask(t, conn, fmt.Sprintf("REQ %d set k%d v\n", n+1, n), fmt.Sprintf("ACK %d ok\n", n+1))
	}
	conn.Close()
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
	exited := fmt.Sprintf("%d +++ exited", p.Process.Pid)
	for end := time.Now().Add(proctest.Patience); ; time.Sleep(time.Millisecond) { // strace writes on
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if squeezed := strings.Join(strings.Fields(string(text)), " "); strings.Contains(squeezed, exited) {
			return parseTrace(string(text))
		}
		if time.Now().After(end) {
			t.Fatal("strace does not end")
		}
	}
}

// call is one moment of a system call: its beginning or its end.
type call struct {
	name, text string // text is what strace wrote of arguments and result
	ends       bool
}

var (
	callWhole   = regexp.MustCompile(`^\d+\s+(\w+)\((.*)$`)
	callResumed = regexp.MustCompile(`^\d+\s+<\.\.\. (\w+) resumed>(.*)$`)
)

// parseTrace reads the lines of strace, which divides calls where threads take turns.
func parseTrace(text string) (calls []call) {
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if m := callResumed.FindStringSubmatch(lines.Text()); m != nil {
			calls = append(calls, call{m[1], m[2], true})
		} else if m := callWhole.FindStringSubmatch(lines.Text()); m != nil {
			calls = append(calls, call{m[1], m[2], false})
			if !strings.HasSuffix(m[2], "<unfinished ...>") {
				calls = append(calls, call{m[1], m[2], true})
			}
		}
	}
	return calls
}

var (
	errNoSync = errors.New("no completed sync")
	setLine   = regexp.MustCompile(`"REQ \d+ set k`)
	ackLine   = regexp.MustCompile(`"ACK \d+ ok`)
)

// judgeTrace looks between each set that was read and its ACK that was written: what
// was written into the file meanwhile was synced, and the sync had ended well.
func judgeTrace(calls []call) error {
	found, written, begun, synced := 0, false, false, false
	for _, c := range calls {
		sync := c.name == "fdatasync" || c.name == "fsync"
		switch {
		case (c.name == "read" || c.name == "recvfrom") && c.ends && setLine.MatchString(c.text):
			written, begun, synced = false, false, false
		case c.name == "pwrite64" && !c.ends:
			written, begun, synced = true, false, false // what was synced before does not count
		case sync && !c.ends:
			begun = written
		case sync && begun && strings.HasSuffix(c.text, " = 0"):
			synced = true
		case (c.name == "write" || c.name == "sendto") && !c.ends && ackLine.MatchString(c.text):
			if found++; !synced {
				return fmt.Errorf("%w before ACK %d: written %t, begun %t", errNoSync, found, written, begun)
			}
		}
	}
	if found != tracedSets {
		return fmt.Errorf("%d ACKs are in the trace, not %d", found, tracedSets)
	}
	return nil
}

// TestATraceIsJudged plays traces that hold what must be found.
func TestATraceIsJudged(t *testing.T) {
	const read, write, ack = `1 read(9, "REQ 1 set k0 v\n", 65536) = 15`, `2 pwrite64(5, "", 4096, 0) = 4096`, `1 write(9, "ACK 1 ok\n", 9) = 9`
	const sync = `2 fdatasync(5) = 0`
	for name, x := range map[string]struct {
		lines []string
		good  bool
	}{
		"good":             {[]string{read, write, sync, ack}, true},
		"divided":          {[]string{read, write, "2 fdatasync(5 <unfinished ...>", "3 read(1, ) = 0", "2 <... fdatasync resumed>) = 0", ack}, true},
		"none":             {[]string{read, write, ack}, false},
		"before":           {[]string{write, sync, read, ack}, false},
		"behind":           {[]string{read, write, ack, sync}, false},
		"not complete":     {[]string{read, write, "2 fdatasync(5 <unfinished ...>", ack, "2 <... fdatasync resumed>) = 0"}, false},
		"failed":           {[]string{read, write, "2 fdatasync(5) = -1 EIO (Input/output error)", ack}, false},
		"of older writes":  {[]string{read, write, sync, write, ack}, false},
		"begun too early":  {[]string{read, "2 fdatasync(5 <unfinished ...>", write, "2 <... fdatasync resumed>) = 0", ack}, false},
		"nothing to write": {[]string{read, sync, ack}, false},
	} {
		var all []string
		for range tracedSets {
			all = append(all, x.lines...)
		}
		if err := judgeTrace(parseTrace(strings.Join(all, "\n"))); (err == nil) != x.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// buildWithoutSync builds the command from a copy of the store that does not sync.
func buildWithoutSync(t *testing.T) (binary string) {
	t.Helper()
	file, err := filepath.Abs("../../foo/kv/disk.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const old, planted = "NoSync:          s.noSync,", "NoSync:          true,"
	if strings.Count(string(text), old) != 1 {
		t.Fatalf("%q does not stand once in %s", old, file)
	}
	dir := t.TempDir()
	copied, list := filepath.Join(dir, "disk.go"), filepath.Join(dir, "overlay.json")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: copied}})
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(copied, []byte(strings.Replace(string(text), old, planted, 1)), 0o600), os.WriteFile(list, overlay, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	binary = filepath.Join(dir, "foo_server")
	if said, err := exec.Command("go", "build", "-overlay", list, "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, said)
	}
	return binary
}
