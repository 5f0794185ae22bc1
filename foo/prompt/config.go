// This file owns every limit of the package, each with its unit and its
// reason. It must not know how the limits are enforced.
package prompt

import (
	"time"

	"github.com/peterh/liner"
)

const (
	// outstandingMax is how many requests may wait for their reply. One is
	// asked for at a time, so these are requests that a server has let lie.
	outstandingMax = 1024

	// seqRangesMax is how many runs of Seq a complaint names; of the rest only the
	// number.
	seqRangesMax = 16

	// arrivalsMax is how many lines from the server may wait to be shown.
	// Above it the server is not read.
	arrivalsMax = 64

	// historyLinesMax is how many lines the history has: what the editor keeps.
	historyLinesMax = liner.HistoryLimit

	// historyFileLinesMax is how many lines the file may have when it is
	// opened; with more it is cut down to historyLinesMax. The difference keeps
	// it from being written anew at every start.
	historyFileLinesMax = 2 * historyLinesMax

	// historyLineBytesMax is the longest line that is remembered, in bytes.
	// Nobody looks for longer ones by hand.
	historyLineBytesMax = 4 << 10

	// historyBytesMax is how much of the end of the history file is read.
	historyBytesMax = 4 << 20

	// wordsMax is how many words are remembered for completion, and
	// lineWordsMax how many of one line: a line that was pasted must not drive
	// out all others.
	wordsMax, lineWordsMax = 1000, 32

	// candidatesMax is how many completions TAB goes through. Nobody presses
	// it more often.
	candidatesMax = 50

	// helpWait is how long TAB waits for the server to tell its words: as long as
	// nobody minds. An answer that comes later is for the next TAB.
	helpWait = 300 * time.Millisecond

	// serverWordsMax is how many words of a server are offered, and serverWordBytesMax
	// how long they may be, in bytes: more is no help.
	serverWordsMax, serverWordBytesMax = 64, 32

	// nameColumnsMax is how much of the server's name the prompt shows, in
	// columns; there are unix sockets with long paths.
	nameColumnsMax = 32

	// editColumnsMin is the room beside the prompt that the editor needs, in
	// columns. Where there is less the prompt is made shorter.
	editColumnsMin = 10

	// abortWithin is how soon a second ^C must follow the first to end the
	// prompt: less than it takes to type a line and think better of it.
	abortWithin = 2 * time.Second
)
