package cli

import "time"

// This file owns every limit of the package, with unit and reason.

const (
	// logLinesMax bounds the lines that wait for stderr. 4,096 lines are a burst
	// of some seconds at a pace a person could still read later.
	logLinesMax = 4096

	// logBytesMax bounds the bytes of those lines. Lines are usually 200 B, so
	// this bites only when something logs long fields.
	logBytesMax = 1 << 20

	// dropReportEvery is the shortest time between two reports of dropped lines,
	// so that the reports do not themselves fill a slow log.
	dropReportEvery = time.Second

	// fatalFlushMax is how long a fatal line may wait for stderr before the
	// process ends anyway.
	fatalFlushMax = time.Second

	// stopWait is how long Signals.Stop waits for a handler that is at work. A
	// statistics line that cannot be written must not keep a process from ending.
	stopWait = time.Second

	// hostBytesMax is the longest name the domain name system can hold, in bytes.
	hostBytesMax = 253

	// pathBytesMax is the longest path of a unix socket, in bytes: the kernel keeps
	// 108, and one of them ends it.
	pathBytesMax = 107

	// addressesMax bounds the addresses taken from one name. More than this is
	// a name service gone wrong, not a server.
	addressesMax = 64

	// repeatsMax bounds the addresses of a flag that makes a list.
	repeatsMax = 1024

	// serversMax bounds the servers of a command: each is checked twice a second,
	// and looked at for every new client.
	serversMax = 256
	// weightMax is the highest weight of a server: as much as 256 of the weakest.
	// No machine is that strong.
	weightMax = 256
	// sessionsMax bounds the sessions that a server may be given as its most: Linux
	// allows no process more descriptors.
	sessionsMax = 1 << 30

	// quotedBytesMax is how much of a wrong value an error repeats, in bytes:
	// enough to find it, little enough for one line.
	quotedBytesMax = 128

	// helpWidth is the column at which help is wrapped.
	helpWidth = 80
)
