package main

// This file owns the tests of keys that are kept in a file, by real processes.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/proctest"
)

// keep starts a server on a file.
func keep(t *testing.T, path string, args ...string) *proctest.Process {
	t.Helper()
	return startServer(t, append([]string{"-data", path}, args...)...)
}

// end has a server end in order.
func end(p *proctest.Process) {
	p.T.Helper()
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
}

// run runs the command to its end.
func run(t *testing.T, stdin string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := proctest.Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	_ = cmd.Run() // the exit code says it all
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestWhatWasAcknowledgedOutlivesAKill counts in a pipeline, kills the server at a random
// moment, and looks where the count is: what was acknowledged is there, and nothing
// that was not asked for.
func TestWhatWasAcknowledgedOutlivesAKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	const each = 300
	rounds, id, acked, asked, sum := 5, "", 0, 0, 0
	if proctest.Release() {
		rounds = 1000
	}
	for round := range rounds {
		p := keep(t, path)
		conn := p.Dial()
		fmt.Fprintf(conn, "WHERE\nREQ 1 incr n\n")
		where, value := readLine(t, conn), readLine(t, conn)
		if round > 0 && where != id {
			t.Fatalf("the store was %s, and is %s", id, where)
		}
		id = where
		have := 0
		if _, err := fmt.Sscanf(value, "ACK 1 %d", &have); err != nil || have <= acked || have > asked+1 {
			t.Fatalf("round %d: %q, %d were acknowledged and %d asked for", round, value, acked, asked)
		}
		acked, asked = have, have+each
		var lines strings.Builder
		for n := range each {
			fmt.Fprintf(&lines, "REQ %d incr n\n", n+1)
		}
		if _, err := io.WriteString(conn, lines.String()); err != nil {
			t.Fatal(err)
		}
		for n := range rand.IntN(each + 1) {
			acked++
			sum++
			if got, wanted := readLine(t, conn), fmt.Sprintf("ACK %d %d", n+1, acked); got != wanted {
				t.Fatalf("got %q, not %q", got, wanted)
			}
		}
		p.Send(syscall.SIGKILL)
		p.ExpectExit(-1)
		conn.Close()
	}
	proctest.Figure(t, "S1", fmt.Sprintf("SIGKILL of a server at a random moment of pipelined writes, %d rounds", rounds),
		fmt.Sprintf("%d writes were acknowledged, 0 of them lost", sum), "0 lost")
}

// readLine reads a line byte by byte, so that nothing is read too much.
func readLine(t *testing.T, conn net.Conn) string {
	t.Helper()
	var line []byte
	for b := make([]byte, 1); ; line = append(line, b[0]) {
		if _, err := io.ReadFull(conn, b); err != nil {
			t.Fatalf("%v behind %q", err, line)
		}
		if b[0] == '\n' {
			return string(line)
		}
	}
}

func TestAnOrderlyEndCompletesWhatWasAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	p := keep(t, path)
	conn := p.Dial()
	proctest.Ask(t, conn, "REQ 1 a\n", "ACK 1 a\n")
	if _, err := io.WriteString(conn, "REQ 2 set k v\nREQ 3 b\n"); err != nil {
		t.Fatal(err)
	}
	p.Send(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != "ACK 2 ok\nACK 3 b\n" {
		t.Errorf("the client got %q (%v)", rest, err)
	}
	conn.Close()
	p.ExpectExit(0)
	p = keep(t, path)
	proctest.Ask(t, p.Dial(), "REQ 1 get k\n", "ACK 1 v\n")
}

func TestAFileInUseIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	p := keep(t, path)
	wanted := fmt.Sprintf("foo_server: %s: another process uses it", path)
	for _, args := range [][]string{{"-listen", "127.0.0.1:0", "-data", path}, {"-dump", path}, {"-load", path}} {
		stdout, stderr, code := run(t, "", args...)
		if code != 1 || stdout != "" || !strings.HasPrefix(stderr, wanted) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%v ended with %d, %q and %q", args, code, stdout, stderr)
		}
	}
	proctest.Ask(t, p.Dial(), "REQ 1 set k v\n", "ACK 1 ok\n")
}

func TestADamagedFileIsRefusedWithTheWayOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	p := keep(t, path)
	var lines, replies strings.Builder
	for n := range 200 {
		fmt.Fprintf(&lines, "REQ %d set k%03d %s\n", n+1, n, strings.Repeat("v", 100))
		fmt.Fprintf(&replies, "ACK %d ok\n", n+1)
	}
	conn := p.Dial()
	proctest.Ask(t, conn, lines.String(), replies.String())
	conn.Close()
	end(p)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.LastIndex(file, []byte("k100vvvv"))
	if at < 0 {
		t.Fatal("the value is not found in the file")
	}
	file[at+10] = 'w'
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := run(t, "", "-listen", "127.0.0.1:0", "-data", path)
	if code != 1 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, path+" is damaged") || !strings.Contains(stderr, "-dump") || !strings.Contains(stderr, "-load") {
		t.Errorf("ended with %d and %q", code, stderr)
	}
	saved, stderr, code := run(t, "", "-dump", path)
	if n := strings.Count(saved, "\n"); code != 1 || n < 150 || n > 199 || !strings.Contains(stderr, fmt.Sprintf("%d entries could be read", n)) || strings.Count(stderr, "\n") != 1 {
		t.Fatalf("%d lines, code %d, %q", strings.Count(saved, "\n"), code, stderr)
	}
	fresh := filepath.Join(t.TempDir(), "fresh")
	if _, stderr, code := run(t, saved, "-load", fresh); code != 0 || stderr != "" {
		t.Fatalf("ended with %d and %q", code, stderr)
	}
	p = keep(t, fresh)
	proctest.Ask(t, p.Dial(), "REQ 1 get k003\nREQ 2 get k100\n", "ACK 1 "+strings.Repeat("v", 100)+"\nNAK 2 no such key\n")
}

func TestKeysGoOutAndIn(t *testing.T) {
	const lines = `{"key": "a", "value": "1"}` + "\n" + `{"key": "größe", "value": "\"x\"\tü "}` + "\n"
	path := filepath.Join(t.TempDir(), "keys")
	if stdout, stderr, code := run(t, lines, "-load", path); stdout != "" || stderr != "" || code != 0 {
		t.Fatalf("ended with %d, %q and %q", code, stdout, stderr)
	}
	p := keep(t, path)
	conn := p.Dial()
	proctest.Ask(t, conn, "REQ 1 get größe\nREQ 2 incr a\n", "ACK 1 \"x\"\tü \nACK 2 2\n")
	conn.Close()
	end(p)
	wanted := strings.Replace(lines, `"1"`, `"2"`, 1)
	if stdout, stderr, code := run(t, "", "-dump", path); stdout != wanted || stderr != "" || code != 0 {
		t.Errorf("ended with %d, %q and %q", code, stdout, stderr)
	}
}

func TestWhatCannotBeCarriedIsOneLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if _, stderr, code := run(t, `{"key": "a", "value": "1"}`+"\n", "-load", path); code != 0 {
		t.Fatal(stderr)
	}
	for name, x := range map[string]struct {
		stdin string
		args  []string
		code  int
		says  string
	}{
		"bad line":            {`{"key": "b", "value": "1"}` + "\nfrob\n", []string{"-load", path}, 1, "line 2: not of the form"},
		"key with a blank":    {`{"key": "b c", "value": "1"}` + "\n", []string{"-load", path}, 1, "line 1: key has whitespace"},
		"no such file":        {"", []string{"-dump", path + "x"}, 1, "keysx: no such file"},
		"a directory":         {"", []string{"-data", filepath.Dir(path), "-listen", "127.0.0.1:0"}, 1, filepath.Dir(path)},
		"no directory":        {"", []string{"-data", "/nonexistent/keys", "-listen", "127.0.0.1:0"}, 1, "/nonexistent/keys"},
		"no file of a store":  {"", []string{"-data", "/dev/null", "-listen", "127.0.0.1:0"}, 1, "/dev/null is no file of a store"},
		"two files":           {"", []string{"-data", path, "-dump", path}, 2, "-dump: -data is given as well"},
		"an empty name":       {"", []string{"-load", ""}, 2, "-load: a file is missing"},
		"the old name's flag": {"", []string{"-max-conns", "1"}, 2, "-max-conns"},
	} {
		stdout, stderr, code := run(t, x.stdin, x.args...)
		if code != x.code || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, x.says) {
			t.Errorf("%s: ended with %d, %q and %q", name, code, stdout, stderr)
		}
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip(err)
	}
	defer full.Close()
	cmd := proctest.Command("-dump", path)
	var stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &stderr
	_ = cmd.Run() // the exit code says it all
	if code := cmd.ProcessState.ExitCode(); code != 1 || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "no space left on device") {
		t.Errorf("a full disk: ended with %d and %q", code, stderr.String())
	}
}

func TestTheLogTellsWhereKeysAreKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	for _, x := range []struct{ args, wanted []string }{
		{nil, []string{"keys are kept in memory only", ""}},
		{[]string{"-data", path}, []string{"keys are kept in a file", path}},
	} {
		p := startServer(t, x.args...)
		line, err := p.Stderr.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var entry struct{ Msg, Path, Store string }
		if err := json.Unmarshal(line, &entry); err != nil || entry.Msg != x.wanted[0] || entry.Path != x.wanted[1] {
			t.Errorf("the log says %q (%v)", line, err)
		}
		proctest.Ask(t, p.Dial(), "REQ 1 WHERE\n", "ACK 1 "+entry.Store+"\n")
	}
}

// TestAFullDiskIsToldAndReadsGoOn limits how long the file may become.
func TestAFullDiskIsToldAndReadsGoOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	p := startCramped(t, 1<<20, "-data", path)
	conn := p.Dial()
	proctest.Ask(t, conn, "REQ 1 set k v\n", "ACK 1 ok\n")
	value := strings.Repeat("v", 32000)
	n := 2
	for ; n < 1000; n++ {
		fmt.Fprintf(conn, "REQ %d set k%d %s\n", n, n, value)
		if reply := readLine(t, conn); reply == fmt.Sprintf("NAK %d no space left in the store", n) {
			break
		} else if reply != fmt.Sprintf("ACK %d ok", n) {
			t.Fatalf("got %q", reply)
		}
	}
	if n == 1000 {
		t.Fatal("the disk is never full")
	}
	proctest.Ask(t, conn, "REQ 1 get k\nREQ 2 why\n", "ACK 1 v\nACK 2 42\n")
}

// TestWordsAreCountedInTheStatistics asks a process for them.
func TestWordsAreCountedInTheStatistics(t *testing.T) {
	p := startServer(t)
	proctest.Ask(t, p.Dial(), "REQ 1 set a b\nwhy\nREQ 2 WHY\n", "ACK 1 ok\n42\nACK 2 42\n")
	p.Send(syscall.SIGUSR1)
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var numbers struct{ Words map[string]int }
	if err := json.Unmarshal(line, &numbers); err != nil || numbers.Words["set"] != 1 || numbers.Words["WHY"] != 2 || numbers.Words["WHO"] != 0 || len(numbers.Words) != 12 {
		t.Errorf("got %q (%v)", line, err)
	}
}

func TestTheSwitchesOfWordsReachTheServer(t *testing.T) {
	p := startServer(t, "-echo=false", "-plain=false")
	proctest.Ask(t, p.Dial(), "REQ 1 a\nwhy\nREQ 2 why\n", "NAK 1 unknown word \"a\"; HELP lists the words\nNAK 0 unknown type\nACK 2 42\n")
}

// startCramped starts a server whose files may not become longer than this.
func startCramped(t *testing.T, most uint64, args ...string) *proctest.Process {
	t.Helper()
	p := startServer(t, args...)
	limit := unix.Rlimit{Cur: most, Max: most}
	if err := unix.Prlimit(p.Process.Pid, unix.RLIMIT_FSIZE, &limit, nil); err != nil {
		t.Skip("prlimit: ", err)
	}
	return p
}
