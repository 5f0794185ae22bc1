// This file owns the tests of conversations whose servers die.
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"fooproxy/foo"
	"fooproxy/foo/client"
)

// dialogue is a run of the command whose streams are the test's.
type dialogue struct {
	t        *testing.T
	stdin    *io.PipeWriter
	out, err *bufio.Reader
	code     chan int
}

func startDialogue(t *testing.T, args ...string) *dialogue {
	t.Helper()
	in, stdin := io.Pipe()
	outReader, out := io.Pipe()
	errReader, err := io.Pipe()
	d := &dialogue{t, stdin, bufio.NewReader(outReader), bufio.NewReader(errReader), make(chan int, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.code <- run(ctx, args, streams{in, out, err})
		out.Close()
		err.Close()
	}()
	t.Cleanup(func() {
		cancel()
		stdin.Close()
		outReader.Close()
		errReader.Close()
		<-ended
	})
	return d
}

// says types a line and waits for the reply.
func (d *dialogue) says(line, reply string) {
	d.t.Helper()
	d.types(line)
	if got, err := d.out.ReadString('\n'); err != nil || got != reply+"\n" {
		d.t.Fatalf("%q got %q (%v), want %q", line, got, err, reply)
	}
}

func (d *dialogue) types(line string) {
	d.t.Helper()
	if _, err := io.WriteString(d.stdin, line+"\n"); err != nil {
		d.t.Fatal(err)
	}
}

// complains waits for a line on stderr.
func (d *dialogue) complains(want string) {
	d.t.Helper()
	if got, err := d.err.ReadString('\n'); err != nil || got != "foo_client: "+want+"\n" {
		d.t.Fatalf("stderr has %q (%v), want %q", got, err, want)
	}
}

// ends closes stdin and waits for the end, before which nothing more may come.
func (d *dialogue) ends(code int, last string) {
	d.t.Helper()
	d.stdin.Close()
	rest, err := io.ReadAll(d.err)
	if err != nil {
		d.t.Fatal(err)
	}
	if last != "" {
		last = "foo_client: " + last + "\n"
	}
	if got := <-d.code; got != code || string(rest) != last {
		d.t.Errorf("exit code %d, stderr %q; want %d and %q", got, rest, code, last)
	}
}

// startDying serves connections like ackAll, but for lines with these words: "last"
// is answered before the connection is closed, "lost" is not.
func startDying(t *testing.T) (port string, lines func() []string) {
	var mutex sync.Mutex
	var heard []string
	port = startServer(t, func(_ int, line string) (string, bool) {
		mutex.Lock()
		defer mutex.Unlock()
		heard = append(heard, line)
		if strings.Contains(line, "lost") {
			return "", false
		}
		return ackLine(line), !strings.Contains(line, "last")
	})
	return port, func() []string {
		mutex.Lock()
		defer mutex.Unlock()
		return heard
	}
}

func TestTheNextServerTakesOverAndNumbersGoOn(t *testing.T) {
	first, _ := startDying(t)
	second, heard := startDying(t)
	d := startDialogue(t, "-p", first, "-p", second)
	d.says("a", "ACK 1 a")
	d.says("last", "ACK 2 last")
	d.complains("127.0.0.1:" + first + ": the server has closed the connection")
	d.says("c", "ACK 3 c")
	d.says("REQ \t9  x y", "ACK \t9  x y")
	d.says("d", "ACK 10 d")
	d.ends(0, "")
	if got, want := fmt.Sprint(heard()), "[REQ 1 c REQ \t2  x y REQ 3 d]"; got != want {
		t.Errorf("the second server heard %s, want %s", got, want)
	}
}

func TestWhatWasSentIsNotSentAgain(t *testing.T) {
	first, _ := startDying(t)
	second, heard := startDying(t)
	d := startDialogue(t, "-p", first+","+second)
	d.says("a", "ACK 1 a")
	d.types("lost b")
	d.complains("127.0.0.1:" + first + ": the server has closed the connection; no reply to 2")
	d.says("c", "ACK 3 c")
	d.types("lost d")
	d.complains("127.0.0.1:" + second + ": the server has closed the connection; no reply to 4")
	d.says("e", "ACK 5 e") // the first again
	d.ends(1, "replies missing: 2")
	if got, want := fmt.Sprint(heard()), "[REQ 1 c REQ 2 lost d]"; got != want {
		t.Errorf("the second server heard %s, want %s", got, want)
	}
}

func TestALossBehindTheEndOfStdinIsTold(t *testing.T) {
	first, _ := startDying(t)
	second, heard := startDying(t)
	got := runCommand(t.Context(), strings.NewReader("a\nlost"), "-p", first+","+second)
	if want := "foo_client: 127.0.0.1:" + first + ": the server has closed the connection; no reply to 2\n" +
		"foo_client: replies missing: 1\n"; got.code != 1 || got.out != "ACK 1 a\n" || got.err != want {
		t.Errorf("%v, want %q", got, want)
	}
	if len(heard()) > 0 {
		t.Errorf("the second server heard %q", heard())
	}
}

func TestOneServerIsComeBackToWhereThatIsAskedFor(t *testing.T) {
	port, heard := startDying(t)
	d := startDialogue(t, "-p", port, "-reconnect", "30s")
	d.says("last", "ACK 1 last")
	d.complains("127.0.0.1:" + port + ": the server has closed the connection")
	d.says("b", "ACK 2 b")
	d.ends(0, "")
	if got, want := fmt.Sprint(heard()), "[REQ 1 last REQ 1 b]"; got != want {
		t.Errorf("the server heard %s, want %s", got, want)
	}
	// Several need not go on.
	second, _ := startDying(t)
	d = startDialogue(t, "-p", port+","+second, "-reconnect", "0s")
	d.types("lost")
	d.ends(1, "the server has closed the connection; replies missing: 1")
}

func TestTheFirstServerThatAnswersIsTaken(t *testing.T) {
	dead, live := deadPort(t), startServer(t, ackAll)
	for _, args := range []string{"-p " + dead + "," + live, "-p " + dead + " -p " + live, "-connect localhost:" + dead + ",[::1]:" + dead + ",127.0.0.1:" + live,
		"-H 127.0.0.1,::1 -p " + dead + "," + live} {
		got := runCommand(t.Context(), strings.NewReader("a\nb\n"), strings.Fields(args)...)
		if got.code != 0 || got.out != "ACK 1 a\nACK 2 b\n" || got.err != "" {
			t.Errorf("%s: %v", args, got)
		}
	}
	got := runCommand(t.Context(), strings.NewReader("a\n"), "-p", dead+",[::1]:"+dead)
	if want := "foo_client: dial tcp 127.0.0.1:" + dead + ": connect: connection refused\n"; got.code != 1 || got.err != want {
		t.Errorf("%v, want %q: both are one server", got, want)
	}
	other := deadPort(t)
	got = runCommand(t.Context(), strings.NewReader("a\n"), "-p", dead+","+other)
	if want := "foo_client: dial tcp 127.0.0.1:" + dead + ": connect: connection refused; none of the 2 servers answers\n"; got.code != 1 || got.err != want {
		t.Errorf("%v, want %q", got, want)
	}
}

func TestTheSearchEndsWithOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := deadPort(t)
	d := startDialogue(t, "-connect", listener.Addr().String()+","+dead, "-reconnect", "350ms")
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	conn.Close()
	d.complains(listener.Addr().String() + ": the server has closed the connection")
	d.types("a")
	line, err := d.err.ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "foo_client: no server has answered for 350ms: dial tcp ") ||
		!strings.HasSuffix(line, ": connect: connection refused\n") {
		t.Errorf("stderr has %q (%v)", line, err)
	}
	d.ends(1, "")
}

func TestAServerThatHangsIsLeft(t *testing.T) {
	hung := make(chan struct{})
	hangs := startRawServer(t, func(nc *net.TCPConn) {
		_, _ = io.ReadFull(nc, make([]byte, len("REQ 1 a\n")))
		_, _ = io.WriteString(nc, "ACK 1 a\n") // the test waits for it
		<-hung
	})
	t.Cleanup(func() { close(hung) }) // before the server is waited for
	next, _ := startDying(t)
	d := startDialogue(t, "-p", hangs+","+next, "-wait", "100ms")
	d.says("a", "ACK 1 a")
	d.types("b")
	d.complains("127.0.0.1:" + hangs + ": no reply for 100ms; no reply to 2")
	d.says("c", "ACK 3 c")
	d.ends(1, "replies missing: 1")
}

// TestAServerThatTakesConnectionsAndEndsThemCostsLittle: such is a proxy whose
// server is gone. The search must end, and not take all requests with it.
func TestAServerThatTakesConnectionsAndEndsThemCostsLittle(t *testing.T) {
	first, second := startServer(t, func(int, string) (string, bool) { return "", false }), ""
	second, _ = startDying(t)
	d := startDialogue(t, "-p", second+","+first+",[::1]:"+first, "-reconnect", "350ms")
	d.says("last", "ACK 1 last")
	d.complains("127.0.0.1:" + second + ": the server has closed the connection")
	go func() {
		var many bytes.Buffer
		for range 1000 {
			many.WriteString("lost\n")
		}
		_, _ = d.stdin.Write(many.Bytes()) // the command ends before it has read all
	}()
	rest, err := io.ReadAll(d.err)
	if err != nil {
		t.Fatal(err)
	}
	// In 350 ms there are rounds at 0, 100 and 300 ms, and a try at the end.
	lost := strings.Count(string(rest), "no reply to ")
	if code := <-d.code; code != 1 || lost < 3 || lost > 9 || !strings.Contains(string(rest), "\nfoo_client: no server has answered for 350ms") ||
		!strings.HasSuffix(string(rest), fmt.Sprintf("; replies missing: %d\n", lost)) {
		t.Errorf("exit code %d, %d lost, stderr %q", code, lost, rest)
	}
}

// stingy takes so many bytes, and fails then.
type stingy struct {
	net.Conn
	room int
}

func (s *stingy) Write(p []byte) (int, error) {
	n := min(s.room, len(p))
	s.room -= n
	if n < len(p) {
		return n, errors.New("no more")
	}
	return n, nil
}

func TestWhatWasNotWrittenIsTakenBack(t *testing.T) {
	lines := []string{"REQ 7 a", "REQ\t8  b", "REQ 7 c", "REQ 1000"}
	for room := range len("REQ 1 a\nREQ\t2  b\nREQ 3 c\nREQ 4\n") {
		l := newLink(client.New(&stingy{room: room}), "", true)
		var starts []int
		start := 0
		for _, line := range lines {
			message, err := foo.Parse([]byte(line))
			if err != nil {
				t.Fatal(err)
			}
			sent := replaceSeq(nil, []byte(line), l.note(message.Seq))
			if err := l.conn.SendLine(sent); err != nil {
				t.Fatal(err)
			}
			starts = append(starts, start)
			start += len(sent) + 1
		}
		if err := l.conn.Flush(); err == nil {
			t.Fatalf("room %d: no error", room)
		}
		var want, got []string
		lost := 0
		for i, line := range lines {
			if starts[i] >= room {
				want = append(want, line)
			} else {
				lost++
			}
		}
		for _, r := range l.takeBack() {
			got = append(got, string(r.line))
			if message, err := foo.Parse(r.line); err != nil || message.Seq != r.seq {
				t.Errorf("room %d: %q has Seq %d", room, r.line, r.seq)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("room %d: %q is back, want %q", room, got, want)
		}
		if seqs := l.lost(); len(seqs) != lost || len(l.sent)+len(l.shown) > 0 {
			t.Errorf("room %d: lost %v, left %v and %v", room, seqs, l.sent, l.shown)
		}
	}
}
