// config.go owns every bound and default of the package, with its unit and its
// reason.

package proxy

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

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

	// dialAddrsMax bounds the addresses of a server that one dial tries; a name has
	// a few.
	dialAddrsMax = 255
	// dialsAnewMax bounds how often a dial begins anew since its server's name has
	// other addresses. Some names answer in another order each time.
	dialsAnewMax = 4

	// favourTime is how long one client may be read although memory is short,
	// because only that can free what it holds.
	favourTime = time.Second

	// shortageRetry is how often those ask again who wait for memory or for a
	// descriptor.
	shortageRetry = 100 * time.Millisecond
	// complaintInterval bounds each kind of complaint about a lasting state.
	complaintInterval = time.Second
	// lossGather is how long the losses of one server's death are gathered into
	// one line of the log.
	lossGather = 100 * time.Millisecond

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
	// MaxMemory bounds the buffers and records of all connections, in bytes.
	// Above it the clients that hold the most are not read.
	MaxMemory int
	// BusyPoll is how long after an event the loop polls instead of waiting; 0:
	// not at all.
	BusyPoll time.Duration
	// Drain is how long outstanding requests have after Drain.
	Drain time.Duration
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
		Client:         poller.DefaultConnConfig(),
		Server:         poller.DefaultConnConfig(),
		Socket:         poller.DefaultSocketOptions(),
		Log:            zap.NewNop(),
	}
	c.Client.AbandonOnReset = true
	c.Server.ConnectTimeout = DefaultConnectTimeout
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
	case c.MaxConns < 0 || c.MaxMemory < 1 || c.Drain < 0 || c.BusyPoll < 0:
		return errors.New("limits must be positive")
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
func (c *Config) maxConns(descriptors int) int {
	most := max(1, (descriptors-descriptorsKept)/descriptorsPerSession)
	if c.MaxConns > 0 {
		return min(c.MaxConns, most)
	}
	return most
}
