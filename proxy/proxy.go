// Package proxy stands between Foo clients and Foo servers: one connection to a
// server for each client, bytes forwarded verbatim, every request watched until
// its reply. Where a server dies its clients may go on with another one.
//
//	            accept                    dial
//	clients ──► listener ──► session ◄──► link ──► upstream
//	                            └── records ──┘
//	             session.go   exchange.go   link.go   upstreams.go
//
// proxy.go owns the proxy as a whole: what it is made of, its clients, its
// limits. Everything in it belongs to the loop's goroutine, except Drain and
// Snapshot.
package proxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	metrics "github.com/rcrowley/go-metrics"
	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/stats"
)

// Proxy is one proxy on one loop.
type Proxy struct {
	config    Config
	log       *zap.Logger
	loop      *poller.Loop
	servers   []Server
	upstreams []*upstream
	listeners []*poller.Listener
	sessions  []*session
	records   records
	stats     *stats.Recorder
	stale     uint64 // the loop's, as far as it is in stats
	lastID    uint32
	maxConns  int
	trimmer   poller.Timer
	drain     drain
	askDrain  func()
	door      door
	header    []byte // the PROXY header that was sent last, to be made again

	logged     []logged // of each session, at its place; empty without a request log
	logDropped uint64   // lines that it has dropped, as far as they are in stats

	starved       []*session // not read for want of memory
	favoured      *session   // read nevertheless
	favouredUntil int64
	mux           *mux         // nil where each client has a link of its own
	waiting       []*session   // for a server, or for a descriptor
	shortage      poller.Timer // when they ask again
	complain      int64        // no complaint about descriptors before

	candidates  []*upstream // of the choice under way
	loads       []*load     // the same as the balancing sees them
	random      *rand.Rand  // of choices, pauses and checks
	sweep       bool        // a server that is gone may be forgotten
	retries     bool        // those who wait for a server are to ask again
	stoodUntil  int64       // when the loop last stood still
	stoodFor    int64       // and how long, ns
	checkText   []byte
	endWordLens uint64 // bit n: an end word has n bytes
	queued      int    // bytes of queued lines
	heldBack    int    // bytes of replies that wait for older ones
	spareExtras []*extra
	scratch     []byte // lines that are being renumbered
	naks        [len(reasons)]int64
	rebalancer  poller.Timer
	moveOwed    float64 // sessions that may move now
	moving      int32   // sessions that will move when they have their replies
	moveNext    int     // which one is looked at next
}

// New makes a proxy on sys, which stays the caller's. The error is about the
// configuration or about the kernel.
func New(sys poller.Sys, servers []Server, config Config) (*Proxy, error) {
	if err := errors.Join(config.check(), checkServers(servers)); err != nil {
		return nil, err
	}
	if config.Mux > 0 {
		config.Strict, config.OnServerClose = true, Failover
	}
	loop, err := poller.NewLoop(sys)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		config:    config,
		log:       config.Log,
		loop:      loop,
		servers:   servers,
		stats:     stats.NewRecorder(metrics.NewRegistry(), loop.Now()),
		maxConns:  config.maxConns(loop.DescriptorLimit(), len(servers)),
		random:    rand.New(rand.NewPCG(config.Seed, uint64(len(servers)))),
		checkText: append(appendProxyLocal(nil, config.SendProxy), checkRequest...),
	}
	p.knowEndWords()
	// A place of its own in the mailbox: a drain must not be told "busy".
	post, ok := loop.Mailbox().Reserve()
	if !ok {
		panic("proxy: the mailbox of a new loop is full")
	}
	p.askDrain = sync.OnceFunc(func() { post(p.beginDrain) })
	p.openDoor()
	loop.OnTurn(p.endTurn)
	loop.OnStall(p.stood)
	loop.SetBusyPoll(config.BusyPoll)
	loop.Arm(&p.trimmer, (*recordTrimmer)(p), loop.Now()+int64(trimInterval))
	if config.Mux > 0 {
		p.mux = newMux(p)
	}
	p.addServers()
	return p, nil
}

// Loop is the loop that the proxy runs on.
func (p *Proxy) Loop() *poller.Loop { return p.loop }

// Listen opens a listener and gives the address where it really listens. Before
// Run.
func (p *Proxy) Listen(addr poller.Addr) (poller.Addr, error) {
	l, err := p.loop.Listen(addr, &p.config.Socket, p)
	if err != nil {
		return poller.Addr{}, err
	}
	p.listeners = append(p.listeners, l)
	return l.Addr(), nil
}

// Run serves until Drain has ended. Whatever is left then is closed. It is
// called once. The error is that there is no listener.
func (p *Proxy) Run() error {
	if len(p.listeners) == 0 {
		return errors.New("proxy: Run was called before Listen")
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var names []string
	for i := range p.servers {
		names = append(names, p.servers[i].Name)
		if p.servers[i].Resolve != nil {
			go p.watchName(ctx, i)
		}
	}
	p.log.Info("forwarding", zap.Strings("servers", names), zap.Int("connections_max", p.maxConns), zap.Bool("strict", p.config.Strict), zap.Bool("failover", p.failsOver()), zap.Int("mux", p.config.Mux))
	p.loop.Run()
	p.shut()
	return nil
}

// shut closes what is left and logs what there was to do.
func (p *Proxy) shut() {
	cut := len(p.sessions)
	p.loop.Shut()
	p.endLogTurn()
	p.stats.EndTurn(p.loop.Now())
	p.log.Info("ended",
		zap.Int64("requests", p.stats.Count(stats.MsgReq)),
		zap.Int64("answered", p.stats.Count(stats.Answered)),
		zap.Int64("abandoned", p.stats.Count(stats.Abandoned)),
		zap.Int64("connections", p.stats.Count(stats.Accepts)),
		zap.Int("connections_cut", cut))
}

// Snapshot has the loop copy its numbers, between two events. Any goroutine may
// call it, and owns what it gets. The error is poller.ErrBusy or the context's,
// which should end with Run: afterwards nobody answers.
func (p *Proxy) Snapshot(ctx context.Context) (*stats.Snapshot, error) {
	s := stats.NewSnapshot()
	err := p.loop.Mailbox().Call(ctx, func() {
		p.endLogTurn() // the loop may have slept since the writer dropped something
		p.fillSnapshot(s)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// endTurn is called by the loop at the end of every turn.
func (p *Proxy) endTurn(now int64) {
	if stale := p.loop.Stale(); stale != p.stale {
		p.stats.Add(stats.EventsStale, int64(stale-p.stale))
		p.stale = stale
	}
	p.feed(now)
	if p.mux != nil {
		p.mux.lookAfterLinks()
	}
	if p.retries {
		p.retries = false
		p.retryWaiting()
	}
	if p.mux != nil {
		p.mux.feed(now)
	}
	if p.sweep {
		p.sweepUpstreams()
	}
	p.endLogTurn()
	p.stats.EndTurn(now)
	p.endDrain()
}

// OnAccept implements poller.Acceptor: every client that the door lets in gets a
// session.
func (p *Proxy) OnAccept(_ *poller.Listener, peer poller.Peer) (poller.Handler, *poller.ConnConfig) {
	if h, config := p.meet(peer); h != nil {
		return h, config
	}
	return p.newSession(peer), &p.config.Client
}

func (p *Proxy) newSession(client poller.Peer) *session {
	p.lastID++
	return &session{proxy: p, peer: client, id: p.lastID}
}

// OnAccepted implements poller.Acceptor.
func (p *Proxy) OnAccepted(c *poller.Conn, h poller.Handler) {
	if !p.keepOut(c, h) {
		p.begin(h.(*session), c)
	}
}

// begin has a session begin with its client's connection: it gets its link.
func (p *Proxy) begin(s *session, c *poller.Conn) {
	s.client, s.place = c, int32(len(p.sessions))
	p.sessions = append(p.sessions, s)
	s.beginLogged()
	p.door.perIP.enter(s.peer)
	p.stats.Add(stats.Accepts, 1)
	if ce := p.log.Check(zap.DebugLevel, "client accepted"); ce != nil {
		ce.Write(zap.Stringer("client", s.peer), zap.Uint32("session", s.id))
	}
	p.pauseWhenFull()
	if p.mux != nil {
		p.mux.enter()
	} else {
		s.connect()
	}
	s.logConnect()
	if p.drain.begun {
		s.drain()
	}
}

// OnAcceptError implements poller.Acceptor.
func (p *Proxy) OnAcceptError(l *poller.Listener, e poller.Errno) {
	p.log.Warn("cannot accept clients, they wait", zap.Stringer("address", l.Addr()), zap.String("why", e.Error()), zap.Int("connections", len(p.sessions)))
}

// freeSession forgets a session both of whose connections are closed.
func (p *Proxy) freeSession(s *session) {
	p.forgetLogged(s)
	last := len(p.sessions) - 1
	p.sessions[s.place] = p.sessions[last]
	p.sessions[s.place].place = s.place
	p.sessions[last] = nil
	p.sessions = p.sessions[:last]
	if p.mux != nil {
		p.mux.forget(s.place)
	}
	p.resumeWhenFree()
}

func (p *Proxy) pauseListeners() {
	if p.drain.begun {
		return // what is queued is still accepted, once
	}
	for _, l := range p.listeners {
		l.Pause()
	}
}

// recordTrimmer is the proxy as the owner of the timer that trims records.
type recordTrimmer Proxy

// Expire implements poller.Expirer.
func (t *recordTrimmer) Expire(now int64) {
	p := (*Proxy)(t)
	p.records.trim()
	p.loop.Arm(&p.trimmer, t, now+int64(trimInterval))
}
