package main

import "time"

// This file owns every limit and fixed figure of the comparison, with unit and
// reason.

const (
	// roundsDefault is how often each program is run in a shape. With 15 rounds the
	// median of the ratios moves by about a third of what a single ratio does.
	roundsDefault = 15
	roundsMax     = 1000

	// The length of a measured run. Its connections are opened and closed within it,
	// which with 500 of them is some per cent of the CPU time of 2 s. Beyond that more
	// rounds tell more than longer ones: what disturbs a machine comes and goes in
	// seconds.
	durationDefault = 2 * time.Second
	durationMin     = 50 * time.Millisecond
	durationMax     = time.Minute

	// warmUp comes before each measured run: the program that ran before has
	// emptied the caches, and a program's buffers grow with its first requests.
	warmUp = 100 * time.Millisecond

	// sizeDefault is the Data of a request, in bytes.
	sizeDefault = 32
	sizeMax     = 60000 // below the longest line of every program

	// Bounds of a shape: what a port range and a pipeline can hold.
	connectionsMax = 10000
	depthMax       = 1024
	shapesMax      = 16

	// busyEnough is the share of its core that a proxy must have been busy for a
	// throughput to be its own and not the load generator's or the server's.
	busyEnough = 0.95

	// openShare is the part of the capacity at which latency is measured. At full
	// load latency tells only how long the queue is.
	openShare = 0.5

	// startWait is how long a program may take until it listens. They take
	// milliseconds; this is for a machine that is busy with something else.
	startWait = 10 * time.Second
	dialPause = 10 * time.Millisecond // between two looks whether it does

	// endWait is how long a program may take to end when asked to. Then it is
	// killed.
	endWait = 3 * time.Second

	// runWait is how long a load run may take beyond its duration: its start, its
	// connections, and replies that are missing.
	runWait = 30 * time.Second

	// askWait is how long a program may take to tell its version.
	askWait = 5 * time.Second

	// quotedBytesMax is how much of a program's last words an error repeats, in bytes.
	quotedBytesMax = 300
)
