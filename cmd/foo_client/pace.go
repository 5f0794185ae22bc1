// This file owns when the requests of a load run are due. It is pure: it reads
// no clock.
package main

import "time"

// pace spreads a rate evenly over connections: the run's requests are due one
// by one, and go to the connections in turn.
type pace struct {
	rate        int // requests a second on all connections; 0 is no pace
	connections int
}

// due is when the seq-th request of a connection is due, from the start of the
// run; connections count from 0 and Seq from 1.
func (p pace) due(connection int, seq uint64) time.Duration {
	if p.rate == 0 {
		return 0
	}
	// A float64 tells nanoseconds apart for 104 days.
	index := float64(seq-1)*float64(p.connections) + float64(connection)
	return time.Duration(index * float64(time.Second) / float64(p.rate))
}

// share is how many of the run's requests go to a connection.
func share(requests, connections, connection int) uint64 {
	count := requests / connections
	if connection < requests%connections {
		count++
	}
	return uint64(count)
}
