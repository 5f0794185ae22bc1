package stats

// This file owns the list of what is counted and the names under which it is
// published. It must not know who counts, when, or where the numbers go.

import "strconv"

// Counter names one count of a Recorder. All of them only grow.
type Counter uint8

// The counters. A reply here is an ACK or a NAK line that goes to a client.
const (
	MsgReq        Counter = iota // REQs from clients that got a record
	MsgAck                       // ACK lines to clients, strays included
	MsgNak                       // NAK lines to clients: strays, NAK 0 and local ones included
	Answered                     // records that got their reply
	Abandoned                    // records that will never get one
	LinesInvalid                 // lines that are not Foo, or of the wrong direction
	DataInvalid                  // requests whose Data is not UTF-8 or holds NUL
	Strays                       // replies without a record
	Late                         // replies to requests that were answered here before
	NakZero                      // NAK 0 lines to clients, from a server or made here
	NaksLocal                    // NAKs that were made here
	Duplicates                   // requests with a Seq that their connection used before
	OutOfOrder                   // requests whose Seq jumps or goes back; replies that overtook an older request's
	BytesIn                      // bytes of clients that were taken: forwarded, or answered here
	BytesOut                     // bytes appended to the output of clients
	EventsStale                  // events of descriptors that were closed before
	LogDropped                   // lines of the request log that were not written
	Accepts                      // client connections accepted
	Closes                       // client connections closed
	RefusedPerIP                 // clients closed at once, since their address had too many connections
	RefusedHeader                // connections closed for want of a good PROXY header

	numCounters
)

var counterNames = [numCounters]string{
	MsgReq:        "msg_req",
	MsgAck:        "msg_ack",
	MsgNak:        "msg_nak",
	Answered:      "answered",
	Abandoned:     "abandoned",
	LinesInvalid:  "lines_invalid",
	DataInvalid:   "data_invalid",
	Strays:        "strays",
	Late:          "late",
	NakZero:       "nak_zero",
	NaksLocal:     "naks_local",
	Duplicates:    "duplicates",
	OutOfOrder:    "out_of_order",
	BytesIn:       "bytes_in",
	BytesOut:      "bytes_out",
	EventsStale:   "events_stale",
	LogDropped:    "log_dropped",
	Accepts:       "accepts",
	Closes:        "closes",
	RefusedPerIP:  "refused_per_ip",
	RefusedHeader: "refused_header",
}

// String returns the name under which the counter is published, in the JSON
// snapshot and in the registry. Anyone may call it.
func (c Counter) String() string {
	if c >= numCounters {
		return "counter(" + strconv.Itoa(int(c)) + ")"
	}
	return counterNames[c]
}
