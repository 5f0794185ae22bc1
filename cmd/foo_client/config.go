// This file owns every limit of the command, each with its unit and its
// reason. It must not know how the limits are enforced.
package main

import (
	"time"

	"fooproxy/foo"
)

const (
	// connectTimeout bounds the resolution of the server's name and the search
	// for an address of it that answers, for one connection.
	connectTimeout = 10 * time.Second

	// dialsMax is how many connections of a load run are opened at a time: few
	// enough to fit into any listener's queue.
	dialsMax = 64

	// outstandingMax is how many requests from stdin may wait for their reply.
	// Above it stdin is not read: the numbers of what is outstanding are kept.
	outstandingMax = 1 << 16

	// requestsMax bounds the requests of one load run: more than a month at the
	// rate of a fast server.
	requestsMax = 1e12

	// connectionsMax bounds the connections of one load run: what one pair of
	// addresses has ports for.
	connectionsMax = 60_000

	// depthMax bounds the requests outstanding on one connection of a load run.
	depthMax = 1 << 16

	// windowsMax bounds the requests outstanding on all connections together;
	// each costs 9 bytes here and a line in the kernel.
	windowsMax = 1 << 22

	// payloadBytesMax is the longest Data that fits into a line with any Seq.
	payloadBytesMax = foo.LineBytesMax - len("REQ 9223372036854775807 \n")

	// rateMax is in requests a second: above what one machine's loopback does.
	rateMax = 100_000_000

	// waitMin and waitMax bound how long missing replies are waited for. The
	// lower one leaves room for the watch, which looks ten times in that time.
	waitMin, waitMax = 100 * time.Millisecond, 24 * time.Hour

	// strayWait is how long a load run listens for replies that nobody asked
	// for, after the last one that was.
	strayWait = time.Second

	// latencyMax is the longest latency that is told apart; longer ones count
	// as this one.
	latencyMax = time.Hour

	// latencyBatch is how many latencies a connection collects before it takes
	// the lock of the histogram that all share.
	latencyBatch = 64

	// complaintsMax is how many lines about lost connections are printed; of
	// the rest only the number.
	complaintsMax = 5
)
