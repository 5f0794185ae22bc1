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

	// What misfortunes may cost at most. A late wait is one of a busy machine.
	lateWaitMax    = 20 * time.Millisecond
	slowConnectMax = 1500 * time.Millisecond // beyond the usual connect timeout of 1 s
	laterRoomMax   = 20 * time.Millisecond
	sharedMax      = 20 * time.Millisecond
	// pauseBits is how many powers of two of microseconds a pause is drawn from.
	pauseBits = 22
	// smallBatchMax is the largest batch that is called small.
	smallBatchMax = 8
	// shortWriteBits is how many powers of two a short write is drawn from: up
	// to 4 KiB.
	shortWriteBits = 12

	// restTurns bounds the turns a loop may take to come to rest. A loop that
	// needs more than this many without a look at the clock spins.
	restTurns = 100_000
)

// stalls are how long a process stands still: some a little longer than a short
// timeout, some longer than any that is not in minutes.
var stalls = [...]time.Duration{60 * time.Millisecond, 120 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 3 * time.Second}
