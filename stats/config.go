package stats

// This file owns every bound of the package, with its unit and its reason. It
// must hold no logic.

const (
	// bucketLength is the resolution of the moving windows, in nanoseconds.
	// The newest bucket is always unfinished, so a window is short of its name
	// by up to one bucket: 10 ms of 1 s is 1 %, half of what a rate may be
	// wrong by. 5 ms would double the memory for an error nobody can see.
	bucketLength = 10_000_000

	// shortBuckets and longBuckets are the lengths of the two windows, in
	// buckets: 1 s and 10 s, the current bucket included, so that a window is
	// never longer than its name.
	shortBuckets = 100
	longBuckets  = 1000

	// shortSeconds and longSeconds are the divisors of the rates. They stay
	// the same while a window fills: a proxy that has run for 20 ms and seen
	// one message has not seen 50 messages per second.
	shortSeconds = float64(shortBuckets*bucketLength) / 1e9
	longSeconds  = float64(longBuckets*bucketLength) / 1e9
)

const (
	// latencyMin is the least latency that is told apart, in nanoseconds. No
	// reply comes through two sockets in less than 1 µs; smaller and negative
	// values are recorded as this one.
	latencyMin = 1_000

	// latencyMax is the greatest latency that is told apart, in nanoseconds:
	// 1 h, far beyond every timeout. Greater values are recorded as this one.
	// Each doubling costs 1 KiB.
	latencyMax = 3_600_000_000_000

	// latencyDigits is the number of significant decimal digits of a recorded
	// latency. A record costs the same 3 ns with two and with three, but two
	// need 27 KiB and at most 20 µs for a copy, three 192 KiB and 130 µs
	// (measured), and the copy is made in the loop. Two digits are exact to 1 %, far less
	// than two runs of anything differ by.
	latencyDigits = 2
)
