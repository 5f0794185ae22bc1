// Package server is a Foo server on the poller: it does what words say, words about
// itself and about keys and their values, and answers any other REQ with
// "ACK <seq> <data>".
//
// server.go owns the wiring of the loop: what the server is made of, how it
// starts, what it does at the end of a turn and how others talk to it. It must
// not know what a line means.
//
//	kernel ─► poller.Loop ─► client.go   lines in, replies out
//	                            │  ▲
//	                            ▼  │
//	                    reply.go   delay.go
//	                      │   │       ▲
//	                words.go  └──► pending.go
//	                word_*.go         ▲
//	                      └─► store.go ─► kv.Store
//
// clients.go knows who is connected, door.go who has to say first for whom it
// speaks, drain.go how the server ends.
package server

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"go.uber.org/zap"

	"fooproxy/foo/kv"
	"fooproxy/foo/newcomer"
	"fooproxy/poller"
	"fooproxy/stats"
)

// Server answers Foo requests. Its loop's goroutine is the one that calls Run;
// what is not said to be for any goroutine belongs to that one, or to the one
// that sets the server up before.
type Server struct {
	config   Config
	loop     *poller.Loop
	log      *zap.Logger
	recorder *stats.Recorder
	stale    uint64 // the loop's count that the recorder knows

	listeners []*poller.Listener
	clients   clients
	newcomers *newcomer.Room

	replies    []byte // the batch of replies in the making
	made       batch
	spareLines []*delayLine

	store      kv.Store
	asking     *asked    // what the store is being given
	underWay   int       // operations that have not completed
	awaiting   []*client // whose line the store had no room for, the oldest first
	wordCounts []int64   // by their numbers

	draining bool
	deadline poller.Timer // of the drain
	askDrain func()
}

// New makes a server that does not listen yet. The error says what is wrong with
// the configuration, or which system call failed.
func New(config Config) (*Server, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	loop, err := poller.NewLoop(config.Sys)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &Server{
		config:   config,
		loop:     loop,
		log:      config.Log,
		recorder: stats.NewRecorder(config.Registry, loop.Now()),

		store:      config.Store,
		wordCounts: make([]int64, len(words)),
	}
	if s.store == nil {
		s.store = kv.NewMemory()
	}
	s.store.Start(loop.Mailbox().Reserve)
	s.newcomers = newcomer.NewRoom(loop, config.Log, config.AcceptProxy, (*doorkeeper)(s))
	s.clients.most = config.maxConns(loop.DescriptorLimit())
	// A place of its own in the mailbox: a drain must not be told "busy".
	post, ok := loop.Mailbox().Reserve()
	if !ok {
		panic("server: the mailbox of a new loop is full")
	}
	s.askDrain = sync.OnceFunc(func() { post(s.drain) })
	loop.OnTurn(s.endTurn)
	return s, nil
}

// Loop is the loop that the server stands on, for its watchdog, and for those
// who make turns one by one instead of calling Run.
func (s *Server) Loop() *poller.Loop { return s.loop }

// Listen opens a listener, before Run, and gives the address with the port that
// the kernel picked where addr had none. It may be called for several
// addresses. The error names the address and the reason.
func (s *Server) Listen(addr poller.Addr) (poller.Addr, error) {
	listener, err := s.loop.Listen(addr, &s.config.Socket, s)
	if err != nil {
		return poller.Addr{}, err
	}
	s.listeners = append(s.listeners, listener)
	return listener.Addr(), nil
}

// Run serves until Drain has been called and is done, and then closes everything
// but the kernel. It is called once. The error is that there is no listener.
func (s *Server) Run() error {
	if len(s.listeners) == 0 {
		return errors.New("server: Run was called before Listen")
	}
	s.log.Info("serving", zap.Int("connections_max", s.clients.most))
	s.loop.Run()
	s.shut()
	return nil
}

// shut closes what is left and logs what there was to do.
func (s *Server) shut() {
	cut := len(s.clients.all)
	s.loop.Shut()
	s.recorder.EndTurn(s.loop.Now())
	s.log.Info("ended",
		zap.Int64("requests", s.recorder.Count(stats.MsgReq)),
		zap.Int64("acks", s.recorder.Count(stats.MsgAck)),
		zap.Int64("naks", s.recorder.Count(stats.MsgNak)),
		zap.Int64("connections", s.recorder.Count(stats.Accepts)),
		zap.Int("connections_cut", cut))
}

// Drain has the server stop accepting, answer what it has received, end every
// connection and then Run. It returns at once, and may be called by any goroutine,
// before Run too, and again without effect.
func (s *Server) Drain() { s.askDrain() }

// Snapshot gives the server's numbers as they are at one moment between two
// requests. The loop copies them; the snapshot belongs to the caller, who may
// be any goroutine but the loop's. The error is poller.ErrBusy, or the
// context's: it should end with Run, since an ended loop answers nobody.
func (s *Server) Snapshot(ctx context.Context) (*stats.Snapshot, error) {
	snapshot := stats.NewSnapshot()
	snapshot.Words = make([]stats.Named, len(words))
	if err := s.loop.Mailbox().Call(ctx, func() {
		s.recorder.Fill(snapshot, s.loop.Now())
		for i := range words {
			snapshot.Words[i] = stats.Named{Name: words[i].name, Count: s.wordCounts[i]}
		}
	}); err != nil {
		return nil, err
	}
	return snapshot, nil
}

// endTurn publishes the turn's numbers.
func (s *Server) endTurn(now int64) {
	if stale := s.loop.Stale(); stale != s.stale {
		s.recorder.Add(stats.EventsStale, int64(stale-s.stale))
		s.stale = stale
	}
	s.recorder.EndTurn(now)
	if s.draining {
		s.stopWhenDrained()
	}
}
