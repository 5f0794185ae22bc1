package cli

// This file owns how log lines look and where they go. It does not know what is
// logged; the way to stderr is ring.go's.

import (
	"io"
	"os"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"
)

// Log is a command's log. Its Logger may be used by any goroutine, an event
// loop included: it never waits for whoever reads the log. The command that
// opened it closes it as the last thing before it ends.
type Log struct {
	logger *zap.Logger
	ring   *ring
}

// OpenLog starts a log to a file, usually os.Stderr, which the caller keeps
// and does not close before the Log. On a terminal lines are made for the eye,
// elsewhere each is a JSON object with time, level, msg and the fields.
func OpenLog(file *os.File, level zapcore.Level) *Log {
	return newLog(file, IsTerminal(file), level)
}

func newLog(out io.Writer, console bool, level zapcore.Level) *Log {
	encoder := newEncoder(console)
	l := &Log{ring: newRing(out, func(dropped uint64) []byte { return encodeDropped(encoder, dropped) })}
	core := zapcore.NewCore(encoder, l.ring, level)
	l.logger = zap.New(core,
		// zap reports its own errors, such as a field that cannot be encoded,
		// straight to stderr unless told otherwise; that would wait.
		zap.ErrorOutput(l.ring),
		zap.WithFatalHook(fatalHook{l}))
	return l
}

// newEncoder spells levels in lower case and times as ISO 8601 with
// milliseconds and the zone's offset.
func newEncoder(console bool) zapcore.Encoder {
	config := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		NameKey:        "logger",
		MessageKey:     "msg",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     zapcore.ISO8601TimeEncoder,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	if console {
		return zapcore.NewConsoleEncoder(config)
	}
	return zapcore.NewJSONEncoder(config)
}

func encodeDropped(encoder zapcore.Encoder, dropped uint64) []byte {
	entry := zapcore.Entry{Level: zapcore.WarnLevel, Time: time.Now(), Message: "log lines dropped"}
	line, err := encoder.EncodeEntry(entry, []zapcore.Field{zap.Uint64("count", dropped)})
	if err != nil {
		// A number and a constant can always be encoded.
		panic("cli: the report of dropped log lines cannot be encoded: " + err.Error())
	}
	defer line.Free()
	return append([]byte(nil), line.Bytes()...)
}

// IsTerminal says whether a person reads what is written there; any goroutine
// may ask. It does without File.Fd, which would switch the descriptor to blocking
// for every process that shares it.
func IsTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	terminal := false
	err = raw.Control(func(fd uintptr) { terminal = term.IsTerminal(int(fd)) })
	return err == nil && terminal
}

// fatalHook lets the last line out before zap ends the process.
type fatalHook struct{ log *Log }

func (h fatalHook) OnWrite(*zapcore.CheckedEntry, []zapcore.Field) {
	h.log.Close(fatalFlushMax)
	os.Exit(ExitFailure)
}

// Logger is the logger to hand out. It lives until Close; what is logged later
// is counted as dropped.
func (l *Log) Logger() *zap.Logger { return l.logger }

// Dropped is the number of lines that never reached the log, because it was
// full or could not be written. Any goroutine may ask.
func (l *Log) Dropped() uint64 { return l.ring.dropped.Load() }

// Close writes what is queued and says whether that was done within timeout.
// It may be called again.
func (l *Log) Close(timeout time.Duration) bool { return l.ring.close(timeout) }
