package cli

// Tests of what only a real process can show: the test binary starts itself
// again in a role.

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/zap/zapcore"
)

const roleVariable = "CLI_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "":
		os.Exit(m.Run())
	case "signals", "hanging", "ending":
		os.Exit(playSignals(os.Getenv(roleVariable)))
	case "fatal":
		OpenLog(os.Stderr, zapcore.InfoLevel).Logger().Fatal("the last line")
	case "noreader":
		os.Exit(playNoReader())
	default:
		os.Exit(99)
	}
}

// playSignals tells what its handlers are called with until stdin ends. It can
// hang in a drain, or at its very end.
func playSignals(role string) int {
	IgnoreBrokenPipe()
	s := WatchSignals(SignalHandlers{
		Drain: func(sig os.Signal) {
			fmt.Println("drain", sig)
			if role == "hanging" {
				select {}
			}
		},
		Stats: func() { fmt.Println("stats") },
		Exit: func(code int) {
			fmt.Println("exit")
			os.Exit(code)
		},
	})
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	s.Stop()
	fmt.Println("stopped")
	if role == "ending" {
		select {}
	}
	return ExitOK
}

// playNoReader writes to stdout and stderr after their reader has gone.
func playNoReader() int {
	IgnoreBrokenPipe()
	io.Copy(io.Discard, os.Stdin)
	_, err := fmt.Println("nobody reads this")
	l := OpenLog(os.Stderr, zapcore.InfoLevel)
	l.Logger().Info("nor this")
	l.Close(flushMax)
	if !errors.Is(err, syscall.EPIPE) || l.Dropped() != 1 {
		return ExitFailure
	}
	return 42
}

type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func startChild(t *testing.T, role string) *child {
	t.Helper()
	c := &child{t: t, cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role)
	c.cmd.Stderr = os.Stderr
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(stdout)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
	})
	c.expect("ready")
	return c
}

func (c *child) expect(line string) {
	c.t.Helper()
	if !c.lines.Scan() || c.lines.Text() != line {
		c.t.Fatalf("the process said %q, not %q (%v)", c.lines.Text(), line, c.lines.Err())
	}
}

func (c *child) signal(sig os.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(sig); err != nil {
		c.t.Fatal(err)
	}
}

func (c *child) expectExit(code int) {
	c.t.Helper()
	for c.lines.Scan() {
		c.t.Errorf("the process said %q before its end", c.lines.Text())
	}
	// The exit code is looked at below; Wait's error only repeats it.
	_ = c.cmd.Wait()
	if got := c.cmd.ProcessState.ExitCode(); got != code {
		c.t.Errorf("the process ended with %v, not with code %d", c.cmd.ProcessState, code)
	}
}

func TestTheFirstSignalDrainsAndTheSecondEnds(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		for _, role := range []string{"signals", "hanging"} {
			t.Run(sig.String()+" "+role, func(t *testing.T) {
				c := startChild(t, role)
				c.signal(sig)
				c.expect("drain " + sig.String())
				c.signal(syscall.SIGTERM)
				c.expect("exit")
				c.expectExit(ExitFailure)
			})
		}
	}
}

// TestASecondSignalIsHeardUntilTheVeryEnd: the first may have been what ended the
// work, or come after it.
func TestASecondSignalIsHeardUntilTheVeryEnd(t *testing.T) {
	for _, drained := range []bool{true, false} {
		t.Run(fmt.Sprint("drained ", drained), func(t *testing.T) {
			c := startChild(t, "ending")
			if drained {
				c.signal(syscall.SIGTERM)
				c.expect("drain terminated")
			}
			c.stdin.Close()
			c.expect("stopped")
			if !drained {
				c.signal(syscall.SIGINT)
			}
			c.signal(syscall.SIGTERM)
			c.expect("exit")
			c.expectExit(ExitFailure)
		})
	}
}

func TestAfterOneSignalTheProcessMayEndByItself(t *testing.T) {
	c := startChild(t, "signals")
	c.signal(syscall.SIGTERM)
	c.expect("drain terminated")
	c.stdin.Close()
	c.expect("stopped")
	c.expectExit(ExitOK)
}

func TestEachSIGUSR1AfterALineGivesALine(t *testing.T) {
	c := startChild(t, "signals")
	for range 20 {
		c.signal(syscall.SIGUSR1)
		c.expect("stats")
	}
	c.stdin.Close()
	c.expect("stopped")
	c.expectExit(ExitOK)
}

func TestABurstOfSIGUSR1GivesAtLeastALine(t *testing.T) {
	c := startChild(t, "signals")
	const burst = 200
	for range burst {
		c.signal(syscall.SIGUSR1)
	}
	c.expect("stats")
	c.stdin.Close()
	for c.lines.Scan() && c.lines.Text() == "stats" {
	}
	if c.lines.Text() != "stopped" {
		t.Errorf("the process said %q", c.lines.Text())
	}
	c.expectExit(ExitOK)
}

func TestAFatalLineComesOut(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=fatal")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code != ExitFailure {
		t.Errorf("ended with %d: %v", code, err)
	}
	if !strings.Contains(stderr.String(), `"the last line"`) {
		t.Errorf("stderr holds %q", stderr.String())
	}
}

func TestAGoneReaderKillsNobody(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=noreader")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	reader.Close()
	writer.Close()
	stdin.Close() // the process writes only now, when nobody can read
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 42 {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
}

// watchHere is for tests of one process: the next one's signals are its own.
func watchHere(t *testing.T, h SignalHandlers) *Signals {
	s := WatchSignals(h)
	t.Cleanup(func() { signal.Stop(s.ends) })
	return s
}

func TestStatsNeverRunTwiceAtATimeAndStopEndsThem(t *testing.T) {
	var mu sync.Mutex
	called := make(chan struct{})
	s := watchHere(t, SignalHandlers{Stats: func() {
		if !mu.TryLock() {
			t.Error("two at a time")
		}
		called <- struct{}{}
		mu.Unlock()
	}})
	for range 3 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		<-called
	}
	s.Stop()
	s.Stop()
	// A signal that comes too late must neither kill nor call.
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
}

func TestTheExitFunctionCanBeReplaced(t *testing.T) {
	drained, exited := make(chan os.Signal), make(chan int)
	s := watchHere(t, SignalHandlers{
		Drain: func(sig os.Signal) { drained <- sig },
		Exit:  func(code int) { exited <- code },
	})
	defer s.Stop()
	for range 2 {
		if err := syscall.Kill(os.Getpid(), syscall.SIGQUIT); err != nil {
			t.Fatal(err)
		}
		select {
		case sig := <-drained:
			if sig != syscall.SIGQUIT {
				t.Errorf("drained for %v", sig)
			}
		case code := <-exited:
			if code != ExitFailure {
				t.Errorf("exit with %d", code)
			}
		}
	}
}
