package reqlog

// This file owns every limit of the package, with its unit and its reason.

import (
	"time"

	"go.uber.org/zap"
)

// Stdout is the path that stands for standard output.
const Stdout = "-"

const (
	// ringEntries is how many lines may wait for the writer, a power of two: what
	// a busy loop logs in about half a second (300,000 lines a second), which is
	// longer than a healthy disk makes anybody wait. At 88 B each it is 11 MiB.
	ringEntries = 1 << 17

	// batchBytes is how many bytes of lines are gathered for one write. More
	// would not make a byte cheaper, and would no longer fit a core's cache.
	batchBytes = 256 << 10
	// lineBytesMax is more than any line takes: two addresses of 128 B at most,
	// five numbers of 20 digits, and the words between them.
	lineBytesMax = 1 << 10
	// unixPathBytesMax is the longest path of a unix socket, in bytes.
	unixPathBytesMax = 107

	// gatherTime is how long the writer waits for more lines after it has written
	// some. A busy loop so wakes nobody, and what is read with tail -f is no
	// older than this.
	gatherTime = 50 * time.Millisecond

	// retryInterval is how often a file that cannot be written, or not be opened,
	// is tried again.
	retryInterval = time.Second
	// writeWait bounds one write to a fifo whose reader does not read, so that a
	// request to reopen the file is heard.
	writeWait = time.Second
	// slowWait bounds one write to a fifo whose reader reads, but slowly.
	slowWait = 10 * time.Second
	// complaintInterval bounds the complaints about a ring that is full.
	complaintInterval = time.Second

	// closeWait bounds what the end of the process waits for whoever takes the
	// lines.
	closeWait = time.Second

	// peersCached is how many connections' addresses are kept as text, a power of
	// two. Making them anew costs as much as the rest of the line twice over; kept
	// they are 150 B each, 600 KiB.
	peersCached = 4096

	// fileMode: the lines tell who asked, which is not for everybody.
	fileMode = 0o640
)

// Config is what a log is made with.
type Config struct {
	// Path is the file that lines are appended to, or Stdout.
	Path string
	// Slow leaves out requests that took less, and all lines about connections.
	// 0: everything is logged.
	Slow time.Duration
	// Epoch is the wall clock, in nanoseconds since 1970, when the loop's clock
	// stood at 0. It is read once, so that the times of the lines never jump.
	Epoch int64
	// UnixServers are the paths of the servers that are reached through unix
	// sockets, by the numbers of UnixServer.
	UnixServers []string
	// Log takes what happens to the log itself.
	Log *zap.Logger
}
