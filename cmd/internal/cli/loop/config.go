package loop

import "time"

// This file owns every limit of the package, with unit and reason.

const (
	// abortFlushMax is how long an abort waits for the log's last line. The
	// dump that follows does not go through the log.
	abortFlushMax = 500 * time.Millisecond

	// logFlushMax is how long the end of the process waits for whoever reads
	// stderr.
	logFlushMax = time.Second

	// descriptorsMin is the least descriptor limit that a command starts with:
	// what it needs for itself, 32, and a few clients.
	descriptorsMin = 40

	// listenLookup bounds the look-up of the name to listen on. Whoever starts a
	// command waits for it.
	listenLookup = 10 * time.Second
)
