package main

// Tests of what only a real process can show: exit codes, signals and streams.
// The test binary starts itself again as the command.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	commandVariable = "FOO_SERVER_TEST"
	limitVariable   = "FOO_SERVER_TEST_DESCRIPTORS" // how many the command may open
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(commandVariable) == "" {
		os.Exit(m.Run())
	}
	if n, err := strconv.ParseUint(os.Getenv(limitVariable), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			panic(err)
		}
	}
	main()
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would otherwise sleep for a second at each exit.
	cmd.Env = append(os.Environ(), commandVariable+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// process is a server that listens.
type process struct {
	*exec.Cmd
	t              *testing.T
	addr           string
	stdout, stderr *bufio.Reader
	pipes          []io.Closer
	log            []string // the lines up to "listening"
}

// startServer starts one on a port that the kernel picks, and waits until it
// says that it listens.
func startServer(t *testing.T, args ...string) *process {
	t.Helper()
	return launch(t, command(append([]string{"-listen", "127.0.0.1:0"}, args...)...))
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, t: t}
	p.stdout, p.stderr = p.pipe(p.StdoutPipe), p.pipe(p.StderrPipe)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	for p.addr == "" {
		line, err := p.stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("the server ended with %q", p.log)
		}
		p.log = append(p.log, line)
		p.addr = listening(line)
	}
	return p
}

func (p *process) pipe(open func() (io.ReadCloser, error)) *bufio.Reader {
	p.t.Helper()
	pipe, err := open()
	if err != nil {
		p.t.Fatal(err)
	}
	p.pipes = append(p.pipes, pipe)
	return bufio.NewReader(pipe)
}

// closeReaders leaves stdout and stderr without anybody who reads them.
func (p *process) closeReaders() {
	p.t.Helper()
	for _, pipe := range p.pipes {
		if err := pipe.Close(); err != nil {
			p.t.Fatal(err)
		}
	}
}

// listening gives the address of the line that says so.
func listening(line string) string {
	var entry struct{ Msg, Address string }
	if json.Unmarshal([]byte(line), &entry) != nil || entry.Msg != "listening" {
		return ""
	}
	return entry.Address
}

func (p *process) dial() net.Conn {
	p.t.Helper()
	conn, err := net.DialTimeout("tcp", p.addr, patience)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		p.t.Fatal(err)
	}
	return conn
}

func (p *process) ask(conn net.Conn, lines, replies string) {
	p.t.Helper()
	got := make([]byte, len(replies))
	_, err := io.WriteString(conn, lines)
	if err == nil {
		_, err = io.ReadFull(conn, got)
	}
	if err != nil || string(got) != replies {
		p.t.Fatalf("got %q (%v)", got, err)
	}
}

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// expectExit waits for the end and gives what the log said meanwhile.
func (p *process) expectExit(code int) string {
	p.t.Helper()
	log, err := io.ReadAll(p.stderr)
	if err != nil {
		p.t.Error(err)
	}
	_ = p.Wait() // the exit code says it all
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Errorf("the server ended with %v, not with %d:\n%s", p.ProcessState, code, log)
	}
	return string(log)
}

func TestTheFirstLinesNameTheProcessAndTheAddress(t *testing.T) {
	p := startServer(t)
	var first struct{ Pid int }
	if err := json.Unmarshal([]byte(p.log[0]), &first); err != nil || first.Pid != p.Process.Pid {
		t.Errorf("the log begins with %q (%v)", p.log, err)
	}
	p.ask(p.dial(), "REQ 1 hey\n", "ACK 1 hey\n")
}

func TestAPortInUseIsOneLine(t *testing.T) {
	p := startServer(t)
	host, port, err := net.SplitHostPort(p.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-listen", p.addr}, {"-H", host, "-p", port}, {"-host", "localhost", "-port", port}} {
		second := command(args...)
		var stdout, stderr bytes.Buffer
		second.Stdout, second.Stderr = &stdout, &stderr
		_ = second.Run() // the exit code says it all
		wanted := fmt.Sprintf("foo_server: cannot listen on %s: address already in use\n", p.addr)
		if code := second.ProcessState.ExitCode(); code != 1 || stderr.String() != wanted || stdout.Len() > 0 {
			t.Errorf("%v ended with %d, %q and %q", args, code, stdout.String(), stderr.String())
		}
	}
}

func TestWhatCannotBeStartedIsOneLine(t *testing.T) {
	for name, x := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no such flag":      {[]string{"-frob"}, 2, "-frob"},
		"bad share":         {[]string{"-nak-rate", "2"}, 2, "-nak-rate"},
		"two addresses":     {[]string{"-listen", "1", "-p", "2"}, 2, "-p: the address is given by -listen already"},
		"no time to drain":  {[]string{"-drain", "0s"}, 2, "-drain: 0s is not between 1ms and 24h"},
		"bad host":          {[]string{"-H", "a b"}, 2, "-H"},
		"foreign address":   {[]string{"-listen", "192.0.2.1:1"}, 1, "192.0.2.1:1: cannot assign requested address"},
		"no such directory": {[]string{"-listen", "127.0.0.1:0", "-pidfile", "/nonexistent/pid"}, 1, "/nonexistent/pid"},
	} {
		cmd := command(x.args...)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the exit code says it all
		text := stderr.String()
		if code := cmd.ProcessState.ExitCode(); code != x.code || strings.Count(text, "\n") != 1 || !strings.Contains(text, x.says) {
			t.Errorf("%s ended with %d and %q", name, code, text)
		}
	}
}

func TestHelpShowsFlagsAndExamples(t *testing.T) {
	help, err := command("-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"-p, -port PORT", "-H, -host HOST", "-listen ADDRESS", "-nak-rate SHARE", "-delay DURATION",
		"-max-line SIZE", "-max-conns N", "-idle-timeout", "-line-timeout", "-write-timeout", "-drain", "-linger", "-backlog",
		"-log-level", "-pidfile", "-version", "foo_server -p 8000"} {
		if !strings.Contains(string(help), wanted) {
			t.Errorf("help does not show %q", wanted)
		}
	}
}

func TestASignalDrains(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			p := startServer(t, "-pidfile", pidFile)
			if text, err := os.ReadFile(pidFile); err != nil || string(text) != strconv.Itoa(p.Process.Pid)+"\n" {
				t.Errorf("the pid file holds %q (%v)", text, err)
			}
			conn := p.dial()
			p.ask(conn, "REQ 1 a\n", "ACK 1 a\n")
			p.signal(sig)
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("the client got %q (%v)", rest, err)
			}
			conn.Close()
			log := p.expectExit(0)
			if last := `"msg":"ended","requests":1,"acks":1,"naks":0,"connections":1,"connections_cut":0}`; !strings.Contains(log, last) {
				t.Errorf("the log ends with %q", log)
			}
			if _, err := os.Stat(pidFile); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the pid file is still there (%v)", err)
			}
		})
	}
}

func TestDelayedRepliesAreDeliveredInTheDrain(t *testing.T) {
	p := startServer(t, "-delay", "200ms")
	conn := p.dial()
	p.ask(conn, "REQ 1 a\n", "ACK 1 a\n") // the connection is accepted
	if _, err := io.WriteString(conn, "REQ 2 b\n"); err != nil {
		t.Fatal(err)
	}
	p.signal(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != "ACK 2 b\n" {
		t.Errorf("the client got %q (%v)", rest, err)
	}
	conn.Close()
	p.expectExit(0)
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	p := startServer(t, "-drain", "1h", "-linger", "1h")
	conn := p.dial()
	p.ask(conn, "REQ 1 a\n", "ACK 1 a\n")
	p.signal(syscall.SIGTERM)
	if _, err := io.ReadAll(conn); err != nil { // the first signal has arrived
		t.Fatal(err)
	}
	p.signal(syscall.SIGINT)
	p.expectExit(1)
}

func TestTheDrainHasAnEnd(t *testing.T) {
	p := startServer(t, "-drain", "10ms")
	conn := p.dial()
	p.ask(conn, "REQ 1 a\n", "ACK 1 a\n")
	p.signal(syscall.SIGTERM)
	if log := p.expectExit(0); !strings.Contains(log, `"connections_cut":1`) {
		t.Errorf("the log ends with %q", log)
	}
}

func TestSIGUSR1PrintsTheStatistics(t *testing.T) {
	p := startServer(t, "-nak-rate", "1")
	p.ask(p.dial(), "REQ 1 a\nREQ 2\n", "NAK 1 nak-rate\nNAK 2 nak-rate\n")
	for range 3 {
		p.signal(syscall.SIGUSR1)
		line, err := p.stdout.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var numbers struct {
			Total   int `json:"msg_total"`
			Nak     int `json:"msg_nak"`
			Clients int `json:"connections"`
		}
		if err := json.Unmarshal(line, &numbers); err != nil || numbers.Total != 4 || numbers.Nak != 2 || numbers.Clients != 1 {
			t.Errorf("got %q (%v)", line, err)
		}
	}
}

func TestClosedStreamsKillNobody(t *testing.T) {
	p := startServer(t, "-log-level", "debug")
	conn := p.dial()
	p.closeReaders()
	for range 3 {
		p.signal(syscall.SIGUSR1)
		p.ask(conn, "REQ 1 a\n", "ACK 1 a\n")
	}
	p.signal(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("the client got %q (%v)", rest, err)
	}
	conn.Close()
	_ = p.Wait() // the exit code says it all
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with %v", p.ProcessState)
	}
}
