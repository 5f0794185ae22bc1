package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// sink is a stderr whose behaviour a test chooses for each write.
type sink struct {
	mu     sync.Mutex
	text   bytes.Buffer
	writes int
	fail   func(n int, line []byte) (kept int, err error) // nil: all is kept
}

func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writes++
	kept, err := len(line), error(nil)
	if s.fail != nil {
		kept, err = s.fail(s.writes, line)
	}
	s.text.Write(line[:kept])
	return kept, err
}

func (s *sink) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// gate blocks every write until the test opens it.
type gate struct {
	sink
	entered, open chan struct{}
	once          sync.Once
}

func newGate() *gate { return &gate{entered: make(chan struct{}), open: make(chan struct{})} }

func (g *gate) Write(line []byte) (int, error) {
	g.once.Do(func() { close(g.entered) })
	<-g.open
	return g.sink.Write(line)
}

// flushMax is long enough never to pass on a busy machine.
const flushMax = time.Minute

// reportedLost adds up what the log itself says about dropped lines.
func reportedLost(t *testing.T, text string) (lost, reports int) {
	t.Helper()
	for line := range strings.Lines(text) {
		var fields struct {
			Msg   string
			Count int
		}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		if fields.Msg == "log lines dropped" {
			lost, reports = lost+fields.Count, reports+1
		}
	}
	return lost, reports
}

func TestAwayFromATerminalLinesAreJSON(t *testing.T) {
	var out sink
	l := newLog(&out, false, zapcore.InfoLevel)
	l.Logger().Debug("not shown")
	l.Logger().Info("listening", zap.String("address", "127.0.0.1:9000"), zap.Duration("after", 5*time.Millisecond))
	if !l.Close(flushMax) {
		t.Fatal("not flushed")
	}
	var fields map[string]string
	if err := json.Unmarshal([]byte(out.String()), &fields); err != nil {
		t.Fatalf("%q: %v", out.String(), err)
	}
	if _, err := time.Parse("2006-01-02T15:04:05.000Z0700", fields["time"]); err != nil {
		t.Error(err)
	}
	delete(fields, "time")
	for name, want := range map[string]string{"level": "info", "msg": "listening", "address": "127.0.0.1:9000", "after": "5ms"} {
		if fields[name] != want {
			t.Errorf("%s is %q, not %q", name, fields[name], want)
		}
		delete(fields, name)
	}
	if len(fields) != 0 {
		t.Errorf("unexpected %v", fields)
	}
}

func TestOnATerminalLinesAreForTheEye(t *testing.T) {
	var out sink
	l := newLog(&out, true, zapcore.WarnLevel)
	l.Logger().Info("not shown")
	l.Logger().Warn("server gone", zap.Int("left", 2))
	l.Close(flushMax)
	_, rest, _ := strings.Cut(out.String(), "\t")
	if want := "warn\tserver gone\t{\"left\": 2}\n"; rest != want {
		t.Errorf("got %q, want %q", rest, want)
	}
}

func TestTerminalsAreTold(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if IsTerminal(null) {
		t.Error("the null device counts as a terminal")
	}
	null.Close()
	if IsTerminal(null) {
		t.Error("a closed file counts as a terminal")
	}
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminals here: ", err)
	}
	defer master.Close()
	if !IsTerminal(master) {
		t.Error("a pseudo-terminal does not count as a terminal")
	}
}

func TestForeignBytesCannotSteerTheReader(t *testing.T) {
	const nasty = "a\x1b[2J\x7f\u009b1m\u2028\u202eb\r\n{\"fake\":1}\xff\U000e0001 é"
	for _, console := range []bool{false, true} {
		var out sink
		l := newLog(&out, console, zapcore.InfoLevel)
		l.Logger().Info(nasty, zap.String("data", nasty))
		l.Close(flushMax)
		text := out.String()
		if strings.Count(text, "\n") != 1 || !strings.HasSuffix(text, "\n") {
			t.Errorf("console %v: not one line: %q", console, text)
		}
		if strings.ContainsAny(text, "\x1b\x7f\r\u009b\u2028\u202e\U000e0001") || strings.Contains(text, "\xff") {
			t.Errorf("console %v: unescaped: %q", console, text)
		}
		if !strings.Contains(text, "é") {
			t.Errorf("console %v: spelled out what can be shown: %q", console, text)
		}
		if console {
			continue
		}
		var fields map[string]string
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if want := strings.ToValidUTF8(nasty, "\ufffd"); fields["msg"] != want || fields["data"] != want {
			t.Errorf("read back as %q and %q", fields["msg"], fields["data"])
		}
	}
}

func TestABlockedReaderDoesNotBlockTheLogger(t *testing.T) {
	const extra = 50
	out := newGate()
	l := newLog(out, false, zapcore.InfoLevel)
	l.Logger().Info("the one the writer holds")
	<-out.entered
	for range logLinesMax + extra {
		l.Logger().Info("line")
	}
	if l.Dropped() != extra {
		t.Errorf("dropped %d, not %d", l.Dropped(), extra)
	}
	if l.Close(time.Millisecond) {
		t.Error("flushed through a blocked reader")
	}
	close(out.open)
	if !l.Close(flushMax) {
		t.Fatal("not flushed after the reader went on")
	}
	if n := strings.Count(out.String(), `"line"`); n != logLinesMax {
		t.Errorf("%d lines came through, not %d", n, logLinesMax)
	}
	if lost, _ := reportedLost(t, out.String()); lost != extra {
		t.Errorf("the log reports %d dropped lines, not %d", lost, extra)
	}
}

func TestLongLinesAreBoundedTogether(t *testing.T) {
	out := newGate()
	l := newLog(out, false, zapcore.InfoLevel)
	l.Logger().Info("the one the writer holds")
	<-out.entered
	long := strings.Repeat("x", logBytesMax/8)
	for range 10 {
		l.Logger().Info(long)
	}
	// Seven fit: the eighth would, but for the rest of its line.
	if l.Dropped() != 3 {
		t.Errorf("dropped %d of 10", l.Dropped())
	}
	close(out.open)
	l.Close(flushMax)
	if queued := l.ring.queued.Load(); queued != 0 {
		t.Errorf("%d bytes are still accounted for", queued)
	}
}

func TestAFailingReaderIsSurvivedAndReported(t *testing.T) {
	const lost = 3
	out := &sink{fail: func(n int, line []byte) (int, error) {
		if n <= lost {
			return 0, errors.New("broken pipe")
		}
		return len(line), nil
	}}
	l := newLog(out, false, zapcore.InfoLevel)
	for range lost + 2 {
		l.Logger().Info("line")
	}
	if !l.Close(flushMax) {
		t.Fatal("not flushed")
	}
	if l.Dropped() != lost {
		t.Errorf("dropped %d, not %d", l.Dropped(), lost)
	}
	text := out.String()
	if got, reports := reportedLost(t, text); got != lost || reports != 1 {
		t.Errorf("%d reports of together %d lines, not one of %d:\n%s", reports, got, lost, text)
	}
	if n := strings.Count(text, `"line"`); n != 2 {
		t.Errorf("%d lines came through, not 2", n)
	}
}

func TestALineThatBrokeOffDoesNotSpoilTheNext(t *testing.T) {
	out := &sink{fail: func(n int, line []byte) (int, error) {
		if n == 1 {
			return 10, errors.New("no space left on device")
		}
		return len(line), nil
	}}
	l := newLog(out, false, zapcore.InfoLevel)
	l.Logger().Info("first")
	l.Logger().Info("second")
	l.Close(flushMax)
	torn, rest, _ := strings.Cut(out.String(), "\n")
	if len(torn) != 10 || !strings.Contains(rest, `"second"`) {
		t.Errorf("got %q", out.String())
	}
	if lost, _ := reportedLost(t, rest); lost != 1 || l.Dropped() != 1 {
		t.Errorf("%d counted, %d reported", l.Dropped(), lost)
	}
}

func TestDroppedLinesAreReportedAtMostOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// Every second line is lost: one report at once, the others together.
		failing := true
		out := &sink{}
		out.fail = func(_ int, line []byte) (int, error) {
			if failing && bytes.Contains(line, []byte(`"lost"`)) {
				return 0, errors.New("try again")
			}
			return len(line), nil
		}
		l := newLog(out, false, zapcore.InfoLevel)
		burst := func() {
			for range 5 {
				l.Logger().Info("lost")
				l.Logger().Info("kept")
			}
			synctest.Wait()
		}
		burst()
		if lost, reports := reportedLost(t, out.String()); lost != 1 || reports != 1 {
			t.Errorf("at once: %d reports of %d lines", reports, lost)
		}
		time.Sleep(dropReportEvery)
		synctest.Wait()
		if lost, reports := reportedLost(t, out.String()); lost != 5 || reports != 2 {
			t.Errorf("a second later, without a new line: %d reports of %d lines", reports, lost)
		}
		burst()
		time.Sleep(10 * dropReportEvery)
		synctest.Wait()
		if lost, reports := reportedLost(t, out.String()); lost != 10 || reports != 3 {
			t.Errorf("much later: %d reports of %d lines", reports, lost)
		}
		writes := out.writes
		time.Sleep(time.Hour)
		synctest.Wait()
		if out.writes != writes {
			t.Error("an idle log writes")
		}
		l.Close(flushMax)
	})
}

func TestLinesAfterCloseAreCounted(t *testing.T) {
	var out sink
	l := newLog(&out, false, zapcore.InfoLevel)
	l.Close(flushMax)
	l.Logger().Info("too late")
	if l.Dropped() != 1 || out.String() != "" {
		t.Errorf("dropped %d, wrote %q", l.Dropped(), out.String())
	}
}

func TestEveryLineIsEitherWrittenOrCounted(t *testing.T) {
	const loggers, each = 4, 2 * logLinesMax
	var out sink
	l := newLog(&out, false, zapcore.InfoLevel)
	var work sync.WaitGroup
	for range loggers {
		work.Go(func() {
			for range each {
				l.Logger().Info("line")
			}
		})
	}
	work.Wait()
	l.Close(flushMax)
	text := out.String()
	written := strings.Count(text, `"line"`)
	lost, _ := reportedLost(t, text)
	if written+lost != loggers*each || uint64(lost) != l.Dropped() {
		t.Errorf("%d written, %d reported, %d counted, %d logged", written, lost, l.Dropped(), loggers*each)
	}
}
