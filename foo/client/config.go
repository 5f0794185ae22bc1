// This file owns every limit of the package, each with its unit and its
// reason. It must not know how the limits are enforced.
package client

import (
	"time"

	"fooproxy/foo"
)

const (
	// replyLineBytesMax is the longest reply line that is accepted, in bytes,
	// LF counted: what servers accept of us, so that a reply can hold whatever
	// a request could.
	replyLineBytesMax = foo.LineBytesMax

	// sendBytesMax is how many bytes may wait for Flush: one line of the
	// greatest length, and many hundred requests of the usual one. More would
	// not save system calls that matter.
	sendBytesMax = foo.LineBytesMax

	// dialTimeout bounds Dial where its context does not: longer than three
	// lost SYNs, shorter than a person's patience.
	dialTimeout = 10 * time.Second

	// busyRetry is how long a dial waits before it asks a unix socket again whose
	// queue was full: far less than anybody notices.
	busyRetry = 10 * time.Millisecond
)
