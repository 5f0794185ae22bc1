// reply.go owns what is said to a line, and the counts of it. It must not know
// who said the line or when the reply leaves.
//
//	line                            reply                      counted
//	REQ, good Data                  ACK <seq> <data>           request
//	REQ, QUIT as Data               ACK <seq>, and no more     request
//	REQ, bad Data                   NAK <seq> <what is bad>    request, bad data
//	REQ, picked by the NAK rate     NAK <seq> nak-rate         request
//	ACK, NAK                        NAK 0 not a request        invalid
//	not Foo                         NAK 0 <why>                invalid
//	too long                        NAK 0 line too long        invalid

package server

import (
	"bytes"

	"fooproxy/foo"
	"fooproxy/stats"
)

// The reasons that the grammar does not know.
var (
	reasonNakRate    = []byte("nak-rate")
	reasonNotRequest = []byte("not a request")
)

// wordQuit as Data asks for the end of the connection.
var wordQuit = []byte("QUIT")

// batch counts the replies that were made at one time for one client.
type batch struct {
	arrived    int64 // when the lines were, on the loop's clock, in nanoseconds
	bytes      int32
	acks, naks int32
	requests   int32 // how many of the replies answer a request
}

// beginReplies starts a batch in the server's scratch.
func (s *Server) beginReplies() {
	if cap(s.replies) > scratchBytesKept {
		s.replies = nil
	}
	s.replies = s.replies[:0]
	s.made = batch{arrived: s.loop.Now()}
}

// answer adds the reply to a line, given without its LF, to the batch. quit says
// that the client wants no more.
func (s *Server) answer(line []byte) (quit bool) {
	message, err := foo.Parse(line)
	if err != nil || message.Type != foo.REQ {
		s.refuseLine(err)
		return false
	}
	s.recorder.Add(stats.MsgReq, 1)
	s.made.requests++
	switch err := foo.CheckData(message.Data); {
	case err != nil:
		s.recorder.Add(stats.DataInvalid, 1)
		s.nak(message.Seq, []byte(err.Error()))
	case bytes.EqualFold(message.Data, wordQuit):
		s.ack(message.Seq, nil)
		return true
	case s.config.NakRate > 0 && s.config.Random.Float64() < s.config.NakRate:
		s.nak(message.Seq, reasonNakRate)
	default:
		s.ack(message.Seq, message.Data)
	}
	return false
}

// refuseLine answers what is no request. The error says why; nil and ErrNakZero
// mean that the line is good Foo of the wrong direction.
func (s *Server) refuseLine(err error) {
	s.recorder.Add(stats.LinesInvalid, 1)
	if err == nil || err == foo.ErrNakZero {
		s.nak(0, reasonNotRequest)
		return
	}
	s.nak(0, []byte(err.Error()))
}

func (s *Server) ack(seq uint64, data []byte) {
	s.replies = foo.AppendMessage(s.replies, foo.ACK, seq, data)
	s.made.acks++
}

func (s *Server) nak(seq uint64, reason []byte) {
	s.replies = foo.AppendMessage(s.replies, foo.NAK, seq, reason)
	s.made.naks++
}

// count records a batch that goes into its connection's output now.
func (s *Server) count(b *batch) {
	s.recorder.Add(stats.MsgAck, int64(b.acks))
	s.recorder.Add(stats.MsgNak, int64(b.naks))
	s.recorder.Add(stats.Answered, int64(b.requests))
	s.recorder.Add(stats.BytesOut, int64(b.bytes))
	took := s.loop.Now() - b.arrived
	for range b.requests {
		s.recorder.Latency(took)
	}
}
