// This file owns the tests that need a process of their own: signals, and a
// stdout that nobody reads. The test binary plays the command.
package main

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

const playCommand = "FOO_CLIENT_TEST_PLAYS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(playCommand) != "" {
		main()
	}
	proctest.Main(m, proctest.OrEcho(main))
}

func command(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), playCommand+"=1")
	return cmd
}

func TestProcessEndsOnSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		port := startServer(t, func(number int, line string) (string, bool) {
			if number == 2 {
				return "NAK 0 the second one gets no reply\n", true
			}
			return ackLine(line), true
		})
		cmd := command(t, "-p", port)
		var errs strings.Builder
		cmd.Stderr = &errs
		stdin, err := cmd.StdinPipe()
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
		if _, err := stdin.Write([]byte("a\nb\n")); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		for range 2 {
			lines.Scan()
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // The exit code says more than its error.
		if code := cmd.ProcessState.ExitCode(); code != 1 || !strings.Contains(errs.String(), "replies missing: 1") ||
			strings.Count(errs.String(), "\n") != 1 {
			t.Errorf("%v: exit code %d, stderr %q", signal, code, errs.String())
		}
	}
}

func TestProcessWhoseStdoutIsClosed(t *testing.T) {
	for _, args := range [][]string{nil, {"-n", "10"}, {"-h"}} {
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		read.Close()
		cmd := command(t, append(args, "-p", startServer(t, ackAll))...)
		cmd.Stdin, cmd.Stdout = strings.NewReader("a\n"), write
		var errs strings.Builder
		cmd.Stderr = &errs
		_ = cmd.Run() // The exit code says more than its error.
		write.Close()
		if code := cmd.ProcessState.ExitCode(); code != 1 {
			t.Errorf("%q: exit code %d, stderr %q", args, code, errs.String())
		}
		if args == nil || args[0] == "-n" {
			if !strings.Contains(errs.String(), "foo_client: stdout: ") {
				t.Errorf("%q: stderr %q", args, errs.String())
			}
		}
	}
}
