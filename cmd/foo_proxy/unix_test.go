// unix_test.go: processes that meet at unix sockets: what they leave behind, and
// who gets a path that several want.

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// startUnix runs one that listens at path.
func startUnix(t *testing.T, path, server string, args ...string) *proctest.Process {
	t.Helper()
	return proctest.Launch(t, proctest.Command(append([]string{"-listen", "unix:" + path, "-forward", server}, args...)...))
}

func gone(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there (%v)", path, err)
	}
}

func TestAProxyOfUnixSocketsAnswersAndTidiesUp(t *testing.T) {
	folder := t.TempDir()
	path, pidFile := filepath.Join(folder, "proxy"), filepath.Join(folder, "pid")
	p := startUnix(t, path, startServer(t), "-log-level", "debug", "-pidfile", pidFile)
	if p.Addr != "unix:"+path {
		t.Fatalf("it listens on %s", p.Addr)
	}
	// Another one in front of it, with unix sockets on both sides.
	front := startUnix(t, path+"2", p.Addr)
	c := front.Dial()
	proctest.Ask(t, c, "REQ 1 a\nREQ 2 b\n", "ACK 1 a\nACK 2 b\n")
	front.Send(syscall.SIGTERM)
	atEnd(t, c)
	c.Close()
	front.ExpectExit(0)
	p.Send(syscall.SIGTERM)
	log := p.ExpectExit(0)
	if !strings.Contains(log, `"msg":"client accepted","client":"unix"`) {
		t.Errorf("the client's name is not in the log:\n%s", log)
	}
	for _, file := range []string{path, path + "2", pidFile} {
		gone(t, file)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v (%v)", left, err)
	}
}

func TestASecondSignalAndAStartThatFailsLeaveNoSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	p := startUnix(t, path, startServer(t), "-drain", "1h")
	idle, busy := p.Dial(), p.Dial()
	proctest.Ask(t, idle, "REQ 1 a\n", "ACK 1 a\n")
	proctest.Ask(t, busy, "REQ 1 hold\nREQ 2 b\n", "ACK 2 b\n")
	p.Send(syscall.SIGTERM)
	atEnd(t, idle) // so the first signal has arrived
	p.Send(syscall.SIGTERM)
	p.ExpectExit(1)
	gone(t, path)
	_, stderr, code := runToEnd("-listen", "unix:"+path, "-pidfile", "/nonexistent/pid")
	if code != 1 || stderr != "foo_proxy: pid file /nonexistent/pid: no such file or directory\n" {
		t.Errorf("ended with %d and %q", code, stderr)
	}
	gone(t, path)
}

// runToEnd runs a command that does not serve.
func runToEnd(args ...string) (stdout, stderr string, code int) {
	cmd := proctest.Command(args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code says it all
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestAKilledProxyIsReplacedAndALivingOneIsNot: the new one serves at the path of
// a dead one, and the second of two that want it at once is told so.
func TestAKilledProxyIsReplacedAndALivingOneIsNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	server := startServer(t)
	p := startUnix(t, path, server)
	p.Send(syscall.SIGKILL)
	p.ExpectExit(-1)
	p = startUnix(t, path, server)
	proctest.Ask(t, p.Dial(), "REQ 1 a\n", "ACK 1 a\n")
	stdout, stderr, code := runToEnd("-listen", "unix:"+path)
	if code != 1 || stdout != "" || stderr != "foo_proxy: cannot listen: unix:"+path+" is in use\n" {
		t.Errorf("ended with %d, %q and %q", code, stdout, stderr)
	}
	proctest.Ask(t, p.Dial(), "REQ 1 a\n", "ACK 1 a\n")
}

// TestANewProxyTakesOverWhileTheOldOneDrains: the old one's end leaves the path
// to the new one.
func TestANewProxyTakesOverWhileTheOldOneDrains(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	server := startServer(t)
	old := startUnix(t, path, server, "-drain", "1s")
	busy, idle := old.Dial(), old.Dial()
	proctest.Ask(t, busy, "REQ 1 hold\nREQ 2 b\n", "ACK 2 b\n")
	old.Send(syscall.SIGTERM)
	atEnd(t, idle) // so it does not listen any more
	fresh := startUnix(t, path, server)
	proctest.Ask(t, fresh.Dial(), "REQ 1 a\n", "ACK 1 a\n")
	atEnd(t, busy)
	busy.Close()
	old.ExpectExit(0)
	proctest.Ask(t, fresh.Dial(), "REQ 1 a\n", "ACK 1 a\n")
}

// TestOfManyProcessesThatStartAtOnceOneListens has them all find the file of a
// dead one.
func TestOfManyProcessesThatStartAtOnceOneListens(t *testing.T) {
	const starters = 6
	path := filepath.Join(t.TempDir(), "s")
	server := startServer(t)
	p := startUnix(t, path, server)
	p.Send(syscall.SIGKILL)
	p.ExpectExit(-1)
	var work sync.WaitGroup
	refusals := make(chan string, starters)
	for range starters {
		cmd := proctest.Command("-listen", "unix:"+path, "-forward", server)
		stderr, err := cmd.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
		})
		work.Go(func() {
			var first [4096]byte
			n, _ := stderr.Read(first[:]) // whatever it is, the test compares it
			refusals <- string(first[:n])
		})
	}
	work.Wait()
	listening, refused := 0, 0
	for range starters {
		switch said := <-refusals; {
		case strings.Contains(said, `"msg":"listening"`):
			listening++
		case said == "foo_proxy: cannot listen: unix:"+path+" is in use\n":
			refused++
		default:
			t.Errorf("it said %q", said)
		}
	}
	if listening != 1 || refused != starters-1 {
		t.Errorf("%d listen, %d are refused", listening, refused)
	}
	proctest.Ask(t, proctest.Dial(t, "unix:"+path), "REQ 1 a\n", "ACK 1 a\n")
}
