// This file owns the holding of a conversation on a real connection: each step
// is done here, within the time of a context. It must not know what the
// answers mean.
package check

import (
	"context"
	"net"
	"sync"
	"time"
)

// Dial opens a new connection to the server that is checked, or to the proxy
// in front of it. It is called by several goroutines at once, and obeys its
// context.
type Dial func(context.Context) (net.Conn, error)

// playAll holds all conversations of a script, each on a connection of its
// own, and returns the transcripts in the same order. Where together is set
// all are held at the same time: they wait for each other.
func playAll(ctx context.Context, dial Dial, script []conversation, together bool) []heard {
	transcripts := make([]heard, len(script))
	places := make(chan struct{}, atOnceMax)
	if together {
		places = make(chan struct{}, len(script))
	}
	var work sync.WaitGroup
	for i, c := range script {
		places <- struct{}{}
		work.Go(func() {
			transcripts[i] = play(ctx, dial, c)
			<-places
		})
	}
	work.Wait()
	return transcripts
}

// play holds one conversation.
func play(ctx context.Context, dial Dial, c conversation) heard {
	done := 0
	defer func() {
		// Nobody waits at a gate for who has given up.
		for _, s := range c.steps[done:] {
			if s.act == actArrive {
				s.gate.arrive()
			}
		}
	}()
	// Who first waits for others comes when they are through, not before.
	for ; done < len(c.steps) && c.steps[done].act == actPass; done++ {
		if !c.steps[done].gate.pass(ctx) {
			return heard{end: endSilence}
		}
	}
	nc, err := dial(ctx)
	if err != nil {
		return heard{end: endNoConn, reason: err.Error()}
	}
	// The end of the context wakes reads and writes alike. An error would mean
	// that the connection is closed, which wakes them too.
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	e := listen(nc)
	for ; done < len(c.steps); done++ {
		if !perform(ctx, nc, e, c.steps[done], c.patient) {
			break
		}
	}
	_ = nc.Close() // A reset has closed it before; nothing else is lost.
	e.work.Wait()
	if c.unheard {
		return heard{}
	}
	if e.end == endOpen && ctx.Err() != nil {
		e.end = endSilence
	}
	return e.heard
}

// perform does one step, and returns false where the conversation is over.
func perform(ctx context.Context, nc net.Conn, e *ear, s step, patient bool) bool {
	switch s.act {
	case actSay:
		if _, err := nc.Write([]byte(s.words)); err != nil {
			// Who does not listen may still have spoken: what he said, and how
			// he ended, tells more than this error.
			e.waitForEnd(ctx, quietWait)
			return false
		}
	case actRest:
		return sleep(ctx, s.length)
	case actAwait:
		return e.waitFor(ctx, s.until)
	case actHope:
		brief, cancel := context.WithTimeout(ctx, quietWait)
		defer cancel()
		e.waitFor(brief, s.until)
	case actFinish, actEnd:
		quiet := quietWait
		if s.act == actEnd || patient {
			quiet = 0
		}
		closeWrite(nc)
		e.waitForEnd(ctx, quiet)
	case actReset:
		abort(nc)
	case actArrive:
		s.gate.arrive()
	case actPass:
		return s.gate.pass(ctx)
	}
	return true
}

// closeWrite sends FIN. The error of a connection that has ended already is no
// news to the ear.
func closeWrite(nc net.Conn) {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}

// abort closes a connection by a reset. A unix socket has none to send: its
// peer sees an error if anything was unread, and an end otherwise.
func abort(nc net.Conn) {
	if tcp, ok := nc.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // It fails only where the connection is gone.
	}
	_ = nc.Close() // The same.
}

// sleep returns false where ctx ends first.
func sleep(ctx context.Context, length time.Duration) bool {
	timer := time.NewTimer(length)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
