// nak.go owns the closed list of reasons for which the proxy itself answers NAK:
// each has one text, the same on the wire, in the log and in the README.

package proxy

import (
	"errors"

	"fooproxy/foo"
)

// nak is a reason to answer NAK here. 0 is none, n is reasons[n-1].
type nak uint8

// errNotRequest: a client sent an ACK or a NAK.
var errNotRequest = errors.New("not a request")

// What a server's absence or silence is answered with.
var (
	errUpstreamLost = errors.New("upstream lost")
	errNoServer     = errors.New("no server")
	errTimeout      = errors.New("timeout")
)

var reasons = [...]error{
	foo.ErrLineTooLong,
	foo.ErrEmpty,
	foo.ErrType,
	foo.ErrSeqMissing,
	foo.ErrSeqSign,
	foo.ErrSeqLeadingZero,
	foo.ErrSeqZero,
	foo.ErrSeqNotDecimal,
	foo.ErrSeqOverflow,
	foo.ErrDataNotUTF8,
	foo.ErrDataNUL,
	errNotRequest,
	errUpstreamLost,
	errNoServer,
	errTimeout,
}

// nakLineTooLong is the one reason after which the client is closed.
var nakLineTooLong = nakOf(foo.ErrLineTooLong)

// The reasons that tell of servers.
var (
	nakUpstreamLost = nakOf(errUpstreamLost) // it has the request, and its reply will not come
	nakNoServer     = nakOf(errNoServer)     // none takes it
	nakTimeout      = nakOf(errTimeout)      // its reply has not come in time
)

// ackEndWord is no reason to refuse: such a request is answered ACK, and its client is
// closed.
const ackEndWord nak = 255

// nakOf is the reason that tells of err.
func nakOf(err error) nak {
	for i, reason := range reasons {
		if reason == err {
			return nak(i + 1)
		}
	}
	panic("nak: no reason tells of: " + err.Error())
}

// appendNak appends the line that answers seq.
func appendNak(dst []byte, seq uint64, n nak) []byte {
	dst = foo.AppendMessage(dst, foo.NAK, seq, nil)
	dst[len(dst)-1] = ' '
	dst = append(dst, reasons[n-1].Error()...)
	return append(dst, '\n')
}

// nakBytesMax is more than any line of appendNak takes.
const nakBytesMax = 64
