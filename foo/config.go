// This file owns every limit of the package, each with its unit and its
// reason. It must not know how the limits are enforced.
package foo

const (
	// SeqMax is the largest Seq: 2^63-1, so that programs which keep a Seq in
	// a signed 64-bit integer can still speak with us.
	SeqMax = 1<<63 - 1

	// LineBytesMax is the longest line that programs accept unless they are
	// told otherwise, in bytes, LF counted. 64 KiB is what one connection may
	// have waiting in each direction, so a longest line always fits.
	LineBytesMax = 64 << 10

	// seqDigitsMax is the number of decimal digits of SeqMax. Any number of so
	// many digits fits in a uint64, hence counting digits before looking at
	// the value is enough to know that the value did not wrap around.
	seqDigitsMax = 19

	// quoteBytesMax is how much of a peer's bytes goes into one log line, in
	// bytes before quoting. It shows the head of any sensible message, and a
	// peer cannot fill a disk with it.
	quoteBytesMax = 128

	// splitterBytesMin is the first size of a Splitter's buffer, in bytes: one
	// page, because most connections never hold more than a few short lines.
	splitterBytesMin = 4 << 10
)
