package reqlog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"fooproxy/foo"
)

// patience bounds what a test waits for. Nothing should ever take so long.
const patience = 30 * time.Second

func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// parsed is a line as its readers see it.
type parsed struct {
	Ts, Event, Client, Upstream, Type, End, Why, Error string
	Conn                                               uint32
	Seq                                                uint64
	BytesIn                                            int `json:"bytes_in"`
	BytesOut                                           int `json:"bytes_out"`
	LatencyUs                                          int `json:"latency_us"`
}

func parse(t *testing.T, text string) (lines []parsed) {
	t.Helper()
	if text != "" && !strings.HasSuffix(text, "\n") {
		t.Errorf("the last line has no end: %q", text[max(0, len(text)-100):])
	}
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		var p parsed
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		lines, text = append(lines, p), rest
	}
	return lines
}

// observed starts a log to a target, with what it says of itself.
func observed(file target, entries int) (*Log, *observer.ObservedLogs) {
	core, logs := observer.New(zap.InfoLevel)
	return start(Config{Path: "somewhere", Log: zap.New(core)}, outputOf(file), entries), logs
}

// ask logs requests of a connection, n from first on, each in a turn of its own.
func ask(l *Log, conn uint32, first, n uint64) {
	p := somePeers(conn)
	for seq := first; seq < first+n; seq++ {
		l.Request(int64(seq), p, someRequest(seq))
		l.EndTurn()
	}
}

// TestEachLineIsWrittenOnceAndInOrderOrCounted has a loop that is faster than a
// small ring allows, and one that is not.
func TestEachLineIsWrittenOnceAndInOrderOrCounted(t *testing.T) {
	for _, size := range []int{1, 64, 1 << 14} {
		d := &disk{room: plenty}
		l, _ := observed(d, size)
		const rounds, conns = 2000, 5
		for seq := range uint64(rounds) {
			for conn := range uint32(conns) {
				ask(l, conn, seq+1, 1)
			}
			if seq%64 == 0 {
				runtime.Gosched()
			}
		}
		l.Stop()
		last, n := [conns]uint64{}, 0
		for _, line := range parse(t, d.String()) {
			if line.Seq <= last[line.Conn] {
				t.Fatalf("ring of %d: connection %d: request %d behind %d", size, line.Conn, line.Seq, last[line.Conn])
			}
			last[line.Conn] = line.Seq
			n++
		}
		if dropped := int(l.Dropped()); n+dropped != rounds*conns || size > rounds*conns && dropped > 0 {
			t.Errorf("ring of %d: %d lines are there, %d were dropped, %d were logged", size, n, dropped, rounds*conns)
		}
	}
}

func TestSlowLeavesOutTheRest(t *testing.T) {
	d := &disk{room: plenty}
	l := start(Config{Slow: time.Millisecond}, outputOf(d), 64)
	p := somePeers(1)
	l.Connect(0, p)
	for seq, took := range []int64{0, 999_999, 1_000_000, 5_000_000} {
		for _, end := range []End{Answered, Refused, Abandoned} {
			l.Request(7_000_000, p, &Request{Seq: uint64(seq), Arrived: 7_000_000 - took, End: end, Type: foo.ACK})
		}
	}
	l.Close(8_000_000, p, ClientEnded, 0)
	l.Stop()
	got := ""
	for _, line := range parse(t, d.String()) {
		got += fmt.Sprint(line.Event, line.Seq, line.End, line.LatencyUs, " ")
	}
	if want := "request2answered1000 request2refused1000 request2abandoned1000 request3answered5000 request3refused5000 request3abandoned5000 "; got != want || l.Dropped() != 0 {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestTheLoopDoesNotAllocate counts those of the writer, too.
func TestTheLoopDoesNotAllocate(t *testing.T) {
	d := &discard{}
	l := start(Config{}, outputOf(d), 1<<10)
	defer l.Stop()
	p, q := somePeers(1), someRequest(1)
	if n := testing.AllocsPerRun(1000, func() {
		for range 3 {
			l.Request(1000, p, q)
		}
		l.Connect(1000, p)
		l.Close(1000, p, ClientReset, syscall.ECONNRESET)
		l.EndTurn()
	}); n != 0 && !raceDetector {
		t.Errorf("%v allocations in a turn", n)
	}
}

// discard is a target that takes everything.
type discard struct{}

func (*discard) Write(p []byte) (int, error)      { return len(p), nil }
func (*discard) Close() error                     { return nil }
func (*discard) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// TestADiskThatIsFullIsToldOnce and its lines are counted; when it has room again
// the log goes on by itself.
func TestADiskThatIsFullIsToldOnce(t *testing.T) {
	d := &disk{room: 1000}
	l, logs := observed(d, 1<<10)
	ask(l, 1, 1, 500)
	until(t, "lines are dropped", func() bool { return l.Dropped() > 0 })
	ask(l, 1, 501, 100)
	until(t, "all are dropped", func() bool { return l.ring.head.Load() == 600 })
	before := l.Dropped()
	if n := len(parse(t, d.String()[:strings.LastIndexByte(d.String(), '\n')+1])); n+1 != 600-int(before) {
		t.Errorf("%d whole lines and one that was begun are there, %d of 600 were dropped", n, before)
	}
	d.give(plenty)
	seq := uint64(601)
	until(t, "it is written again", func() bool {
		ask(l, 1, seq, 1)
		seq++
		return logs.FilterMessage("the request log can be written again").Len() == 1
	})
	l.Stop()
	if n := len(parse(t, d.String())); n+int(l.Dropped()) != int(seq)-1 {
		t.Errorf("%d lines are there, %d were dropped, %d were logged", n, l.Dropped(), seq-1)
	}
	entries := logs.FilterMessageSnippet("the request log").All()
	if len(entries) != 2 || entries[0].Message != "the request log cannot be written, its lines are dropped" ||
		entries[0].ContextMap()["error"] != "no space left on device" || entries[1].ContextMap()["lines_dropped"] != l.Dropped() {
		t.Errorf("it is told so: %v", entries)
	}
}

// TestTheKernelsOwnFullDisk: /dev/full gives ENOSPC to every write.
func TestTheKernelsOwnFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	core, logs := observer.New(zap.InfoLevel)
	l, err := Open(Config{Path: "/dev/full", Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	ask(l, 1, 1, 1000)
	l.Stop()
	if l.Dropped() != 1000 || logs.FilterMessageSnippet("cannot be written").Len() != 1 {
		t.Errorf("%d were dropped; %v", l.Dropped(), logs.All())
	}
}

func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestAFifoMayHaveNoReader at the start, get one, lose it, and get another.
func TestAFifoMayHaveNoReader(t *testing.T) {
	path := fifo(t)
	core, logs := observer.New(zap.InfoLevel)
	l, err := Open(Config{Path: path, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	seq := uint64(1)
	for range 2 {
		before := l.Dropped()
		until(t, "lines are dropped", func() bool { ask(l, 1, seq, 1); seq++; return l.Dropped() > before })
		lines := make(chan string, 1)
		go func() { lines <- firstLine(path) }()
		var line string
		until(t, "a line arrives", func() bool {
			ask(l, 1, seq, 1)
			seq++
			select {
			case line = <-lines:
				return true
			default:
				return false
			}
		})
		parse(t, line)
	}
	l.Stop()
	if logs.FilterMessageSnippet("cannot be written").Len() < 2 || logs.FilterMessageSnippet("can be written again").Len() < 1 {
		t.Errorf("it is told so: %v", logs.All())
	}
}

// firstLine opens a file, which waits for the writer of a fifo, reads a line and
// leaves.
func firstLine(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close() // nothing was written
	// Byte by byte: the next reader gets what this one leaves.
	var line []byte
	for b := make([]byte, 1); !bytes.HasSuffix(line, []byte("\n")); line = append(line, b...) {
		if _, err := file.Read(b); err != nil {
			return err.Error()
		}
	}
	return string(line)
}

// TestAReaderThatDoesNotReadHoldsNobody: neither the loop nor the end.
func TestAReaderThatDoesNotReadHoldsNobody(t *testing.T) {
	stuck := &stuckTarget{release: make(chan struct{})}
	l, logs := observed(stuck, 64)
	ask(l, 1, 1, 1)
	until(t, "the writer is stuck", func() bool { return l.ring.head.Load() == 1 })
	ask(l, 1, 2, 1000)
	if l.Dropped() != 1000-64 {
		t.Errorf("%d of 1001 were dropped, 64 find room, 1 is being written", l.Dropped())
	}
	begin := time.Now()
	l.Stop()
	if took := time.Since(begin); took > patience || logs.FilterMessageSnippet("is not read").Len() != 1 {
		t.Errorf("the end took %v; %v", took, logs.All())
	}
	close(stuck.release)
	<-l.done
}

// stuckTarget is what nobody reads.
type stuckTarget struct {
	discard
	release chan struct{}
}

func (s *stuckTarget) Write(p []byte) (int, error) { <-s.release; return len(p), nil }

// TestAFullFifoIsGivenUpAfterAWhile so that a request to reopen is heard.
func TestAFullFifoIsGivenUpAfterAWhile(t *testing.T) {
	path := fifo(t)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	core, logs := observer.New(zap.InfoLevel)
	l, err := Open(Config{Path: path, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Stop()
	ask(l, 1, 1, 5000)
	until(t, "it is given up", func() bool { return logs.FilterMessageSnippet("cannot be written").Len() == 1 })
	if l.Dropped() == 0 {
		t.Error("nothing is counted")
	}
}

// TestARotationLosesNothing renames the file again and again under a load.
func TestARotationLosesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	core, logs := observer.New(zap.InfoLevel)
	l, err := Open(Config{Path: path, Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	const rotations, each = 20, 500
	for i := range uint64(rotations) {
		ask(l, 1, i*each+1, each/2)
		if err := os.Rename(path, fmt.Sprintf("%s.%02d", path, i)); err != nil {
			t.Fatal(err)
		}
		l.Reopen()
		ask(l, 1, i*each+1+each/2, each/2)
		until(t, "it is opened anew", func() bool { return logs.FilterMessage("the request log was opened anew").Len() == int(i)+1 })
	}
	l.Stop()
	var all strings.Builder
	for i := range rotations + 1 {
		name := fmt.Sprintf("%s.%02d", path, i)
		if i == rotations {
			name = path
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	lines := parse(t, all.String())
	for i, line := range lines {
		if line.Seq != uint64(i)+1 {
			t.Fatalf("line %d is about request %d", i+1, line.Seq)
		}
	}
	if len(lines) != rotations*each || l.Dropped() != 0 {
		t.Errorf("%d lines of %d, %d dropped", len(lines), rotations*each, l.Dropped())
	}
}
