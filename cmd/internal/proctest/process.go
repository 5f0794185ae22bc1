// Package proctest runs a command as a process of its own, for tests of what only
// a process can show: exit codes, signals, streams, limits. The test binary
// starts itself again as the command, so nothing is built and everything is
// covered by the race detector. Only tests import it.
//
//	func TestMain(m *testing.M) { proctest.Main(m, main) }
//	p := proctest.Launch(t, proctest.Command("-listen", "127.0.0.1:0"))
package proctest

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	playCommand = "FOO_TEST_PLAYS_THE_COMMAND"
	playLimit   = "FOO_TEST_DESCRIPTORS" // how many descriptors the command may open
)

// Patience is how long a test waits for what must come.
const Patience = 30 * time.Second

// Main runs the tests, or the command where Command has asked for it.
func Main(m *testing.M, main func()) {
	if os.Getenv(playCommand) == "" {
		os.Exit(m.Run())
	}
	if n, err := strconv.ParseUint(os.Getenv(playLimit), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
	main()
}

// Command is the command with these arguments, not started.
func Command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would otherwise sleep for a second at each exit.
	cmd.Env = append(os.Environ(), playCommand+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// LimitDescriptors has a command start with so many descriptors at most.
func LimitDescriptors(cmd *exec.Cmd, n int) {
	cmd.Env = append(cmd.Env, playLimit+"="+strconv.Itoa(n))
}

// Process is a command that listens. The test's end kills it if it still runs.
type Process struct {
	*exec.Cmd
	T              *testing.T
	Addr           string // where it listens
	Stdout, Stderr *bufio.Reader
	Log            []string // the lines up to the one that tells the address

	pipes []io.Closer
}

// Launch starts a command and waits until its log says that it listens.
func Launch(t *testing.T, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, T: t}
	p.Stdout, p.Stderr = p.pipe(p.StdoutPipe), p.pipe(p.StderrPipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	for p.Addr == "" {
		line, err := p.Stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("the command ended with %q and %q", p.Log, line)
		}
		p.Log = append(p.Log, line)
		var entry struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			p.Addr = entry.Address
		}
	}
	return p
}

func (p *Process) pipe(open func() (io.ReadCloser, error)) *bufio.Reader {
	p.T.Helper()
	pipe, err := open()
	if err != nil {
		p.T.Fatal(err)
	}
	p.pipes = append(p.pipes, pipe)
	return bufio.NewReader(pipe)
}

// CloseReaders leaves stdout and stderr without anybody who reads them.
func (p *Process) CloseReaders() {
	p.T.Helper()
	for _, pipe := range p.pipes {
		if err := pipe.Close(); err != nil {
			p.T.Fatal(err)
		}
	}
}

// Send sends the process a signal.
func (p *Process) Send(sig os.Signal) {
	p.T.Helper()
	if err := p.Process.Signal(sig); err != nil {
		p.T.Fatal(err)
	}
}

// ExpectExit waits for the end and gives what the log said meanwhile.
func (p *Process) ExpectExit(code int) string {
	p.T.Helper()
	log, err := io.ReadAll(p.Stderr)
	if err != nil {
		p.T.Error(err)
	}
	_ = p.Wait() // the exit code says it all
	if got := p.ProcessState.ExitCode(); got != code {
		p.T.Errorf("the command ended with %v, not with %d:\n%s", p.ProcessState, code, log)
	}
	return string(log)
}

// Dial connects to the process. The connection lasts as long as the test, and
// its reads and writes as long as Patience.
func (p *Process) Dial() net.Conn {
	p.T.Helper()
	return Dial(p.T, p.Addr)
}

// Dial connects to an address, likewise.
func Dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := net.DialTimeout(network, addr, Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Ask sends lines and expects these replies.
func Ask(t *testing.T, c net.Conn, lines, replies string) {
	t.Helper()
	got := make([]byte, len(replies))
	_, err := io.WriteString(c, lines)
	if err == nil {
		_, err = io.ReadFull(c, got)
	}
	if err != nil || string(got) != replies {
		t.Fatalf("got %q (%v), want %q", got, err, replies)
	}
}
