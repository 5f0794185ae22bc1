package cli

// This file owns the process's signals: which ones are heard and what each
// calls. It does not know how to drain or what the statistics are.
//
//	SIGPIPE                    ignored; a write to a closed pipe is an error
//	SIGTERM, SIGINT, SIGQUIT   the first calls Drain, the second Exit(1)
//	SIGUSR1                    calls Stats
//	SIGHUP                     calls Reopen; where there is none, ends the process
//	                           as it does by default
//	SIGURG                     the runtime's own; never asked for

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// IgnoreBrokenPipe makes a write to a stdout or stderr nobody reads an error
// instead of the end of the process. Commands call it first of all.
func IgnoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// SignalHandlers is what signals call. The functions run in goroutines of
// their own, never on an event loop, to which they should post a message and
// nothing else. Each may be nil.
type SignalHandlers struct {
	// Drain is called once, with the signal that asked for it.
	Drain func(os.Signal)
	// Stats is called once for a SIGUSR1, never twice at a time. Signals that
	// arrive while it runs give one more call.
	Stats func()
	// Reopen is called for a SIGHUP, by the goroutine that hears it: it must not
	// wait.
	Reopen func()
	// Exit ends the process at the second signal; nil is os.Exit.
	Exit func(code int)
}

// Signals hears signals until the process has ended, and calls for them until
// Stop; Exit even after it. A process has one.
type Signals struct {
	ends, stats chan os.Signal
	reopens     chan os.Signal
	first       chan os.Signal // of ends, on its way to Drain
	quit        chan struct{}
	work        sync.WaitGroup // all but watchEnds, which goes on after Stop
	once        sync.Once
}

// WatchSignals starts to listen. Signals that the parent had ignored, as a
// shell does with SIGINT for a job in the background, are heard nonetheless: a
// command that does not end when asked to is worse.
func WatchSignals(h SignalHandlers) *Signals {
	if h.Drain == nil {
		h.Drain = func(os.Signal) {}
	}
	if h.Stats == nil {
		h.Stats = func() {}
	}
	if h.Exit == nil {
		h.Exit = os.Exit
	}
	s := &Signals{
		// signal.Notify drops what finds no room. Two ends must not be one; of
		// many SIGUSR1 one waiting is enough, since its line comes later anyway.
		ends:  make(chan os.Signal, 2),
		stats: make(chan os.Signal, 1),
		// Two that come together ask for the same.
		reopens: make(chan os.Signal, 1),
		first:   make(chan os.Signal, 1),
		quit:    make(chan struct{}),
	}
	signal.Notify(s.ends, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)
	signal.Notify(s.stats, syscall.SIGUSR1)
	go s.watchEnds(h.Exit)
	s.work.Go(func() { s.watchFirst(h.Drain) })
	s.work.Go(func() { s.watchStats(h.Stats) })
	if h.Reopen != nil {
		signal.Notify(s.reopens, syscall.SIGHUP)
		s.work.Go(func() { s.watchReopens(h.Reopen) })
	}
	return s
}

// watchEnds goes on after Stop: were the signals given back to the system when
// the work is done, one that comes while the process says its last words would
// kill it before it has tidied up.
func (s *Signals) watchEnds(exit func(code int)) {
	s.first <- <-s.ends
	<-s.ends
	exit(ExitFailure)
}

// watchFirst has a goroutine of its own, so that the second signal is heard even
// while the first one's work hangs. After Stop there is nothing left to drain.
func (s *Signals) watchFirst(drain func(os.Signal)) {
	select {
	case sig := <-s.first:
		drain(sig)
	case <-s.quit:
	}
}

// watchStats has a goroutine of its own: a Stats that waits for a stdout
// nobody reads must not keep SIGTERM from being heard.
func (s *Signals) watchStats(stats func()) {
	for {
		select {
		case <-s.stats:
			stats()
		case <-s.quit:
			return
		}
	}
}

func (s *Signals) watchReopens(reopen func()) {
	for {
		select {
		case <-s.reopens:
			reopen()
		case <-s.quit:
			return
		}
	}
}

// Stop is for a process that is about to end. The handlers are not called any
// more, and those at work are waited for a moment. SIGUSR1 and SIGHUP are still heard and
// passed over: its default would kill a process that was only asked for its
// numbers a moment too late, and signal.Ignore lets it do so to one whose handler
// has just begun. A second signal to end still calls Exit. It may be called again.
func (s *Signals) Stop() {
	s.once.Do(func() { close(s.quit) })
	ended := make(chan struct{})
	go func() {
		s.work.Wait()
		close(ended)
	}()
	timer := time.NewTimer(stopWait)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
	}
}
