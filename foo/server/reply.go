// reply.go owns what is said to a line, and the counts of it. It must not know
// who said the line or when the reply leaves.
//
//	line                            reply                      counted
//	REQ, good Data                  ACK <seq> <data>, or without echo a NAK   request
//	REQ, a word in front of Data    what the word answers                     request, word
//	REQ, bad Data                   NAK <seq> <what is bad>                   request, bad data
//	REQ, picked by the NAK rate     NAK <seq> nak-rate                        request
//	ACK, NAK                        NAK 0 not a request                       invalid
//	a word in front, not Foo        what the word answers, as plain text      word
//	not Foo                         NAK 0 <why>                               invalid
//	too long                        NAK 0 line too long                       invalid
//
// The NAK rate spares QUIT.

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
	reasonNoWord     = []byte("no word; HELP lists the words")
)

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

// answer adds the reply to a line of the client, given without its LF, to the batch,
// or has it come later.
func (s *Server) answer(c *client, line []byte) verdict {
	message, err := foo.Parse(line)
	if err != nil || message.Type != foo.REQ {
		return s.answerPlain(c, line, err)
	}
	became := s.answerRequest(c, line, message)
	if became != lineLater {
		s.recorder.Add(stats.MsgReq, 1)
	}
	return became
}

func (s *Server) answerRequest(c *client, line []byte, message foo.Message) verdict {
	if err := foo.CheckData(message.Data); err != nil {
		s.recorder.Add(stats.DataInvalid, 1)
		s.nak(message.Seq, []byte(err.Error()))
		return lineTaken
	}
	w, arguments := findWord(message.Data)
	switch {
	case s.config.NakRate > 0 && s.picks(c, w):
		s.nak(message.Seq, reasonNakRate)
	case w != nil:
		became := s.obey(c, &question{word: w, arguments: arguments, seq: message.Seq})
		c.spared = became == lineLater
		return became
	case !s.config.Echo:
		s.nak(message.Seq, unknownWord(message.Data))
	default:
		s.echo(line, message)
	}
	return lineTaken
}

// echo acknowledges a request with its own data. A line that is written as a reply
// would be is the reply, but for its type.
func (s *Server) echo(line []byte, message foo.Message) {
	if !isPlainlyWritten(line, message.Data) {
		s.ack(message.Seq, message.Data)
		return
	}
	at := len(s.replies)
	s.replies = append(append(s.replies, line...), '\n')
	copy(s.replies[at:], "ACK")
	s.made.acks++
	s.made.requests++
}

// isPlainlyWritten reports whether a request has one blank on each side of its Seq,
// and its data behind that up to its end.
func isPlainlyWritten(line, data []byte) bool {
	begin := len(line) - len(data)
	return len(data) > 0 && line[len(line)-1] != '\r' && line[3] == ' ' && line[4] > ' ' && line[begin-2] > ' ' && line[begin-1] == ' '
}

// picks draws whether a request is one of those that get a NAK for no reason: once,
// however often its line is tried again.
func (s *Server) picks(c *client, w *word) bool {
	if c.spared || w != nil && w.name == wordQuit {
		return false
	}
	return s.config.Random.Float64() < s.config.NakRate
}

// answerPlain answers what is no request. The error says why it is none.
func (s *Server) answerPlain(c *client, line []byte, why error) verdict {
	if s.config.Plain && why == foo.ErrType {
		line = bytes.TrimSuffix(line, []byte{'\r'})
		if w, arguments := findWord(line); w != nil && !isOtherProtocol(arguments) {
			q := &question{word: w, arguments: arguments, plain: true}
			if err := foo.CheckData(arguments); err != nil {
				return s.refuse(q, err.Error())
			}
			return s.obey(c, q)
		}
	}
	s.refuseLine(why)
	return lineTaken
}

// obey does what a word says, and counts it unless that has to wait.
func (s *Server) obey(c *client, q *question) verdict {
	became := q.word.run(s, c, q)
	if became != lineLater {
		s.wordCounts[q.word.number]++
	}
	return became
}

// tell answers a question. A plain answer may have several lines.
func (s *Server) tell(q *question, text []byte) verdict {
	if q.plain {
		s.replies = append(append(s.replies, text...), '\n')
	} else {
		s.ack(q.seq, text)
	}
	return lineTaken
}

// refuse answers a question with why there is no answer.
func (s *Server) refuse(q *question, reason string) verdict {
	if q.plain {
		s.replies = append(append(append(s.replies, "error: "...), reason...), '\n')
	} else {
		s.nak(q.seq, []byte(reason))
	}
	return lineTaken
}

// unknownWord is what is said to data that is no word, where there is no echo.
func unknownWord(data []byte) []byte {
	field, _ := nextField(data)
	if len(field) == 0 {
		return reasonNoWord
	}
	return []byte("unknown word " + foo.Quote(field) + "; HELP lists the words")
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
	s.made.requests++
}

// nak refuses a request, or with Seq 0 what is none.
func (s *Server) nak(seq uint64, reason []byte) {
	s.replies = foo.AppendMessage(s.replies, foo.NAK, seq, reason)
	s.made.naks++
	if seq > 0 {
		s.made.requests++
	}
}

// count records a batch that goes into its connection's output now.
func (s *Server) count(b *batch) {
	s.recorder.Add(stats.MsgAck, int64(b.acks))
	s.recorder.Add(stats.MsgNak, int64(b.naks))
	s.recorder.Add(stats.Answered, int64(b.requests))
	s.recorder.Add(stats.BytesOut, int64(b.bytes))
	if b.requests > 0 {
		s.recorder.Latencies(s.loop.Now()-b.arrived, int64(b.requests))
	}
}
