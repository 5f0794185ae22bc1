// config.go owns every bound of the package, with its unit and its reason.

package poller

import "time"

const (
	// eventsPerWait bounds one batch of edges. 512 keeps the array in the first
	// level cache; what is left in the kernel comes with the next turn.
	eventsPerWait = 512

	// waitMillisMax bounds one wait to a day, so that no deadline overflows the
	// kernel's 32 bits of milliseconds.
	waitMillisMax = 24 * 60 * 60 * 1000

	// preciseNear is how near a deadline is waited for with a precise timer: more
	// than the millisecond by which an ordinary wait may be late, and not so much
	// that its second system call is paid without need.
	preciseNear = 2 * time.Millisecond

	// readBufferBytes is the loop's one read buffer. A read never takes more
	// than a connection's budget for a turn, and 64 KiB already spreads the
	// price of a system call over a thousand short lines.
	readBufferBytes = 64 << 10

	// turnWorkMax bounds what all connections together may do in one turn, in
	// lines; a KiB costs about as much as four of them, and so does being served
	// at all. 16,384 are a few milliseconds: without a bound a thousand peers that
	// send without end make a turn of 64 MiB.
	turnWorkMax = 16 << 10
	// workPerServe and workPerKiB are that price in lines.
	workPerServe, workPerKiB = 4, 4

	// callsPerServe caps the reads or writes that one connection makes in one
	// turn whatever the kernel answers, so that a peer whose every byte costs a
	// call cannot hold the loop.
	callsPerServe = 64

	// eAgainDoubts is how often a read is made again that found nothing beside an
	// urgent byte. One signal in that moment is rare, and a second one in the next;
	// a peer that announces urgent bytes and never sends them costs so many calls.
	eAgainDoubts = 2

	// gatherBytesMax is how much output is written without waiting for more: a call
	// for as much costs little beside what it carries.
	gatherBytesMax = 16 << 10

	// acceptsPerTurn bounds how many clients one turn lets in; the rest stay in
	// the kernel's queue and the listener on the ready list.
	acceptsPerTurn = 64

	// acceptRetry is how long a listener rests after the process or the host
	// has run out of descriptors or memory. The kernel never reports that queue
	// again by itself; every close tries earlier.
	acceptRetry = 100 * time.Millisecond

	// acceptComplaint bounds the reports of a resting listener to one a second.
	acceptComplaint = time.Second

	// placeRetry is how long a dial waits before it asks a unix socket again whose
	// queue was full. The kernel does not tell of room; 10 ms is a hundredth of the
	// usual connect timeout, and far above what the question costs.
	placeRetry = 10 * time.Millisecond

	// folderLockMax bounds the wait for the lock of the directory in which the file
	// of a unix socket is made: others hold it for as long as a bind and a connect
	// take. folderLockLast bounds it at the end of the process, which must not keep
	// whoever waits for that. folderLockRetry is how often it is tried.
	folderLockMax   = 2 * time.Second
	folderLockLast  = 100 * time.Millisecond
	folderLockRetry = 5 * time.Millisecond

	// readRoomMin is the least room worth a read. Below it the other side
	// counts as full, so that a nearly full buffer does not turn into thousands
	// of tiny reads.
	readRoomMin = 2 << 10

	// pageBytes is the unit in which the buffer pool takes memory, and its
	// largest ordinary block.
	pageBytes = 128 << 10
	// blockBytesMin is the smallest block: a typical line.
	blockBytesMin = 64

	// sparePages is how many empty pages the pool keeps between two trims
	// (1 MiB): enough that a steady load never allocates.
	sparePages = 8
	// trimInterval is how often memory beyond that is given back.
	trimInterval = 10 * time.Second

	// judgePutOffMax is how many full batches in a row may keep the timers
	// waiting: as many as it takes to hear of 20,000 descriptors.
	judgePutOffMax = 40

	// stallMin is how late the loop must be for its lateness to count as a stall,
	// and how much longer than that those get who are judged next: a turn takes
	// far less, and no timeout of a connection is worth a mistake of 100 ms.
	stallMin = 100 * time.Millisecond

	// slotsPerChunk is the unit in which the table of descriptors grows: 12 KiB.
	slotsPerChunk = 512

	// spareTimersMax is how many timers of former connections are kept for the
	// next ones (48 KiB): enough for a turn that closes and opens many.
	spareTimersMax = 1024
	// spareInputsMax is the same for what connections keep of their input.
	spareInputsMax = 1024

	// MailboxCapacity bounds the messages of outsiders that wait for the loop;
	// above it they get "busy". As many places again are kept for completions
	// of work that the loop itself has asked for.
	MailboxCapacity = 4096
	// mailPerTurn bounds how much of the mailbox one turn reads.
	mailPerTurn = 64

	// WatchdogWarn is how long a turn may take before it is reported. A turn
	// has no wait in it, so 100 ms is a fault, not a load.
	WatchdogWarn = 100 * time.Millisecond
	// WatchdogAbort is how long a turn may take before the process gives up
	// with a dump of all stacks: its clients are better served by a restart.
	WatchdogAbort = 2 * time.Second
	// watchdogInterval is how often the watchdog looks. A look that itself
	// comes late by more than half of WatchdogWarn means that the whole process
	// stood still, and is no fault of the turn.
	watchdogInterval = 25 * time.Millisecond
)

// ConnConfig is what all connections of one kind have in common. It is shared,
// never copied, and must not change while a connection uses it.
type ConnConfig struct {
	// MaxLine is the longest line in bytes, LF included.
	MaxLine int
	// HighMark is how many bytes of output may wait; above it Room is 0.
	HighMark int
	// LowMark is the level, in bytes, at which OnRoom is called after Room was
	// refused.
	LowMark int
	// TurnBytes and TurnLines are what one connection may read in one turn.
	TurnBytes, TurnLines int
	// ConnectTimeout bounds a dial. 0: the kernel's own limit, which a unix socket
	// whose queue stays full has not got.
	ConnectTimeout time.Duration
	// IdleTimeout closes a connection on which no byte moved. 0: never.
	IdleTimeout time.Duration
	// LineTimeout closes a connection whose unfinished line is older than this,
	// counted from its first byte; while we do not read, it does not count, and
	// begins anew when we do. 0: never.
	LineTimeout time.Duration
	// WriteTimeout closes a connection that has accepted no byte of waiting
	// output for so long. 0: never.
	WriteTimeout time.Duration
	// LingerTimeout bounds how long a closing connection reads and discards
	// what its peer still sends, after our FIN.
	LingerTimeout time.Duration
	// AbandonOnReset closes a connection that is not being read as soon as the
	// kernel reports its reset. Right for clients, to whom nothing can be
	// delivered any more; wrong for servers, whose last replies may still wait
	// in the kernel.
	AbandonOnReset bool
	// KeepUnsent keeps output that the peer does not take any more, so that it can
	// be taken back and go to somebody else. Otherwise it is dropped.
	KeepUnsent bool
	// GatherTime is for how long output may wait for more, while every turn brings
	// something new and takes less than that. It is written in the first turn that
	// brings nothing. 0: it is written in each turn.
	GatherTime time.Duration
	// ReadToEAGAIN never takes a short read for "drained".
	ReadToEAGAIN bool
}

// DefaultConnConfig is the configuration that the commands start from.
func DefaultConnConfig() ConnConfig {
	return ConnConfig{
		MaxLine:       64 << 10, // a line must fit the memory a client may cost
		HighMark:      64 << 10, // one window of output, so that a slow reader costs no more
		LowMark:       32 << 10, // half: enough to keep the reader busy while we read again
		TurnBytes:     64 << 10, // one read buffer
		TurnLines:     256,      // about 0.1 ms of parsing
		LingerTimeout: 5 * time.Second,
	}
}

// DefaultSocketOptions is what the commands set on every socket.
func DefaultSocketOptions() SocketOptions {
	return SocketOptions{
		Backlog:      4096, // a burst of connects waits instead of being dropped
		KeepIdle:     30 * time.Second,
		KeepInterval: 10 * time.Second,
		KeepCount:    3,
		// The kernel counts a peer that is alive but does not read as silent, so
		// this must be far above any pause that a healthy reader makes.
		UserTimeout:  5 * time.Minute,
		NotSentLowat: 16 << 10, // without it a peer that never reads costs megabytes in the kernel
	}
}
