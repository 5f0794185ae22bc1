// This file owns every limit of the command, each with its unit and its reason.
// It must not know how the limits are enforced.
package main

import "time"

const (
	// portDefault is where Foo servers have always listened.
	portDefault = 5151

	// lineBytesLow and lineBytesHigh bound -max-line, in bytes: a shortest
	// request must fit, and each client may cost a buffer of the longest line.
	lineBytesLow  = 64
	lineBytesHigh = 16 << 20

	// connsHigh bounds -max-clients: Linux allows no process more descriptors.
	connsHigh = 1 << 30

	// backlogHigh bounds -backlog; the kernel cuts it to somaxconn anyway.
	backlogHigh = 1 << 16

	// timeHigh bounds every duration: longer is a slip of the keyboard.
	timeHigh = 24 * time.Hour
	// timeLow keeps -linger and -drain above 0, which would mean no bound for one
	// and no reply for the other.
	timeLow = time.Millisecond
)
