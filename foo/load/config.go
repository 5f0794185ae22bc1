// config.go owns every bound of the package, with its unit and its reason, and
// what a run may be asked for.

package load

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"fooproxy/foo"
	"fooproxy/poller"
)

// What a run may be asked for. The command's flags refuse more.
const (
	// RequestsMax bounds the requests of one run: more than a month at the rate
	// of a fast server.
	RequestsMax = 1e12

	// ConnectionsMax bounds the connections of one run: what one pair of
	// addresses has ports for.
	ConnectionsMax = 60_000

	// DepthMax bounds the requests outstanding on one connection.
	DepthMax = 1 << 16

	// WindowsMax bounds the requests outstanding on all connections together;
	// each costs 8 bytes here and a line in the kernel.
	WindowsMax = 1 << 22

	// DataBytesMax is the longest Data that fits into a line with any Seq.
	DataBytesMax = foo.LineBytesMax - len("REQ 9223372036854775807 \n")

	// RateMax is in requests a second: above what one machine's loopback does.
	RateMax = 100_000_000

	// DurationMax bounds a run by time. Times are exact to the nanosecond for
	// longer than that.
	DurationMax = 30 * 24 * time.Hour
)

const (
	// descriptorsReserve is how many descriptors are left to everything that is
	// no connection of the run.
	descriptorsReserve = 32

	// dialsMax is how many connections are opened at a time: few enough to fit
	// into any listener's queue.
	dialsMax = 64

	// connectTimeout bounds the search for an address that answers, for one
	// connection: longer than three lost SYNs, shorter than a person's patience.
	connectTimeout = 10 * time.Second

	// backoffMin and backoffMax are how long a connection that has lost its server
	// waits between two rounds in which it tries each address once; each time it is
	// twice as long.
	backoffMin, backoffMax = 100 * time.Millisecond, time.Second

	// dialTimeoutMin is the least that one address gets of the time in which a server
	// is looked for, however many they are: a lost SYN is sent again after a second.
	dialTimeoutMin = 1200 * time.Millisecond

	// partingsMax is how many losses of connections that went on are told one by one.
	partingsMax = 5

	// startsPerTurn is how many connections send their first requests in one
	// turn. More of them would make a turn so long that the first replies lie
	// about, and their latency tells of that.
	startsPerTurn = 64

	// turnLines is how many replies of one connection are read in a turn: what
	// a read of 64 KiB holds of short ones, so that none is put aside.
	turnLines = 8 << 10

	// outputMark is how many bytes of requests wait for the kernel on one
	// connection; outputLow is when more are made.
	outputMark, outputLow = 64 << 10, 32 << 10

	// looksPerWait is how often, in the time after which replies are missing, it
	// is looked whether some have come.
	looksPerWait = 10

	// strayWait is how long a run listens for replies that nobody asked for,
	// after the last one that was.
	strayWait = time.Second

	// latencyMax is the longest latency that is told apart in the histogram;
	// longer ones count as this one. latencyDigits is how exactly: 3 digits cost
	// 264 KiB.
	latencyMax    = time.Hour
	latencyDigits = 3

	// mixBytesMax and mixLinesMax bound the file of a mix. It is kept in memory.
	mixBytesMax = 64 << 20
	mixLinesMax = 1 << 20

	// barWidth and chartWidth are the lengths of the bars in the progress line
	// and in the chart, in columns: together with their figures they fit into 80.
	barWidth, chartWidth = 20, 40
)

// Config is what a run is asked for. It is copied.
type Config struct {
	// Sys is the kernel of the run's loop. An open loop wants one whose waits are
	// precise: poller.PreciseKernel.
	Sys poller.Sys
	// Servers have addresses each, in the order in which to try them. The
	// connections begin with the servers in turn, and all servers are the same to
	// them.
	Servers [][]poller.Addr
	// Reconnect is how long a connection looks for a server that answers after it
	// has lost one. 0: the loss is its end.
	Reconnect time.Duration
	// Requests are sent in all; 0: as many as Duration has time for.
	Requests int
	// Duration ends the run; 0: Requests do. Where both are given it is the first
	// of them.
	Duration time.Duration
	// Connections are opened, and Depth requests may be outstanding on each.
	Connections, Depth int
	// Size is how many bytes of Data each request has, where there is no Mix.
	Size int
	// Rate is how many requests a second are due, on all connections together.
	// 0: each is sent as soon as there is room for it.
	Rate int
	// Mix, where it is not nil, is where the Data of the requests come from.
	Mix *Mix
	// AnyData takes ACKs with any Data for right.
	AnyData bool
	// Wait is how long no reply may come before those outstanding are missing.
	Wait time.Duration
}

// check refuses what is no run at all. The command has refused it already, with
// the name of the flag.
func (c *Config) check() error {
	switch {
	case c.Sys == nil:
		return errors.New("load: there is no kernel")
	case len(c.Servers) == 0 || slices.ContainsFunc(c.Servers, func(s []poller.Addr) bool { return len(s) == 0 }):
		return errors.New("load: there is no address")
	case c.Reconnect < 0 || c.Reconnect > DurationMax:
		return errors.New("load: no server is looked for so long")
	case c.Requests < 0 || c.Requests > RequestsMax || c.Duration < 0 || c.Duration > DurationMax:
		return errors.New("load: no run is that long")
	case c.Requests == 0 && c.Duration == 0:
		return errors.New("load: neither requests nor a duration end the run")
	case c.Connections < 1 || c.Connections > ConnectionsMax:
		return fmt.Errorf("load: %d connections are not between 1 and %d", c.Connections, ConnectionsMax)
	case c.Depth < 1 || c.Depth > DepthMax || c.Depth*c.Connections > WindowsMax:
		return fmt.Errorf("load: a depth of %d is not possible", c.Depth)
	case c.Size < 0 || c.Size > DataBytesMax:
		return fmt.Errorf("load: %d bytes of Data do not fit into a line", c.Size)
	case c.Rate < 0 || c.Rate > RateMax:
		return fmt.Errorf("load: %d requests a second are not possible", c.Rate)
	case c.Wait <= 0:
		return errors.New("load: there is no time to wait for replies")
	}
	return nil
}
