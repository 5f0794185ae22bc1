// process_test.go owns foo_proxy as a process of its own, for what only a process
// can show. The test binary starts itself again as the command.

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	playCommand = "FOO_PROXY_TEST_PLAYS_THE_COMMAND"
	playLimit   = "FOO_PROXY_TEST_DESCRIPTORS" // how many descriptors the command may open
)

// patience is how long a test waits for what must come.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
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

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	// The race detector would otherwise sleep for a second at each exit.
	cmd.Env = append(os.Environ(), playCommand+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// process is a foo_proxy that listens.
type process struct {
	*exec.Cmd
	t      *testing.T
	addr   string
	stdout *bufio.Reader
	errors *bufio.Reader
	pipes  []io.Closer
	log    []string // the lines up to the one that tells the address
}

// start runs one on a port that the kernel picks, in front of the given server.
func start(t *testing.T, server string, args ...string) *process {
	t.Helper()
	return launch(t, command(append([]string{"-listen", "127.0.0.1:0", "-forward", server}, args...)...))
}

func launch(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{Cmd: cmd, t: t}
	p.stdout, p.errors = p.pipe(p.StdoutPipe), p.pipe(p.StderrPipe)
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
		line, err := p.errors.ReadString('\n')
		if err != nil {
			t.Fatalf("foo_proxy ended with %q and %q", p.log, line)
		}
		p.log = append(p.log, line)
		var entry struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
			p.addr = entry.Address
		}
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

func (p *process) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(sig); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the end and gives what the log said meanwhile.
func (p *process) ends(code int) string {
	p.t.Helper()
	log, err := io.ReadAll(p.errors)
	if err != nil {
		p.t.Error(err)
	}
	_ = p.Wait() // the exit code says it all
	if got := p.ProcessState.ExitCode(); got != code {
		p.t.Errorf("foo_proxy ended with %v, not with %d:\n%s", p.ProcessState, code, log)
	}
	return string(log)
}

func (p *process) dial() net.Conn {
	p.t.Helper()
	return dial(p.t, p.addr)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// ask sends lines and expects these replies.
func ask(t *testing.T, c net.Conn, lines, replies string) {
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

// atEnd expects the end of the stream, with nothing before it.
func atEnd(t *testing.T, c net.Conn) {
	t.Helper()
	if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
		t.Errorf("got %q (%v)", rest, err)
	}
}

// startServer echoes lines as replies, on the standard library alone. Data of
// "hold" gets no reply, a line of "bye" the end of the connection.
func startServer(t *testing.T) (addr string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			work.Go(func() { echo(c) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		work.Wait()
	})
	return listener.Addr().String()
}

func echo(c net.Conn) {
	defer c.Close()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case line == "bye":
			return
		case strings.HasSuffix(line, "hold"):
			continue
		case strings.HasPrefix(line, "REQ "):
			line = "ACK " + line[4:]
		default:
			line = "NAK 0 unknown type"
		}
		if _, err := io.WriteString(c, line+"\n"); err != nil {
			return
		}
	}
}
