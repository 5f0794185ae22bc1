// pace.go owns when the requests of a run are due, and which connection each is
// for. It is pure: it reads no clock.

package load

import "time"

// pace spreads a rate evenly: the requests of a run are numbered from 0, due one
// by one, and go to the connections in turn. What is due is a matter of
// arithmetic, so requests that are due and cannot be sent yet are a number and
// not a queue, however many they are.
type pace struct {
	rate float64 // requests a second, above 0
}

// due is when a request is due, in nanoseconds from the start of the run.
func (p pace) due(number uint64) int64 {
	return int64(float64(number) * float64(time.Second) / p.rate) // exact for 104 days
}

// count is how many requests are due at or before a time, in nanoseconds from
// the start of the run.
func (p pace) count(at int64) uint64 {
	if at < 0 {
		return 0
	}
	n := uint64(float64(at)*p.rate/float64(time.Second)) + 1
	// The two divisions do not round alike.
	for n > 0 && p.due(n-1) > at {
		n--
	}
	for p.due(n) <= at {
		n++
	}
	return n
}

// number is which request of the run is the one of this Seq on a connection;
// connections count from 0 and Seq from 1.
func number(connections, connection int, seq uint64) uint64 {
	return (seq-1)*uint64(connections) + uint64(connection)
}

// share is how many of the run's first requests go to a connection.
func share(requests uint64, connections, connection int) uint64 {
	count := requests / uint64(connections)
	if uint64(connection) < requests%uint64(connections) {
		count++
	}
	return count
}
