// requestlog_test.go: the request log of a process: rotated under load, without a
// disk, without a reader, beside the statistics.

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/proctest"
)

// logLine is a line of the request log.
type logLine struct {
	Event, Client, End string
	Conn               int
	Seq                uint64
	LatencyUs          int64 `json:"latency_us"`
}

// readLines gives the lines of a request log; every one must be whole.
func readLines(t *testing.T, text []byte) (lines []logLine) {
	t.Helper()
	for line := range bytes.Lines(text) {
		var x logLine
		if err := json.Unmarshal(line, &x); err != nil || x.Event == "" {
			t.Fatalf("%q: %v", line, err)
		}
		lines = append(lines, x)
	}
	return lines
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// logDropped asks a process for its count of dropped lines.
func logDropped(t *testing.T, p *proctest.Process) int {
	t.Helper()
	p.Send(syscall.SIGUSR1)
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	_, values := readNumbers(t, line)
	return int(values["log_dropped"])
}

// smallLoad is what a test can run beside others.
func smallLoad(addr string) proctest.LoadConfig {
	return proctest.LoadConfig{Addr: addr, Conns: 10, Depth: 8, Bytes: 64}
}

// TestARotationUnderLoadLosesNoLine renames the file again and again. Each
// connection's requests must be there once and in order, over all files.
func TestARotationUnderLoadLosesNoLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	p := start(t, startServer(t), "-log-requests", path)
	log := readLog(p)
	l := proctest.StartLoad(t, smallLoad(p.Addr))
	const rotations = 10
	for i := range rotations {
		begin, _ := os.Stat(path)
		until(t, "the file grows", func() bool { now, err := os.Stat(path); return err == nil && now.Size() > begin.Size() })
		if err := os.Rename(path, fmt.Sprint(path, ".", i)); err != nil {
			t.Fatal(err)
		}
		p.Send(syscall.SIGHUP)
		until(t, "it is opened anew", func() bool { return log.count("opened anew") == i+1 })
	}
	r := l.Stop()
	dropped := logDropped(t, p)
	p.Send(syscall.SIGTERM)
	log.wait(0)
	var text []byte
	for i := range rotations {
		text = append(text, readFile(t, fmt.Sprint(path, ".", i))...)
	}
	expectWhole(t, append(text, readFile(t, path)...), r.Total)
	if dropped != 0 || !r.Faultless() {
		t.Errorf("%d lines dropped; %v", dropped, r)
	}
}

// expectWhole wants one connect, all requests in order, and one close for each
// connection of smallLoad.
func expectWhole(t *testing.T, text []byte, requests int) {
	t.Helper()
	last, events := map[int]uint64{}, map[string]int{}
	for _, x := range readLines(t, text) {
		events[x.Event]++
		if x.Event != "request" {
			continue
		}
		if last[x.Conn]++; x.Seq != last[x.Conn] || x.End != "answered" {
			t.Fatalf("connection %d: request %d, %s, is line %d", x.Conn, x.Seq, x.End, last[x.Conn])
		}
	}
	if conns := smallLoad("").Conns; events["connect"] != conns || events["close"] != conns || events["request"] != requests {
		t.Errorf("%v for %d connections and %d requests", events, conns, requests)
	}
}

// TestALogThatCannotBeWrittenDoesNotTouchTraffic: the disk is full, or a fifo has
// no reader, or one that does not read.
func TestALogThatCannotBeWrittenDoesNotTouchTraffic(t *testing.T) {
	fifo, read := filepath.Join(t.TempDir(), "fifo"), filepath.Join(t.TempDir(), "read")
	for _, path := range []string{fifo, read} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	reader, err := os.OpenFile(read, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, path := range []string{"/dev/full", fifo, read} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			p := start(t, startServer(t), "-log-requests", path)
			log := readLog(p)
			l := proctest.StartLoad(t, smallLoad(p.Addr))
			const told = "the request log cannot be written"
			// Lines are dropped before it is told where they fill the ring sooner
			// than a write is given up.
			until(t, "it is told", func() bool { return log.count(told) > 0 })
			until(t, "lines are dropped", func() bool { return logDropped(t, p) > 0 })
			r := l.Stop()
			p.Send(syscall.SIGTERM)
			if n := strings.Count(log.wait(0), told); n != 1 || !r.Faultless() {
				t.Errorf("it was told %d times; %v", n, r)
			}
		})
	}
}

// TestTheLogGoesOnAfterAFullDisk has a file that may not grow, and then may.
func TestTheLogGoesOnAfterAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	p := start(t, startServer(t), "-log-requests", path)
	log := readLog(p)
	l := proctest.StartLoad(t, smallLoad(p.Addr))
	until(t, "lines are dropped", func() bool { return logDropped(t, p) > 0 })
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p.Send(syscall.SIGHUP)
	until(t, "it is written again", func() bool { return log.count("can be written again") == 1 })
	r := l.Stop()
	dropped := logDropped(t, p)
	p.Send(syscall.SIGTERM)
	log.wait(0)
	conns := smallLoad("").Conns
	if n := len(readLines(t, readFile(t, path))); n+dropped != r.Total+2*conns || !r.Faultless() {
		t.Errorf("%d lines, %d dropped, %d requests and %d connections; %v", n, dropped, r.Total, conns, r)
	}
}

// TestLogAndStatisticsShareStdout line by line.
func TestLogAndStatisticsShareStdout(t *testing.T) {
	p := start(t, startServer(t), "-log-requests", "-")
	type output struct {
		text []byte
		err  error
	}
	read := make(chan output)
	go func() {
		text, err := io.ReadAll(p.Stdout)
		read <- output{text, err}
	}()
	l := proctest.StartLoad(t, smallLoad(p.Addr))
	for range 200 {
		p.Send(syscall.SIGUSR1)
		c := p.Dial()
		proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
		c.Close() // the drain would wait for it
	}
	r := l.Stop()
	p.Send(syscall.SIGTERM)
	got := <-read
	p.ExpectExit(0)
	var requests, statistics int
	for line := range bytes.Lines(got.text) {
		switch {
		case !json.Valid(line):
			t.Fatalf("%q", line)
		case bytes.Contains(line, []byte(`"event":"request"`)):
			requests++
		case bytes.HasPrefix(line, []byte(`{"msg_total"`)):
			statistics++
		}
	}
	if got.err != nil || requests != r.Total+200 || statistics == 0 {
		t.Errorf("%d requests and %d statistics; %v", requests, statistics, r)
	}
}

// TestAStdoutThatNobodyReadsDoesNotTouchTraffic, neither while it is full nor
// when it is gone.
func TestAStdoutThatNobodyReadsDoesNotTouchTraffic(t *testing.T) {
	p := start(t, startServer(t), "-log-requests", "-")
	l := proctest.StartLoad(t, smallLoad(p.Addr))
	l.Mark()
	p.CloseReaders()
	c := p.Dial()
	proctest.Ask(t, c, "REQ 1 a\n", "ACK 1 a\n")
	c.Close()
	if r := l.Stop(); !r.Faultless() {
		t.Error(r)
	}
	p.Send(syscall.SIGTERM)
	_ = p.Wait() // the exit code says it all
	if code := p.ProcessState.ExitCode(); code != 0 {
		t.Errorf("foo_proxy ended with %v", p.ProcessState)
	}
}

// TestSIGHUPWithoutARequestLogEndsTheProcess as it does everywhere.
func TestSIGHUPWithoutARequestLogEndsTheProcess(t *testing.T) {
	p := start(t, startServer(t))
	p.Send(syscall.SIGHUP)
	_ = p.Wait() // the state says it all
	if status := p.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGHUP {
		t.Errorf("foo_proxy ended with %v", p.ProcessState)
	}
}

// TestUnixSocketsAreLogged by their names: a client has none.
func TestUnixSocketsAreLogged(t *testing.T) {
	dir := t.TempDir()
	path, socket := filepath.Join(dir, "log"), filepath.Join(dir, "socket")
	server, err := net.Listen("unix", filepath.Join(dir, "server"))
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	p := proctest.Launch(t, proctest.Command("-listen", "unix:"+socket, "-forward", "unix:"+server.Addr().String(), "-log-requests", path))
	c, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted.Close()
	atEnd(t, c)
	c.Close()
	p.Send(syscall.SIGTERM)
	p.ExpectExit(0)
	want := fmt.Sprintf(`"conn":1,"client":"unix","upstream":"unix:%s"`, server.Addr())
	if text := readFile(t, path); bytes.Count(text, []byte(want)) != 2 {
		t.Errorf("%s, want %s twice", text, want)
	}
}
