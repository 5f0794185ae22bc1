// Package soak keeps a proxy and three servers, all of them real processes, under
// load for as long as is asked for, while faults of servers and of clients come one
// after the other, drawn from a seed. In the end nothing may be lost, doubled, or
// left behind.
//
//	load ─────────────────► foo_proxy ──► foo_server ×3 ──► their logs ─► executed
//	faults of clients ────►     │               ▲
//	                       process.go      faults of servers
//
// config.go owns every bound, with its unit and its reason. Only tests import it.
package soak

import "time"

const (
	// servers is how many there are. One of three is what the table of faults asks
	// for.
	servers = 3

	// warmUpShare is the share of the time at the beginning in which each fault
	// comes once, so that what a fault costs for good is paid before it is measured
	// whether memory grows: 2 of 10 minutes.
	warmUpShare = 0.2
	// stepsAfter is how many faults come afterwards: one every 30 s of 10 minutes
	// less the first two.
	stepsAfter = 16
	// faultShare is the share of a step for which its fault lasts.
	faultShare = 0.5

	// requestTimeoutMax is the proxy's, in runs whose faults last for longer.
	requestTimeoutMax = time.Second
	// flapTime is how often a server is killed and started again while that is the
	// fault.
	flapTime = 500 * time.Millisecond

	// growthMax is how much more memory the proxy may have at any moment after the
	// warm-up than at any before, in bytes; short runs only tell it.
	growthMax = 1 << 20
	// judgedTime is how long a run must be for that to be judged.
	judgedTime = 5 * time.Minute
	// threadsMore is how many more threads there may be in the end than after the
	// warm-up: the runtime begins one when it likes, a goroutine that is stuck in
	// the kernel keeps one each time.
	threadsMore = 4

	// The faults of clients: how many there are, and how much they say.
	halfCloseRequests = 1_000
	leavers           = 50
	deafClients       = 20
	slowClients       = 200
	floodDepth        = 1_000
	// pipelineRequests is how many requests come in one go in a run of 10 minutes;
	// a shorter one has fewer, at least pipelineLeast.
	pipelineRequests = 1_000_000
	pipelineLeast    = 10_000
	lineBytes        = 64

	// logBytes bounds a line of a server's log. They are short.
	logBytes = 64 << 10
)
