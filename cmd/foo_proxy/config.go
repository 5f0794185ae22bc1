// This file owns every limit of the command, with its unit and its reason. It
// must not know how the limits are enforced.

package main

import "time"

const (
	// portDefault is one above the port that the README's server listens on.
	portDefault = 8001
	// serverPortDefault is that port.
	serverPortDefault = 8000

	// firstLookup bounds the wait for the servers' names at the start. Clients
	// wait as long; later look-ups keep nobody waiting.
	firstLookup = time.Second
	// lineBytesLow and lineBytesHigh bound -max-line, in bytes: a shortest
	// request must fit, and each client may cost a buffer of the longest line.
	lineBytesLow  = 64
	lineBytesHigh = 16 << 20

	// outputHigh bounds -max-output, in bytes, for the same reason.
	outputHigh = 64 << 20
	// memoryLow and memoryHigh bound -max-memory, in bytes: a few buffers, and
	// more than any host has.
	memoryLow  = 1 << 20
	memoryHigh = 1 << 40
	// turnBytesLow and turnBytesHigh bound -turn-bytes: a read must be worth its
	// call, and fit the loop's buffer.
	turnBytesLow  = 1 << 10
	turnBytesHigh = 64 << 10
	// turnLinesHigh bounds -turn-lines.
	turnLinesHigh = 1 << 16

	// connsHigh bounds -max-conns: Linux allows no process more descriptors.
	connsHigh = 1 << 30
	// outstandingHigh bounds -max-outstanding: 3 MiB of records a client, and as
	// many to look through for a reply out of order.
	outstandingHigh = 1 << 16
	// backlogHigh bounds -backlog; the kernel cuts it to somaxconn anyway.
	backlogHigh = 1 << 16

	// muxHigh bounds -mux: with so many connections there is nothing left that sharing
	// them saves.
	muxHigh = 64
	// checkLow bounds -check-interval: more often is a load of its own.
	checkLow = 10 * time.Millisecond

	// timeLow keeps timeouts above 0 that would otherwise mean no bound.
	timeLow = time.Millisecond
	// busyPollHigh bounds -busy-poll: a core that polls for longer than that after
	// the last byte serves nobody.
	busyPollHigh = time.Second
	// timeHigh bounds every duration: longer is a slip of the keyboard.
	timeHigh = 24 * time.Hour
)
