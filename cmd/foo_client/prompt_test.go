// This file owns the tests of the prompt, as a person at a terminal sees it.
package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// shownLatency is what tests read as "(#)", or "(#, late)".
var shownLatency = regexp.MustCompile(`\(\d+\.\d\d (ms|s)(, late)?\)`)

// enter types a line after the text that stands in front of it.
func (s *screen) enter(prompt, line string) {
	s.t.Helper()
	s.shows(prompt)
	s.typeKeys(line + keyEnter)
}

func TestPromptAnswersWithTheLatency(t *testing.T) {
	port := startServer(t, ackAll)
	s := openScreen(t, 80, nil, "-p", port)
	prompt := "localhost:" + port + ">"
	s.enter(prompt, "hello")
	s.shows("-- connected to localhost:"+port+"; help tells what you can type", prompt+" hello", "ACK 1 hello  (#)", prompt)
	s.typeKeys("REQ 7 a  b" + keyEnter)
	s.shows(prompt+" REQ 7 a  b", "ACK 7 a  b  (#)", prompt)
	s.typeKeys(`\quit` + keyEnter)
	s.shows("ACK 8 quit  (#)", prompt)
	s.typeKeys(`\REQ 1` + keyEnter + keyEnter + `\` + keyEnter)
	s.shows("ACK 9 REQ 1  (#)", prompt, prompt+` \`, "ACK 10  (#)", prompt)
	s.typeKeys("QUIT" + keyEnter)
	s.shows("ACK 11 QUIT  (#)", prompt)
	s.typeKeys("quit" + keyEnter)
	s.ends(0)
	s.shows(prompt + " quit")
}

func TestPromptEditsRemembersAndCompletes(t *testing.T) {
	port, file := startServer(t, ackAll), historyFile(t)
	s := openScreen(t, 80, nil, "-p", port, "-history", file)
	prompt := "localhost:" + port + ">"
	s.enter(prompt, "hexagon one")
	s.shows("ACK 1 hexagon one  (#)", prompt)
	s.typeKeys("word" + keyLeft + keyLeft + "-" + keyEnter)
	s.shows(prompt+" wo-rd", "ACK 2 wo-rd  (#)", prompt)
	s.typeKeys(keyUp + keyUp + keyDown + keyUp + "x" + keyEnter)
	s.shows(prompt+" hexagon onex", "ACK 3 hexagon onex  (#)", prompt)
	s.typeKeys("say hex" + keyTab + keyEnter)
	s.shows(prompt+" say hexagon", "ACK 4 say hexagon  (#)", prompt)
	s.typeKeys("R" + keyTab + "9" + keyEnter)
	s.shows(prompt+" REQ 9", "ACK 9  (#)", prompt)
	s.waitForSignals(false)
	s.typeKeys("wrong" + keyCtrlC)
	s.shows(prompt+" wrong^C", "-- ^C again, ^D or quit ends", prompt)
	s.typeKeys("a" + keyEnter)
	s.shows("ACK 10 a  (#)", prompt)
	s.typeKeys(keyCtrlD)
	s.ends(0)

	want := "hexagon one\nwo-rd\nhexagon onex\nsay hexagon\nREQ 9\na\n"
	if text, err := os.ReadFile(file); err != nil || string(text) != want {
		t.Errorf("the history file holds %q, %v; want %q", text, err, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("the history file: %v, %v", info.Mode(), err)
	}
	again := openScreen(t, 80, nil, "-p", port, "-history", file)
	again.shows(prompt)
	again.typeKeys(keyUp + keyUp + keyUp + keyEnter)
	again.shows(prompt+" say hexagon", "ACK 1 say hexagon  (#)", prompt)
	again.typeKeys("x hex" + keyTab + keyEnter)
	again.shows(prompt+" x hexagon", "ACK 2 x hexagon  (#)", prompt)
	again.waitForSignals(false)
	again.typeKeys(keyCtrlC)
	again.shows(prompt+" ^C", "-- ^C again, ^D or quit ends", prompt)
	again.waitForSignals(false)
	again.typeKeys(keyCtrlC)
	again.ends(0)
}

func TestPromptSendsPastedLinesInOrder(t *testing.T) {
	port := startServer(t, ackAll)
	s := openScreen(t, 80, nil, "-p", port)
	prompt := "localhost:" + port + ">"
	s.enter(prompt, "one\rtwo\rthree")
	s.shows(prompt+" one", "ACK 1 one  (#)", prompt+" two", "ACK 2 two  (#)", prompt+" three", "ACK 3 three  (#)", prompt)
	s.typeKeys(keyCtrlD)
	s.ends(0)
}

// heldServer answers all requests, and gives its connections to the test.
func heldServer(t *testing.T) (port string, conns <-chan *net.TCPConn) {
	accepted := make(chan *net.TCPConn, 8)
	port = startRawServer(t, func(nc *net.TCPConn) {
		accepted <- nc
		in := bufio.NewReader(nc)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				return
			}
			if strings.Contains(line, "silence") {
				continue
			}
			if _, err := io.WriteString(nc, ackLine(strings.TrimSuffix(line, "\n"))); err != nil {
				return
			}
		}
	})
	return port, accepted
}

func TestPromptShowsWhatComesWhileALineIsTyped(t *testing.T) {
	port, conns := heldServer(t)
	s := openScreen(t, 80, nil, "-p", port)
	prompt := "localhost:" + port + ">"
	s.shows(prompt)
	conn := <-conns
	s.typeKeys("half a line" + keyLeft + keyLeft)
	s.until("the cursor", func(string) bool { return s.cursor() == len(prompt+" half a line")-2 })
	for _, c := range []struct{ sent, shown string }{
		{"ACK 9 stray\n", "ACK 9 stray  (unexpected: no request waits for it)"},
		{"\x1b[2Jwhat\u009b\xff\r\n", `\x1b[2Jwhat\u009b\xff\r  (unexpected: unknown type)`},
		{"REQ 1 you\n", "REQ 1 you  (unexpected: a request from the server)"},
		{"NAK 0 why\n", "NAK 0 why  (unexpected: it names no request)"},
	} {
		if _, err := io.WriteString(conn, c.sent); err != nil {
			t.Fatal(err)
		}
		s.shows(c.shown, prompt+" half a line")
		s.until("the cursor where it was", func(string) bool { return s.cursor() == len(prompt+" half a line")-2 })
	}
	s.typeKeys("-" + keyEnter)
	s.shows(prompt+" half a li-ne", "ACK 1 half a li-ne  (#)", prompt)

	s.typeKeys("lost")
	s.shows(prompt + " lost")
	conn.Close()
	s.shows("-- connection lost: the server has closed it; the next line connects anew", prompt+" lost")
	s.typeKeys(" and found" + keyEnter)
	s.shows(prompt+" lost and found", "-- connected to localhost:"+port+" anew; numbers start at 1",
		"ACK 1 lost and found  (#)", prompt)
	s.typeKeys("quit" + keyEnter)
	s.ends(0)
}

func TestPromptWithoutAServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	s := openScreen(t, 100, nil, "-connect", address)
	s.shows(address + ">")
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	s.typeKeys("a" + keyEnter)
	if _, err := io.ReadFull(conn, make([]byte, len("REQ 1 a\n"))); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	s.shows(address+"> a", "-- connection lost: the server has closed it; no reply to 1; the next line connects anew", "not connected>")
	for _, line := range []string{"b", "c"} {
		s.typeKeys(line + keyEnter)
		s.shows("not connected> "+line,
			"-- not connected: dial tcp "+address+": connect: connection refused; the next line tries again", "not connected>")
	}
	listener, err = net.Listen("tcp", address)
	if err != nil {
		t.Skip("the port has been taken by somebody else: ", err)
	}
	defer listener.Close()
	s.typeKeys(keyUp + keyEnter)
	if conn, err = listener.Accept(); err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadFull(conn, make([]byte, len("REQ 1 c\n"))); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "ACK 1 c\n"); err != nil {
		t.Fatal(err)
	}
	s.shows("not connected> c", "-- connected to "+address+" anew; numbers start at 1", "ACK 1 c  (#)", address+">")
	s.typeKeys(keyCtrlD)
	s.ends(0)
}

func TestPromptGoesOnWithTheNextServer(t *testing.T) {
	first := startRawServer(t, func(nc *net.TCPConn) {
		_, _ = io.ReadFull(nc, make([]byte, len("REQ 1 silence\n"))) // the screen tells
	})
	second, _ := heldServer(t)
	s := openScreen(t, 100, nil, "-p", first+","+second)
	prompt, next := "127.0.0.1:"+first+">", "127.0.0.1:"+second+">"
	s.shows(prompt)
	s.typeKeys("silence" + keyEnter)
	s.shows(prompt+" silence", "-- connection lost: the server has closed it; no reply to 1; the next line connects anew", "not connected>")
	s.typeKeys("b" + keyEnter)
	s.shows("not connected> b", "-- connected to 127.0.0.1:"+second+" anew; numbers start at 1", "ACK 1 b  (#)", next)
	s.typeKeys(keyCtrlD)
	s.ends(0)
}

func TestPromptComesBackWithoutAReplyAndShowsItLate(t *testing.T) {
	port, conns := heldServer(t)
	s := openScreen(t, 80, nil, "-p", port, "-wait", "1s")
	prompt := "localhost:" + port + ">"
	s.enter(prompt, "silence")
	s.shows(prompt+" silence", "-- no reply for 1s; it is shown when it comes", prompt)
	s.typeKeys("b" + keyEnter)
	s.shows(prompt+" b", "ACK 2 b  (#)", prompt)
	s.typeKeys("half")
	s.shows(prompt + " half")
	if _, err := io.WriteString(<-conns, "ACK 1 at last\n"); err != nil {
		t.Fatal(err)
	}
	s.shows("ACK 1 at last  (#, late)", prompt+" half")
	s.typeKeys(keyCtrlU + "quit" + keyEnter)
	s.ends(0)
}

func TestPromptExitCodes(t *testing.T) {
	nakAll := func(_ int, line string) (string, bool) { return strings.Replace(line, "REQ", "NAK", 1) + "\n", true }
	for _, c := range []struct {
		name, args string
		answer     answerFunc
		code       int
	}{
		{"a NAK", "", nakAll, 0},
		{"a NAK with -e", "-e", nakAll, 1},
		{"an ACK with -e", "-e", ackAll, 0},
	} {
		port := startServer(t, c.answer)
		s := openScreen(t, 80, nil, append(strings.Fields(c.args), "-p", port)...)
		s.enter("localhost:"+port+">", "a")
		s.until("the reply", func(text string) bool { return strings.Contains(text, "K 1 a  (") })
		s.enter("localhost:"+port+">", "quit")
		s.ends(c.code)
	}
}

func TestPromptEndsOnSignalsWithTheTerminalAsItWas(t *testing.T) {
	for _, c := range []struct {
		name   string
		line   string
		signal syscall.Signal
		key    string // where there is no signal
		code   int
		ending string
	}{
		{"SIGTERM while a line is typed", "a", syscall.SIGTERM, "", 0, ""},
		{"SIGHUP while a line is typed", "a", syscall.SIGHUP, "", 0, ""},
		{"SIGTERM without a reply", "silence", syscall.SIGTERM, "", 1, "foo_client: ended by a signal: terminated; replies missing: 1"},
		{"^C without a reply", "silence", 0, keyCtrlC, 1, "foo_client: ended by a signal: interrupt; replies missing: 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			port, conns := heldServer(t)
			s := openScreen(t, 80, nil, "-p", port)
			before := terminalMode(t, s.master)
			s.enter("localhost:"+port+">", c.line)
			<-conns
			if c.line == "a" {
				s.shows("ACK 1 a  (#)", "localhost:"+port+">")
			} else {
				s.shows("localhost:" + port + "> silence")
				s.waitForSignals(true)
			}
			if c.key != "" {
				s.typeKeys(c.key)
			} else {
				s.signal(c.signal)
			}
			s.ends(c.code)
			if c.ending != "" {
				s.shows(c.ending)
			}
			after := terminalMode(t, s.master)
			if after.Lflag&(syscall.ECHO|syscall.ICANON|syscall.ISIG) != syscall.ECHO|syscall.ICANON|syscall.ISIG {
				t.Errorf("the terminal is left with mode %#x; it was %#x", after.Lflag, before.Lflag)
			}
		})
	}
}

func TestPromptSurvivesEverySize(t *testing.T) {
	port := startServer(t, ackAll)
	s := openScreen(t, 80, nil, "-p", port)
	s.shows("localhost:" + port + ">")
	s.typeKeys(strings.Repeat("long ", 40))
	for _, size := range [][2]int{{200, 50}, {40, 10}, {25, 3}, {16, 2}, {5, 1}, {1, 1}, {300, 5}, {20, 24}, {100, 24}} {
		s.resize(size[0], size[1])
		s.typeKeys("x" + keyLeft)
	}
	s.typeKeys(keyCtrlU + keyEnter) // what is behind the cursor stays
	s.until("the reply", func(text string) bool { return strings.Contains(text, "ACK 1 ") })
	s.enter("localhost:"+port+">", "done")
	s.until("the reply", func(text string) bool { return strings.Contains(text, "ACK 2 done ") })
	s.enter("localhost:"+port+">", "quit")
	s.ends(0)
}

func TestPromptOnATerminalThatKnowsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		columns int
		env     []string
		prompt  string
	}{
		"TERM=dumb":  {80, []string{"TERM=dumb"}, "localhost:"},
		"no columns": {0, nil, ">"},
		"narrow":     {11, nil, ">"},
	} {
		t.Run(name, func(t *testing.T) {
			port, conns := heldServer(t)
			s := openScreen(t, c.columns, c.env, "-p", port)
			if c.prompt != ">" {
				c.prompt += port + ">"
			}
			s.untilRaw(c.prompt + " ")
			s.typeKeys("hello\n")
			s.untilRaw("ACK 1 hello  (", c.prompt+" ")
			if _, err := io.WriteString(<-conns, "ACK 9 stray\n"); err != nil {
				t.Fatal(err)
			}
			s.untilRaw("\r\nACK 9 stray  (unexpected", c.prompt+" ")
			s.typeKeys("quit\n")
			s.ends(0)
			if raw := s.untilRaw("quit"); strings.Contains(raw, "\x1b") {
				t.Errorf("it got an escape sequence: %q", raw)
			}
		})
	}
}

func TestPromptWithoutAHistory(t *testing.T) {
	home := t.TempDir()
	for name, c := range map[string]struct{ file, warning string }{
		"none wanted":    {"", ""},
		"the null file":  {os.DevNull, ""},
		"no such place":  {os.DevNull + "/x/history", "-- history: mkdir /dev/null: not a directory; what you type is not kept"},
		"no place in it": {home, "-- history: open " + home + ": is a directory; what you type is not kept"},
	} {
		t.Run(name, func(t *testing.T) {
			port := startServer(t, ackAll)
			s := openScreen(t, 120, []string{"HOME=" + home}, "-p", port, "-history", c.file)
			prompt := "localhost:" + port + ">"
			connected := "-- connected to localhost:" + port + "; help tells what you can type"
			if c.warning != "" {
				s.shows(c.warning, connected, prompt)
			} else {
				s.shows(connected, prompt)
			}
			s.enter(prompt, "a")
			s.shows("ACK 1 a  (#)", prompt)
			s.typeKeys(keyUp + keyEnter)
			s.shows("ACK 2 a  (#)", prompt)
			s.typeKeys(keyCtrlD)
			s.ends(0)
		})
	}
	if left, err := filepath.Glob(home + "/.*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestWhereTheHistoryIsKept(t *testing.T) {
	for _, c := range []struct{ state, home, want string }{
		{"/state", "/home/me", "/state/foo_client/history"},
		{"", "/home/me", "/home/me/.foo_client_history"},
		{"relative", "/home/me", "/home/me/.foo_client_history"},
		{"", "", ""},
	} {
		env := map[string]string{"XDG_STATE_HOME": c.state, "HOME": c.home}
		if got := defaultHistory(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("state %q, home %q: %q, want %q", c.state, c.home, got, c.want)
		}
	}
}
