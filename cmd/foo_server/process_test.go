package main

// Tests of what only a real process can show: exit codes, signals and streams.
// The test binary starts itself again as the command.

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

func TestMain(m *testing.M) { proctest.Main(m, main) }

// startServer starts one on a port that the kernel picks, and waits until it
// says that it listens.
func startServer(t *testing.T, args ...string) *proctest.Process {
	t.Helper()
	return proctest.Launch(t, proctest.Command(append([]string{"-listen", "127.0.0.1:0"}, args...)...))
}

func TestTheFirstLinesNameTheProcessAndTheAddress(t *testing.T) {
	p := startServer(t)
	var first struct{ Pid int }
	if err := json.Unmarshal([]byte(p.Log[0]), &first); err != nil || first.Pid != p.Process.Pid {
		t.Errorf("the log begins with %q (%v)", p.Log, err)
	}
	proctest.Ask(p.T, p.Dial(), "REQ 1 hey\n", "ACK 1 hey\n")
}

func TestAPortInUseIsOneLine(t *testing.T) {
	p := startServer(t)
	host, port, err := net.SplitHostPort(p.Addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-listen", p.Addr}, {"-H", host, "-p", port}, {"-host", "localhost", "-port", port}} {
		second := proctest.Command(args...)
		var stdout, stderr bytes.Buffer
		second.Stdout, second.Stderr = &stdout, &stderr
		_ = second.Run() // the exit code says it all
		wanted := fmt.Sprintf("foo_server: cannot listen on %s: address already in use\n", p.Addr)
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
		"bad network":       {[]string{"-accept-proxy", "10.0.0.1/8"}, 2, "-accept-proxy: 10.0.0.1/8 has bits behind its mask; write 10.0.0.0/8"},
		"foreign address":   {[]string{"-listen", "192.0.2.1:1"}, 1, "192.0.2.1:1: cannot assign requested address"},
		"no such directory": {[]string{"-listen", "127.0.0.1:0", "-pidfile", "/nonexistent/pid"}, 1, "/nonexistent/pid"},
	} {
		cmd := proctest.Command(x.args...)
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
	help, err := proctest.Command("-h").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, wanted := range []string{"-p, -port PORT", "-H, -host HOST", "-listen ADDRESS", "-data FILE", "-dump FILE", "-load FILE", "-echo", "-plain", "-nak-rate SHARE", "-delay DURATION",
		"-max-line SIZE", "-max-clients N", "-idle-timeout", "-line-timeout", "-write-timeout", "-drain", "-linger", "-backlog",
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
			conn := p.Dial()
			proctest.Ask(p.T, conn, "REQ 1 a\n", "ACK 1 a\n")
			p.Send(sig)
			if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
				t.Errorf("the client got %q (%v)", rest, err)
			}
			conn.Close()
			log := p.ExpectExit(0)
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
	conn := p.Dial()
	proctest.Ask(p.T, conn, "REQ 1 a\n", "ACK 1 a\n") // the connection is accepted
	if _, err := io.WriteString(conn, "REQ 2 b\n"); err != nil {
		t.Fatal(err)
	}
	p.Send(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || string(rest) != "ACK 2 b\n" {
		t.Errorf("the client got %q (%v)", rest, err)
	}
	conn.Close()
	p.ExpectExit(0)
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	p := startServer(t, "-drain", "1h", "-linger", "1h")
	conn := p.Dial()
	proctest.Ask(p.T, conn, "REQ 1 a\n", "ACK 1 a\n")
	p.Send(syscall.SIGTERM)
	if _, err := io.ReadAll(conn); err != nil { // the first signal has arrived
		t.Fatal(err)
	}
	p.Send(syscall.SIGINT)
	p.ExpectExit(1)
}

func TestTheDrainHasAnEnd(t *testing.T) {
	p := startServer(t, "-drain", "10ms")
	conn := p.Dial()
	proctest.Ask(p.T, conn, "REQ 1 a\n", "ACK 1 a\n")
	p.Send(syscall.SIGTERM)
	if log := p.ExpectExit(0); !strings.Contains(log, `"connections_cut":1`) {
		t.Errorf("the log ends with %q", log)
	}
}

func TestSIGUSR1PrintsTheStatistics(t *testing.T) {
	p := startServer(t, "-nak-rate", "1")
	proctest.Ask(p.T, p.Dial(), "REQ 1 a\nREQ 2\n", "NAK 1 nak-rate\nNAK 2 nak-rate\n")
	for range 3 {
		p.Send(syscall.SIGUSR1)
		line, err := p.Stdout.ReadBytes('\n')
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
	conn := p.Dial()
	p.CloseReaders()
	for range 3 {
		p.Send(syscall.SIGUSR1)
		proctest.Ask(p.T, conn, "REQ 1 a\n", "ACK 1 a\n")
	}
	p.Send(syscall.SIGTERM)
	if rest, err := io.ReadAll(conn); err != nil || len(rest) > 0 {
		t.Errorf("the client got %q (%v)", rest, err)
	}
	conn.Close()
	_ = p.Wait() // the exit code says it all
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the server ended with %v", p.ProcessState)
	}
}
