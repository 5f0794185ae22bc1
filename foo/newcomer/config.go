// config.go owns every bound of the package, with its unit and its reason.

package newcomer

import (
	"time"

	"fooproxy/foo/proxyheader"
)

const (
	// headerTimeout is how long a header may take to come, counted from the accept.
	// Its sender writes it with the first bytes of the connection; what takes longer
	// is another kind of client.
	headerTimeout = 5 * time.Second

	// lateMin is how late a timer must be for the process to have stood still: then
	// nobody's time has passed.
	lateMin = 100 * time.Millisecond

	// complaintInterval bounds the reports of refused connections to one a second.
	complaintInterval = time.Second

	// readBytes bounds what is read before the header is whole, in bytes. What comes
	// behind it in the same read is the next handler's.
	readBytes = proxyheader.BytesMax
)
