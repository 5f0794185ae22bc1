// This file owns the tests of what a terminal gets to see.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a new pseudo-terminal.
func openTerminal(t *testing.T) (master, terminal *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	t.Cleanup(func() { master.Close() })
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return master, terminal
}

func TestRepliesAreEscapedOnATerminalOnly(t *testing.T) {
	master, terminal := openTerminal(t)
	port := startServer(t, func(int, string) (string, bool) { return "ACK 1 \x1b[2J\xff\n", true })
	var errs strings.Builder
	if code := run(t.Context(), []string{"-p", port}, streams{strings.NewReader("a\n"), terminal, &errs}); code != 0 {
		t.Fatalf("exit code %d, %q", code, errs.String())
	}
	line, err := bufio.NewReader(master).ReadString('\n')
	if want := `ACK 1 \x1b[2J\xff`; err != nil || strings.TrimRight(line, "\r\n") != want {
		t.Errorf("the terminal shows %q, %v; want %q", line, err, want)
	}
	if got := runCommand(t.Context(), strings.NewReader("a\n"), "-p", port); got.out != "ACK 1 \x1b[2J\xff\n" {
		t.Errorf("elsewhere: %v", got)
	}
}

// TestTheCommandHasALineOfItsOwnOnATerminal: what it says would otherwise stand
// behind the half of a reply.
func TestTheCommandHasALineOfItsOwnOnATerminal(t *testing.T) {
	master, terminal := openTerminal(t)
	port := startServer(t, func(int, string) (string, bool) { return "ACK 1 ha", false })
	if code := run(t.Context(), []string{"-p", port}, streams{strings.NewReader("a\n"), terminal, terminal}); code != 1 {
		t.Errorf("exit code %d", code)
	}
	terminal.Close() // so that what is missing is an error and not a wait
	screen := bufio.NewReader(master)
	for _, want := range []string{"ACK 1 ha", `foo_client: the stream ended in mid-line at "ACK 1 ha": unexpected EOF; replies missing: 1`} {
		line, err := screen.ReadString('\n')
		if err != nil || strings.TrimRight(line, "\r\n") != want {
			t.Errorf("the terminal shows %q, %v; want %q", line, err, want)
		}
	}
}
