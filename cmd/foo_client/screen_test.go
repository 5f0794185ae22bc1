// This file owns what the tests of the prompt stand on: the command on a
// terminal, and what a person would see there.
package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"
)

// seenWithin bounds the wait for what a test wants to see: long enough for any
// machine, since it only passes where the test fails.
const seenWithin = 20 * time.Second

// screen is a command at a terminal of 24 lines.
type screen struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	ended  chan struct{} // closed when nothing more is drawn

	mutex    sync.Mutex
	terminal vt10x.Terminal
	raw      []byte        // all that was written
	found    int           // how much of it untilRaw has passed
	drawn    chan struct{} // closed, and made anew, when something is drawn
}

const keyEnter, keyTab, keyUp, keyDown, keyLeft, keyCtrlC, keyCtrlD, keyCtrlU = "\r", "\t", "\x1b[A", "\x1b[B", "\x1b[D", "\x03", "\x04", "\x15"

// openScreen starts the command with a history of its own, unless env or args
// say otherwise.
func openScreen(t *testing.T, columns int, env []string, args ...string) *screen {
	t.Helper()
	cmd := command(t, args...)
	cmd.Env = append(cmd.Env, "TERM=xterm", "HOME="+t.TempDir(), "XDG_STATE_HOME=")
	cmd.Env = append(cmd.Env, env...)
	master, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: uint16(columns)})
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	if columns == 0 {
		columns = 80 // The screen has some even where the command is told none.
	}
	s := &screen{
		t: t, cmd: cmd, master: master, ended: make(chan struct{}), drawn: make(chan struct{}),
		terminal: vt10x.New(vt10x.WithSize(columns, 24)),
	}
	go s.draw()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // It has ended already where the test passed.
		_ = cmd.Wait()
		<-s.ended
		master.Close()
	})
	return s
}

// draw ends with the last process that has the terminal.
func (s *screen) draw() {
	defer close(s.ended)
	buffer := make([]byte, 4096)
	for {
		n, err := s.master.Read(buffer)
		s.mutex.Lock()
		s.raw = append(s.raw, buffer[:n]...)
		_, _ = s.terminal.Write(buffer[:n]) // It cannot fail.
		close(s.drawn)
		s.drawn = make(chan struct{})
		s.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// text is what is on the screen, without blanks at the ends of lines, and
// without the empty lines below.
func (s *screen) text() (text string, drawn <-chan struct{}) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	var lines []string
	for line := range strings.Lines(s.terminal.String()) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n"), s.drawn
}

// cursor is where the next character would stand.
func (s *screen) cursor() (column int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.terminal.Cursor().X
}

func (s *screen) typeKeys(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.master, keys); err != nil {
		s.t.Fatal(err)
	}
}

// until waits until the screen is as wanted, and returns it.
func (s *screen) until(what string, wanted func(text string) bool) string {
	s.t.Helper()
	timeout := time.NewTimer(seenWithin)
	defer timeout.Stop()
	ended := s.ended
	for {
		text, drawn := s.text()
		if wanted(text) {
			return text
		}
		select {
		case <-drawn:
		case <-ended:
			ended = nil
			// One more look: the last that was drawn may be it.
			if text, _ := s.text(); !wanted(text) {
				s.t.Fatalf("the command has ended without %s; the screen:\n%s", what, text)
			}
		case <-timeout.C:
			s.t.Fatalf("no %s; the screen:\n%s", what, text)
		}
	}
}

// shows waits for lines at the end of the screen. "#" stands for a latency.
func (s *screen) shows(lines ...string) {
	s.t.Helper()
	want := strings.Join(lines, "\n")
	s.until("\n"+want+"\n", func(text string) bool {
		text = shownLatency.ReplaceAllString(text, "(#$2)")
		return text == want || strings.HasSuffix(text, "\n"+want)
	})
}

// ends waits for the end of the command and checks its exit code.
func (s *screen) ends(code int) {
	s.t.Helper()
	exited := make(chan struct{})
	go func() {
		_ = s.cmd.Wait() // The exit code says more than its error.
		close(exited)
	}()
	select {
	case <-exited:
	case <-time.After(seenWithin):
		text, _ := s.text()
		s.t.Fatalf("the command does not end; the screen:\n%s", text)
	}
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		text, _ := s.text()
		s.t.Fatalf("exit code %d, want %d; the screen:\n%s", got, code, text)
	}
}

func (s *screen) resize(columns, rows int) {
	s.t.Helper()
	s.mutex.Lock()
	s.terminal.Resize(max(columns, 1), max(rows, 1))
	s.mutex.Unlock()
	if err := pty.Setsize(s.master, &pty.Winsize{Rows: uint16(rows), Cols: uint16(columns)}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *screen) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// untilRaw waits until all texts have been written, one after the other, behind
// what an earlier call has found, and returns everything.
func (s *screen) untilRaw(texts ...string) string {
	s.t.Helper()
	for _, text := range texts {
		s.until(text, func(string) bool {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			at := bytes.Index(s.raw[s.found:], []byte(text))
			if at >= 0 {
				s.found += at + len(text)
			}
			return at >= 0
		})
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return string(s.raw)
}

// terminalMode is the mode of the terminal that belongs to the master.
func terminalMode(t *testing.T, master *os.File) *unix.Termios {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode
}

// waitForSignals waits until the terminal makes signals of keys, or does not: the
// editor, which takes ^C as a key, has ended or begun.
func (s *screen) waitForSignals(wanted bool) {
	s.t.Helper()
	for end := time.Now().Add(seenWithin); terminalMode(s.t, s.master).Lflag&unix.ISIG != 0 != wanted; runtime.Gosched() {
		if time.Now().After(end) {
			s.t.Fatal("the editor neither begins nor ends")
		}
	}
}

func historyFile(t *testing.T) string { return filepath.Join(t.TempDir(), "history") }
