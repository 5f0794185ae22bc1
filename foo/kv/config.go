// config.go owns every bound of the package, with its unit and its reason.

package kv

import (
	"math"
	"os"
	"time"
)

const (
	// KeyBytesMax is the longest key, in bytes: enough for any name that people
	// give, and a page of the file holds several.
	KeyBytesMax = 1 << 10

	// ValueBytesMax is the longest value, in bytes: half of the longest line, so
	// that key and value fit into one.
	ValueBytesMax = 32 << 10

	// ShowBytesMax is the longest answer of Show, in bytes, its cursor counted: as
	// long as a value may be, so that nobody needs more room for it.
	ShowBytesMax = 32 << 10

	// showFrameBytes is how much of that is left, beside the longest cursor, to whom
	// writes the reply: type, Seq and a few words between text and cursor.
	showFrameBytes = 64

	// showTextBytesMax is what remains for the JSON object. The longest key needs
	// 2 KiB of it, all of its characters escaped.
	showTextBytesMax = ShowBytesMax - KeyBytesMax - showFrameBytes

	// showLookBytesMax is how many bytes of keys and values Show looks at for one answer:
	// twice as much as fits. Values that have no room leave nothing in the answer but
	// their keys, and there may be thousands.
	showLookBytesMax = 64 << 10

	// showEntriesMax is how many entries it has. A store in memory answers on the loop's
	// thread, and 3,000 short ones, as many as fit, take a millisecond.
	showEntriesMax = 256

	// opsMax is how many operations are under way at once: half the places of a
	// loop's mailbox, which has other work to do as well.
	opsMax = 2048

	// opsBytesMax bounds their bytes, those of the results to come included: half of
	// what a proxy's connections may hold. Longest values fill it with 2,000
	// operations.
	opsBytesMax = 64 << 20

	// opBytes is what an operation counts beside its texts: the structures around it.
	opBytes = 256

	// batchOpsMax is how many operations one commit takes. More would save nothing
	// that can be measured, and make those wait that come first.
	batchOpsMax = 1024

	// batchBytesMax is the same in bytes, so that a commit is some ten milliseconds
	// of writing and not a second.
	batchBytesMax = 4 << 20

	// memoryBytesMax is how much a store in memory holds, in bytes of keys and values
	// and of memoryEntryBytes for each: what is kept without a file is no archive.
	memoryBytesMax = 256 << 20
	// memoryEntryBytes is what an entry costs beside its texts.
	memoryEntryBytes = 64

	// fileMode is that of a new file: what it holds is the server's.
	fileMode os.FileMode = 0o600

	// nameBytesMax is the longest name that file systems take, in bytes.
	nameBytesMax = 255

	// mapBytes is how much address space the file is mapped into, and so the most
	// that it can grow to, in bytes. The mapping cannot be enlarged while somebody
	// reads through it, and somebody always does. It costs no memory. A machine of 32
	// bits has 1 GiB to spare.
	mapBytes = min(16<<30, math.MaxInt/2+1)

	// fullToldInterval is how long a full disk is not told again: where room comes and
	// goes, each commit would write a line.
	fullToldInterval = time.Minute

	// growBytes is by how much the file is made longer at a time: each time costs a
	// sync, and what is not yet written costs no disk.
	growBytes = 1 << 20

	// lockTimeout is how long a lock is waited for: not at all, but 0 would mean for
	// ever.
	lockTimeout = time.Millisecond

	// nodeBytesMax is the longest page that holds entries, overflow included. Four
	// entries of the longest kind are kept together at most, which is 136 KiB.
	nodeBytesMax = 1 << 20

	// treeDepthMax is how many pages lie above each other. The file's limit is
	// reached with 24 where each is the shortest and has two entries.
	treeDepthMax = 32

	// loadLineBytesMax is the longest line of an import, in bytes: key and value with
	// each byte spelled out in six, and the words around them.
	loadLineBytesMax = 6*(KeyBytesMax+ValueBytesMax) + 64
)
