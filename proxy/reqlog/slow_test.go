package reqlog

// A writer that is slower than the traffic for as long as that lasts.

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// slowTarget takes every byte, one write at a time and only when it is let.
type slowTarget struct{ began, let chan struct{} }

func (s slowTarget) Write(p []byte) (int, error) {
	s.began <- struct{}{}
	<-s.let
	return len(p), nil
}
func (slowTarget) Close() error                     { return nil }
func (slowTarget) SetWriteDeadline(time.Time) error { return nil }

// TestAWriterThatIsTooSlowStillHears: its ring is never empty.
func TestAWriterThatIsTooSlowStillHears(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	slow := slowTarget{make(chan struct{}), make(chan struct{})}
	opened := make(chan struct{}, 1)
	out := &output{path: "x", file: slow, open: func() (target, error) {
		opened <- struct{}{}
		return slow, nil
	}}
	l := start(Config{Path: "x", Log: zap.New(core)}, out, 1<<10)
	flood := func() {
		for range 2 << 10 {
			l.Request(1, &Peers{Conn: 1}, &Request{Seq: 1, End: Answered})
		}
		l.EndTurn()
	}
	flood()
	<-slow.began
	flood()
	l.Reopen()
	for writes, heard := 0, false; !heard; writes++ {
		if writes == 100 {
			t.Fatal("it does not open its file anew")
		}
		slow.let <- struct{}{}
		select {
		case <-slow.began:
			flood()
		case <-opened:
			heard = true
		}
	}
	if logs.FilterMessageSnippet("written too slowly").Len() == 0 {
		t.Error("nothing is said of the lines that were dropped")
	}
	close(slow.let)
	go func() {
		for range slow.began {
		}
	}()
	l.Stop()
}
