package loop

// This file owns the tests of a command's life. The test binary plays a command
// with a service of its own.

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"fooproxy/cmd/internal/cli"
	"fooproxy/poller"
	"fooproxy/stats"
)

const (
	lifeVariable  = "LOOP_TEST_LIFE"  // what the service does at its end
	limitVariable = "LOOP_TEST_LIMIT" // how many descriptors there may be
)

// playLife runs a command. It listens nowhere, and says so.
func playLife(ending string) int {
	var limit uint64
	if _, err := fmt.Sscan(os.Getenv(limitVariable), &limit); err == nil {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	return Command{
		Name: "foo_test", Listen: cli.Address{Host: "127.0.0.1"}, PidFile: os.Args[1],
		Make: func(sys poller.Sys, _ *zap.Logger) (Service, error) {
			loop, err := poller.NewLoop(sys)
			return &slowService{loop: loop, ending: ending, drained: make(chan struct{})}, err
		},
	}.Run()
}

// slowService answers who asks for its numbers only when it has ended.
type slowService struct {
	loop    *poller.Loop
	ending  string
	drained chan struct{}
}

func (s *slowService) Loop() *poller.Loop { return s.loop }

func (s *slowService) Listen(addr poller.Addr) (poller.Addr, error) { return addr, nil }

func (s *slowService) Run() error {
	<-s.drained
	return nil
}

func (s *slowService) Drain() { close(s.drained) }

func (s *slowService) Snapshot(ctx context.Context) (*stats.Snapshot, error) {
	fmt.Println("asked")
	<-ctx.Done()
	_, err := os.Stat(os.Args[1])
	fmt.Println("pid file gone:", errors.Is(err, fs.ErrNotExist))
	if s.ending == "second signal" {
		if err := unix.Kill(os.Getpid(), unix.SIGTERM); err != nil {
			panic(err)
		}
		select {} // the signal is to end this
	}
	return nil, ctx.Err()
}

func startLife(t *testing.T, ending, pidFile string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], pidFile)
	cmd.Env = append(os.Environ(), lifeVariable+"="+ending)
	return cmd
}

// TestTheEndIsTidyHoweverSlowItIs asks for numbers that come late, and so has the
// command wait for whoever writes them.
func TestTheEndIsTidyHoweverSlowItIs(t *testing.T) {
	for ending, wanted := range map[string]int{"by itself": cli.ExitOK, "second signal": cli.ExitFailure} {
		t.Run(ending, func(t *testing.T) {
			pidFile := filepath.Join(t.TempDir(), "pid")
			cmd := startLife(t, ending, pidFile)
			stderr, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			log, lines := bufio.NewReader(stderr), bufio.NewReader(stdout)
			if line, err := log.ReadString('\n'); err != nil || !strings.Contains(line, "listening") {
				t.Fatalf("the log begins with %q (%v)", line, err)
			}
			for _, step := range []struct {
				signal syscall.Signal
				line   string
			}{{syscall.SIGUSR1, "asked\n"}, {syscall.SIGINT, "pid file gone: true\n"}} {
				if err := cmd.Process.Signal(step.signal); err != nil {
					t.Fatal(err)
				}
				if line, err := lines.ReadString('\n'); err != nil || line != step.line {
					t.Fatalf("after %v it said %q (%v), not %q", step.signal, line, err, step.line)
				}
			}
			rest, err := io.ReadAll(log)
			if err != nil {
				t.Error(err)
			}
			_ = cmd.Wait() // the exit code says it all
			if code := cmd.ProcessState.ExitCode(); code != wanted {
				t.Errorf("ended with %v, not with %d:\n%s", cmd.ProcessState, wanted, rest)
			}
		})
	}
}

func TestTooFewDescriptorsAreOneLine(t *testing.T) {
	for _, limit := range []int{8, descriptorsMin - 1} {
		cmd := startLife(t, "by itself", "")
		cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", limitVariable, limit))
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the exit code says it all
		wanted := fmt.Sprintf("foo_test: the descriptor limit is %d; at least 40 are needed\n", limit)
		if code := cmd.ProcessState.ExitCode(); code != cli.ExitFailure || stderr.String() != wanted {
			t.Errorf("ended with %d and %q, not %q", code, stderr.String(), wanted)
		}
	}
}
