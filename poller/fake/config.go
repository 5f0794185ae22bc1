// config.go owns every bound of the package, with its unit and its reason.

package fake

import "time"

const (
	// sendBufferBytes is what a socket holds of its own output while its peer
	// has no room, unless its options say less. Twice what a connection of the
	// loop may have waiting, so that one write never fills an idle socket.
	sendBufferBytes = 128 << 10
	// receiveBufferBytes is the receive window: the usual first one of Linux.
	receiveBufferBytes = 64 << 10
	// queueBytesMin is the first size of a byte queue, which then doubles up to
	// its limit: many tests open thousands of sockets and send a line on each.
	queueBytesMin = 256

	// firstDescriptor is the lowest number given out. 0, 1 and 2 are taken in
	// every process.
	firstDescriptor = 3
	// descriptorLimit is the usual soft limit of a process.
	descriptorLimit = 1024

	// The ports that clients get when they name none are those of Linux; the
	// ports of listeners that name none lie below, so the two never meet by
	// accident.
	firstClientPort   = 32768
	lastClientPort    = 60999
	firstListenerPort = 20001

	// firstRetry is when a SYN that was dropped is sent again; each later try
	// waits twice as long.
	firstRetry = time.Second

	// restTurns bounds the turns a loop may take to come to rest. A loop that
	// needs more than this many without a look at the clock spins.
	restTurns = 100_000
)
