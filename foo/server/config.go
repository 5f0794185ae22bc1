// config.go owns every bound and default of the package, with its unit and its
// reason.

package server

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/rcrowley/go-metrics"
	"go.uber.org/zap"

	"fooproxy/foo/kv"
	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
)

const (
	// DefaultDrain is how long clients have, after Drain, to get their replies
	// and to end their side.
	DefaultDrain = 10 * time.Second

	// descriptorsKept is how many descriptors the process needs for itself:
	// standard streams, epoll, eventfd, listeners, log, a few for luck. The
	// server's own limit must bite before the kernel's does.
	descriptorsKept = 32

	// replyBytesMax is how many bytes a reply may be longer than the line it
	// answers. "NAK ", 19 digits, a blank, the longest reason (22 bytes) and LF
	// are 47, and an echo is never longer than its line. What a word answers, or is told
	// who said none, may be longer: up to answerBytesMax, once beyond what fits.
	replyBytesMax = 48

	// answerBytesMax is the longest answer of a word, in bytes: the longest value, or
	// as much as show tells, and around it type, Seq and LF.
	answerBytesMax = kv.ShowBytesMax + replyBytesMax

	// whoTold is how many clients WHO names. 100 are 5 KiB where their addresses are
	// long.
	whoTold = 100

	// pendingMax is how much may wait in the order of a client's replies because the
	// store has not answered: operations, and batches of replies behind them. Half of
	// what the store takes, so that one client leaves something to others.
	pendingMax = 1024
	// pendingReadsMax is how many of these may have long answers, which all may come
	// before the client takes any: 1 MiB.
	pendingReadsMax = 32
	// answersHeldMax is how many bytes all connections may hold while a client is
	// given that many: half of what those of a proxy may. Above it one long answer at a
	// time has to do, so that thousands of clients who take nothing cost a window
	// and an answer each, and not 1 MiB.
	answersHeldMax = 64 << 20

	// readRoomMin is the least room, in bytes, for which a client is read whose
	// replies wait for their time: less would mean thousands of tiny reads.
	readRoomMin = 2 << 10

	// delayedBatchesMax bounds how many batches of replies of one client wait
	// for their time, beside the bytes they hold: one byte a turn would
	// otherwise cost a record each. 1,024 records are 24 KiB.
	delayedBatchesMax = 1024

	// spareLinesMax is how many empty delay lines are kept for the next clients.
	spareLinesMax = 64
	// spareLineBytes is the most memory, in bytes of replies, that a kept delay
	// line may hold: what a typical client needs, so 256 KiB in all.
	spareLineBytes = 4 << 10
	// spareLineBatches is the same in batches.
	spareLineBatches = 64

	// scratchBytesKept is how large the buffer may stay in which replies are
	// made: one window of output. Longer replies are rare.
	scratchBytesKept = 128 << 10
)

// Config is what a server is made with. It is not changed afterwards.
type Config struct {
	// Sys is the kernel to stand on. It serves this server alone; who made it
	// shuts it after Run.
	Sys poller.Sys
	// Log takes what happens. It must never block.
	Log *zap.Logger
	// Registry gets the counters; it must be this server's own.
	Registry metrics.Registry
	// Conn is how clients are treated.
	Conn poller.ConnConfig
	// Socket is what is set on every socket.
	Socket poller.SocketOptions
	// MaxConns is how many clients are served at once; above it the others wait
	// in the kernel's queue. 0 derives it from the descriptor limit, and it is
	// never more than that.
	MaxConns int
	// AcceptProxy is whose connections have to begin with a PROXY header, which says
	// who the client is.
	AcceptProxy proxyheader.Trusted
	// NakRate is the share of requests, 0 to 1, that get a NAK for no reason.
	NakRate float64
	// Random decides which ones. It belongs to the loop, and is needed only
	// where NakRate is not 0.
	Random *rand.Rand
	// Store keeps the keys and their values. It serves this server alone, and is
	// started by it; who made it closes it after Run. Without one they are kept in
	// memory.
	Store kv.Store
	// Echo has a request that begins with no word answered with its data.
	Echo bool
	// Plain has a line answered that is not Foo but begins with a word.
	Plain bool
	// Delay is how much later each reply leaves.
	Delay time.Duration
	// Drain is how long Run goes on after Drain at most.
	Drain time.Duration
}

// DefaultConfig is what the command starts from; Sys is for the caller to add.
func DefaultConfig() Config {
	c := Config{
		Log:      zap.NewNop(),
		Registry: metrics.NewRegistry(),
		Conn:     poller.DefaultConnConfig(),
		Socket:   poller.DefaultSocketOptions(),
		Drain:    DefaultDrain,
		Echo:     true,
		Plain:    true,
	}
	// Nothing can be delivered to a client whose connection was reset.
	c.Conn.AbandonOnReset = true
	return c
}

// check refuses what cannot work.
func (c *Config) check() error {
	switch {
	case c.Sys == nil || c.Log == nil || c.Registry == nil:
		return errors.New("a server needs a kernel, a log and a registry")
	case c.MaxConns < 0:
		return fmt.Errorf("the number of clients (%d) is negative", c.MaxConns)
	case !(c.NakRate >= 0 && c.NakRate <= 1): // NaN fails this too
		return fmt.Errorf("the share of NAKs (%v) is not between 0 and 1", c.NakRate)
	case c.NakRate > 0 && c.Random == nil:
		return errors.New("a share of NAKs needs a random source")
	case c.Delay < 0 || c.Drain < 0:
		return errors.New("times are not negative")
	case c.Conn.MaxLine < 1 || c.Conn.HighMark < 1 || c.Conn.LowMark > c.Conn.HighMark:
		return errors.New("the limits of a connection contradict each other")
	}
	return nil
}

// maxConns is how many clients are served at once.
func (c *Config) maxConns(descriptorLimit int) int {
	most := max(1, descriptorLimit-descriptorsKept)
	if c.MaxConns > 0 {
		return min(c.MaxConns, most)
	}
	return most
}
