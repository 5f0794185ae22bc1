// This file owns every limit of the package, each with its unit and its
// reason. It must not know how the limits are enforced.
package check

import "time"

const (
	// TimeoutDefault is how long a check may take each time it is made: several
	// times what a server that delays its replies by a second needs.
	TimeoutDefault = 5 * time.Second

	// TimeoutMin leaves room for idleRest and for a slow machine; TimeoutMax is
	// above any delay that somebody would wait for at a terminal.
	TimeoutMin, TimeoutMax = time.Second, 10 * time.Minute

	// cutPause stands between two pieces of a line. Go sets TCP_NODELAY, so each
	// piece leaves at once; the pause is what lets the other side read it alone.
	// It is part of what is sent. Where it is too short for a busy machine, two
	// pieces arrive as one, and that cut shows nothing; it never makes a good
	// server fail.
	cutPause = 5 * time.Millisecond

	// idleRest is how long a connection is left alone in the check for that:
	// above every tick of a loop, below what anybody would mistake for a hang.
	idleRest = 500 * time.Millisecond

	// noticeRest is how long a server gets to notice what a bad client has done
	// to it, before the good ones ask whether it still serves them.
	noticeRest = 100 * time.Millisecond

	// quietWait is how long nothing may come, after our half-close, before a
	// conversation whose end is not what is checked is left: a server that never
	// ends a connection costs this much for each conversation. It is above what a
	// busy machine holds an end back.
	quietWait = time.Second

	// atOnceMax is how many conversations of one check are held at a time where
	// they need not all be: few enough for small limits of connections.
	atOnceMax = 16

	// steadyRepeats is how often the same words are said again where others got
	// another answer than they, before that is called a fault: a server that
	// refuses one request in five at random is known as such in 99 of 100 cases.
	steadyRepeats = 20

	// connectionsAtOnce is how many connections the check for many of them opens.
	// It is below the descriptor limits that are common, 1,024 of them, even for
	// a proxy, which needs two each.
	connectionsAtOnce = 100

	// pipelinedRequests is how many requests leave in one write: more than any
	// one read takes, and no more than what proxies let one client have
	// outstanding.
	pipelinedRequests = 1000

	// hurriedRequests is how many requests are followed at once by the end of
	// the stream, or are looked at for their order.
	hurriedRequests = 200

	// hugeLineBytes is a line that no buffer of usual size holds, in bytes.
	hugeLineBytes = 1 << 20

	// heardBytesMax is how many bytes of replies one conversation may get: twice
	// the longest line that is sent, which a server of longer lines may echo. Who
	// says more has failed, and of that floodBytesKept are kept to be shown.
	heardBytesMax  = 2 << 20
	floodBytesKept = 4 << 10

	// readBytes is the size of the buffer of a read, in bytes: a page, since
	// most replies are short and there are many conversations.
	readBytes = 4 << 10

	// piecesShown is how many pieces of a request are shown in a report.
	piecesShown = 3

	// namesShown is how many Seqs a report lists before it only counts.
	namesShown = 4
)
