// config.go owns every bound and default of the package, with its unit and its
// reason.

package proxy

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"go.uber.org/zap"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
	"fooproxy/proxy/reqlog"
)

const (
	// DefaultMaxOutstanding is how many requests of one client may wait for
	// their replies: enough to hide 10 ms of distance at 100,000 requests a
	// second, and 48 KiB of records.
	DefaultMaxOutstanding = 1024
	// DefaultMaxMemory bounds the buffers and records of all connections, in
	// bytes.
	DefaultMaxMemory = 128 << 20
	// DefaultConnectTimeout is how long a server may take to accept: a SYN that
	// a full backlog dropped is only sent again after 1 s, 3 s, 7 s.
	DefaultConnectTimeout = time.Second
	// DefaultDrain is how long outstanding requests have after a signal to end.
	DefaultDrain = 10 * time.Second

	// clientReadBytes bounds one read from a client. Lines that were read but
	// may not go on are kept, and what is kept counts as the client's cost.
	clientReadBytes = 8 << 10
	// keptBytesMax bounds what is kept, of either side, in front of output that
	// waits. Twice this, two full outputs and all records are what one client can
	// cost: 192 KiB.
	keptBytesMax = 8 << 10

	// descriptorsKept is how many descriptors the process needs for itself:
	// standard streams, epoll, eventfd, listeners, log, a few for luck.
	descriptorsKept = 32
	// descriptorsPerSession: one to the client, one to the server.
	descriptorsPerSession = 2

	// drainForce is when, as a share of the drain time, connections are closed
	// with requests outstanding, so that their FIN leaves before the end.
	drainForce = 0.9

	// memoryResume is the share of the memory limit below which clients are
	// read again.
	memoryResume = 0.875

	// resolveInterval is how often a server's name is looked up again, and
	// resolveTimeout how long that may take. Both outside the loop.
	resolveInterval = 10 * time.Second
	resolveTimeout  = 5 * time.Second

	// favourTime is how long one client may be read although memory is short,
	// because only that can free what it holds.
	favourTime = time.Second

	// shortageRetry is how often those ask again who wait for memory, for a descriptor
	// or for a server.
	shortageRetry = 100 * time.Millisecond
	// retriesPerTurn bounds how many of them dial in one turn: some 5 ms. The others
	// follow after shortageNextTurn.
	retriesPerTurn   = 256
	shortageNextTurn = time.Millisecond
	// complaintInterval bounds each kind of complaint about a lasting state.
	complaintInterval = time.Second
	// lossGather is how long the losses of one server's death are gathered into
	// one line of the log.
	lossGather = 100 * time.Millisecond

	// turnAwayLinger is how long the input of a client is discarded that is closed
	// at once: what it sent with its connect, so that it gets a FIN and no reset. Its
	// descriptor must be free soon, since whoever is turned away comes again.
	turnAwayLinger = time.Millisecond

	// recordsPerLine is how many records may be looked through for the price of
	// one line of the turn's budget: about the time it takes to forward one.
	recordsPerLine = 32

	// recordsPerChunk is the unit in which records are allocated: 12 KiB.
	recordsPerChunk = 256
	// spareChunks is how many empty chunks are kept when records are trimmed.
	spareChunks = 4
	// trimInterval is how often records' memory beyond that is given back.
	trimInterval = 10 * time.Second
)

// How servers are judged.
const (
	// DefaultCheckInterval is how often a server is checked, from start to start,
	// and DefaultCheckTimeout how long a check may take.
	DefaultCheckInterval = 500 * time.Millisecond
	DefaultCheckTimeout  = 500 * time.Millisecond
	// DefaultRequestTimeout is how long a request waits for its reply where there
	// are several servers.
	DefaultRequestTimeout = 5 * time.Second

	// checkFall is how many bad checks in a row eject a server, and checkRise how
	// many good ones bring it back.
	checkFall = 2
	checkRise = 2
	// checkSpread is the share of the interval by which checks move, so that those
	// of many proxies do not come together.
	checkSpread = 20
	// checkReadBytes bounds one read of a check, whose reply is a line.
	checkReadBytes = 4 << 10
	// timeoutsInARow is how many requests without a reply, and no reply between,
	// eject a server.
	timeoutsInARow = 3
	// ejectShare: one of so many servers, rounded down, may be out for what its
	// sessions met alone.
	ejectShare = 2

	// doubtTime is how long a server that has reset a connection, or ended one with
	// replies owed, gets no sessions that another one would take: a process that dies may
	// accept for some milliseconds behind its first FIN.
	doubtTime = 100 * time.Millisecond
	// trialTime is how long others wait for the outcome of a dial to a server that is in
	// doubt: a server that is there, or its kernel, answers sooner.
	trialTime = 100 * time.Millisecond
	// dialPauseMin and dialPauseMax are how long a server that refuses is not
	// dialled, doubling from one to the other.
	dialPauseMin = 100 * time.Millisecond
	dialPauseMax = time.Second
	// ejectPauseMin and ejectPauseMax are the same for one that was ejected where
	// no check can bring it back.
	ejectPauseMin = time.Second
	ejectPauseMax = 30 * time.Second
	// pauseSpread is the share of a pause by which it may be longer.
	pauseSpread = 5

	// upstreamsMax bounds the servers, names with many addresses included: they
	// are looked through for each session.
	upstreamsMax = 1024

	// refusalsMax bounds how many servers are tried for one client before it is told
	// that there is none, where there are so many.
	refusalsMax = 64

	// rebalancePerSecond is the share of all sessions that may move in a second to
	// servers that have too few, rebalanceInterval how often they do, and
	// rebalanceAtOnce how many at most.
	rebalancePerSecond = 0.05
	rebalanceInterval  = 100 * time.Millisecond
	rebalanceAtOnce    = 100
)

// How long requests wait.
const (
	// expireInterval is the least time between two looks at the requests of one
	// session whose time may be over, so that a crowd of them costs little.
	expireInterval = 5 * time.Millisecond
	// expireRetry is the same where the client takes no replies.
	expireRetry = 100 * time.Millisecond
	// expiredMax bounds the requests of a link that were answered here, and whose
	// replies may still come. Above it the link is given up.
	expiredMax = 1024
	// spareExtrasMax is how many blocks of what few sessions need are kept.
	spareExtrasMax = 1024
	// EndWordBytesMax is the longest end word, in bytes.
	EndWordBytesMax = 63
)

// How servers are weighed.
const (
	// weightLow and weightHigh bound the weight of a server: the strongest gets as
	// much as 256 of the weakest, and no machine is that strong.
	weightLow  = 1
	weightHigh = 256
	// creditMax bounds what a server may be owed or owe in the turns of round
	// robin, in weights. While the same servers are up nobody comes near; it is
	// there so that no odd history of outages makes the number overflow.
	creditMax = 1 << 30
)

// How links are shared.
const (
	// muxCredits is how many requests may be outstanding on one link: enough to hide
	// 10 ms of distance at 100,000 requests a second.
	muxCredits = 1024
	// muxUnwantedMax bounds those of a link, among them, for which nobody waits any
	// more. Where there are more when the link is looked at, another one takes its place;
	// where time is over for one more, it is given up: so much of it is of use to nobody.
	muxUnwantedMax = muxCredits / 4
	// muxWindowMin is the least number of requests that a link has places for, and
	// muxWindowMax how far apart the oldest that is owed and the newest may be: 256 KiB
	// of places.
	muxWindowMin = 64
	muxWindowMax = 1 << 16
	// muxQuantumBytes is what one client among several may send in a turn, in bytes,
	// and muxAloneBytes the same for one who is alone: as much as can be read.
	muxQuantumBytes = 4 << 10
	muxAloneBytes   = 1 << 30
	// muxGatherTime is for how long requests may wait on a link for those of other
	// clients, while every turn brings some. With 50 clients that ask one by one each
	// call carries about 30 requests then, instead of 8; 300 µs made it no cheaper.
	muxGatherTime = 100 * time.Microsecond
	// muxReserveMax is for how long room is kept for a long line while no link takes a
	// byte: others need not wait with it for a server that stands still.
	muxReserveMax = 100 * time.Millisecond
	// ageSpread is the share of a link's greatest age by which it may be younger, so
	// that those that were opened together are not replaced together.
	ageSpread = 4
	// heldKeptBytes is how much memory a client keeps for replies that wait for older
	// ones while none does, in bytes.
	heldKeptBytes = 4 << 10
	// muxShareMin is how many requests each client may have outstanding, however many
	// clients there are: less than that would cost a turn for every few lines.
	muxShareMin = 8
	// muxPeriod is for how long a client counts that has asked for something.
	muxPeriod = 10 * time.Millisecond
	// muxUnreadMax is for how long a request is not called late because its link was
	// not read to its end: replies to all that may be outstanding are read by then.
	muxUnreadMax = 100 * time.Millisecond
)

// Config is what a proxy is made with. It is not changed afterwards.
type Config struct {
	// Strict answers lines that are not requests here instead of forwarding
	// them.
	Strict bool
	// MaxOutstanding is how many requests of one client may be outstanding;
	// above it the client is not read.
	MaxOutstanding int
	// MaxConns is how many clients are served at once, as far as the descriptor
	// limit allows; 0 derives it from that. Above it the listener waits.
	MaxConns int
	// MaxConnsPerIP is how many clients of one address are served at once; one more
	// is closed at once. 0: as many as there are.
	MaxConnsPerIP int
	// AcceptProxy is whose connections have to begin with a PROXY header, which says
	// who the client is.
	AcceptProxy proxyheader.Trusted
	// SendProxy is the version of the PROXY header with which servers are told of
	// each client, 1 or 2; 0: they are not told.
	SendProxy int
	// MaxMemory bounds the buffers and records of all connections, in bytes.
	// Above it the clients that hold the most are not read.
	MaxMemory int
	// BusyPoll is how long after an event the loop polls instead of waiting; 0:
	// not at all.
	BusyPoll time.Duration
	// Drain is how long outstanding requests have after Drain.
	Drain time.Duration
	// Mux is how many connections to each server all clients share; 0: each client has
	// one of its own. It is strict and fails over, whatever those fields say.
	Mux int
	// LinkMaxAge is how old a shared connection becomes, with Mux, a quarter of that
	// less at most, until another one takes its place. 0: as old as it may.
	LinkMaxAge time.Duration
	// Ordered has each client get its replies in the order of its requests, with Mux.
	Ordered bool
	// OnServerClose says what becomes of the clients of a server that ends.
	OnServerClose ServerClose
	// EndWords are the Data of requests, in any case, behind whose reply the
	// server may close: that close is the client's.
	EndWords []string
	// Balance is how a session gets its server.
	Balance Balance
	// Check is how servers are checked, CheckInterval how often, from start to
	// start, and CheckTimeout how long a check may take.
	Check                       Check
	CheckInterval, CheckTimeout time.Duration
	// RequestTimeout is how long a request waits for its reply. 0: for ever.
	RequestTimeout time.Duration
	// NoServerWait is how long a request waits where no server takes it, with
	// Failover. 0: it is answered at once.
	NoServerWait time.Duration
	// Rebalance gives a server that comes back its share of the sessions again,
	// with Failover.
	Rebalance bool
	// Seed is where the random numbers begin that spread sessions and pauses.
	Seed uint64
	// Client and Server are how connections of either side are treated.
	Client, Server poller.ConnConfig
	// Socket is what is set on every socket.
	Socket poller.SocketOptions
	// Log takes what happens. It must never block.
	Log *zap.Logger
	// RequestLog is told of every request, connect and close; nil: nobody is. It
	// stays the caller's.
	RequestLog *reqlog.Log
}

// DefaultConfig is what the command starts from.
func DefaultConfig() Config {
	c := Config{
		MaxOutstanding: DefaultMaxOutstanding,
		MaxMemory:      defaultMaxMemory(debug.SetMemoryLimit(-1)),
		Drain:          DefaultDrain,
		EndWords:       []string{"QUIT"},
		CheckInterval:  DefaultCheckInterval,
		CheckTimeout:   DefaultCheckTimeout,
		Client:         poller.DefaultConnConfig(),
		Server:         poller.DefaultConnConfig(),
		Socket:         poller.DefaultSocketOptions(),
		Log:            zap.NewNop(),
	}
	c.Client.AbandonOnReset = true
	c.Server.ConnectTimeout = DefaultConnectTimeout
	c.Server.KeepUnsent = true
	return c
}

// defaultMaxMemory is half of the process's memory limit where one is set that
// is below twice the default.
func defaultMaxMemory(limit int64) int {
	return int(min(DefaultMaxMemory, limit/2))
}

// check refuses what cannot work.
func (c *Config) check() error {
	switch {
	case c.MaxOutstanding < 1:
		return errors.New("at least one request must be allowed to be outstanding")
	case c.MaxConns < 0 || c.MaxMemory < 1 || c.Drain < 0 || c.BusyPoll < 0 || c.RequestTimeout < 0 || c.NoServerWait < 0:
		return errors.New("limits must be positive")
	case c.Check != CheckOff && (c.CheckInterval < checkSpread || c.CheckTimeout < 1):
		return errors.New("checks need an interval and a timeout")
	case slices.ContainsFunc(c.EndWords, func(w string) bool { return len(w) < 1 || len(w) > EndWordBytesMax }):
		return fmt.Errorf("end words have 1 to %d bytes", EndWordBytesMax)
	case c.MaxConnsPerIP < 0:
		return errors.New("the number of clients of one address must be positive")
	case c.SendProxy < 0 || c.SendProxy > 2:
		return fmt.Errorf("there is no version %d of the PROXY header", c.SendProxy)
	case c.Mux < 0:
		return errors.New("the number of shared connections must be positive")
	case c.LinkMaxAge < 0 || c.LinkMaxAge > 0 && c.Mux == 0:
		return errors.New("only shared connections have a greatest age, which is positive")
	case c.Ordered && c.Mux == 0:
		return errors.New("replies are only held back where connections are shared")
	case c.Mux > 0 && c.SendProxy > 0:
		return errors.New("a shared connection to a server has no one client of which a PROXY header could tell")
	}
	return errors.Join(checkSide("client", &c.Client), checkSide("server", &c.Server))
}

// checkSide refuses what cannot work for one side's connections.
func checkSide(side string, c *poller.ConnConfig) error {
	switch {
	case c.MaxLine < 1 || c.TurnBytes < 1 || c.TurnLines < 1 || c.LowMark < 0:
		return fmt.Errorf("%s side: limits must be positive", side)
	case c.HighMark < c.MaxLine:
		return fmt.Errorf("%s side: the output limit (%d bytes) must hold the longest line (%d bytes)", side, c.HighMark, c.MaxLine)
	case c.LowMark > c.HighMark:
		return fmt.Errorf("%s side: reading cannot resume at %d bytes of output where %d are the limit", side, c.LowMark, c.HighMark)
	}
	return nil
}

// maxConns derives the number of clients from the descriptor limit, so that
// this limit bites before the kernel's does. More than that is never served: a
// client without a descriptor for its server would have to be closed.
func (c *Config) maxConns(descriptors, servers int) int {
	if c.Check != CheckOff {
		descriptors -= servers // each may be checked at any moment
	}
	most := max(1, (descriptors-descriptorsKept)/descriptorsPerSession)
	if c.Mux > 0 {
		most = max(1, descriptors-descriptorsKept-c.Mux*servers)
	}
	if c.MaxConns > 0 {
		return min(c.MaxConns, most)
	}
	return most
}
