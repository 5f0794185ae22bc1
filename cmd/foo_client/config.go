// This file owns every limit of the command, each with its unit and its
// reason. It must not know how the limits are enforced.
package main

import (
	"time"

	"fooproxy/foo"
)

const (
	// connectTimeout bounds the resolution of the servers' names, and in a
	// conversation the first search for an address that answers; all of them share
	// it.
	connectTimeout = 10 * time.Second

	// busyRetry is how long a check waits before it asks a unix socket again whose
	// queue was full: far less than anybody notices.
	busyRetry = 10 * time.Millisecond

	// reconnectDefault is how long a server is looked for after a loss where there
	// are several: a proxy that dies is replaced at once by another, and one that is
	// started anew is back in that time. reconnectMax is what -reconnect takes.
	reconnectDefault, reconnectMax = 5 * time.Second, 24 * time.Hour

	// backoffMin and backoffMax are how long is waited between two rounds in which
	// each server was tried once; each time it is twice as long.
	backoffMin, backoffMax = 100 * time.Millisecond, time.Second

	// dialTimeoutMin is the least that one address gets of the time in which a
	// server is looked for, however many they are: a lost SYN is sent again after a
	// second.
	dialTimeoutMin = 1200 * time.Millisecond

	// batchBytes is how much of stdin is read ahead, in bytes: a line of the
	// greatest length always fits.
	batchBytes = foo.LineBytesMax

	// outstandingMax is how many requests from stdin may wait for their reply.
	// Above it stdin is not read: the numbers of what is outstanding are kept.
	outstandingMax = 1 << 16

	// waitMin and waitMax bound how long missing replies are waited for. The
	// lower one leaves room for the watch, which looks ten times in that time.
	waitMin, waitMax = 100 * time.Millisecond, 24 * time.Hour

	// durationMin bounds the length of a load run from below: in less time
	// nothing is measured.
	durationMin = time.Millisecond

	// progressInterval is how often the progress of a load run is shown: as often
	// as the eye follows. progressReadings is over how many of these times its
	// rate is taken: a second.
	progressInterval = 100 * time.Millisecond
	progressReadings = 11

	// terminalColumns is the width of a terminal that does not tell it.
	terminalColumns = 80

	// complaintsMax is how many lines about lost connections are printed; of
	// the rest only the number.
	complaintsMax = 5
)
