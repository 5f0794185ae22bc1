// script.go owns what a client will say, and what is to become of each line. It
// is written down here by hand, not asked of the grammar.

package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// line is one line of a script.
type line struct {
	end     int    // behind its LF, as a place in the script's stream
	request bool   // it is a REQ with a Seq: it gets a record
	seq     uint64 // of the reply; 0 where it is no request
	reason  string // why a strict proxy, or a server, refuses it; empty: it is answered
	data    []byte // of a request
	quit    bool   // asks for the end; only where a server answers by itself
	long    bool   // above the limit; nothing behind it counts
}

// script is a client's whole speech.
type script struct {
	stream   []byte
	lines    []line
	fragment bool // the stream ends in the middle of a line
	// forward is what a proxy passes on, and forwarded which lines that are.
	forward   []byte
	forwarded []int
	ends      []int // of the forwarded lines, as places in forward
}

type oddLine struct{ text, reason string }

// oddLines are lines that are no requests, each with the reason for a refusal.
// %s is where the client's mark goes.
var oddLines = []oddLine{
	{"GET / HTTP/1.1 %s", "unknown type"}, {"req 1 %s", "unknown type"}, {"REQUEST 1 %s", "unknown type"}, {"\x1b[2J %s", "unknown type"},
	{"", "empty line"}, {"\r", "empty line"}, {" REQ 1 %s", "unknown type"},
	{"REQ", "Seq missing"}, {"REQ \t ", "Seq missing"}, {"REQ 0 %s", "Seq is zero"}, {"REQ -1 %s", "Seq has a sign"}, {"REQ +1 %s", "Seq has a sign"},
	{"REQ 01 %s", "Seq has a leading zero"}, {"REQ 9223372036854775808 %s", "Seq overflow"}, {"REQ 18446744073709551617 %s", "Seq overflow"},
	{"REQ 10000000000000000000000000000000000000000 %s", "Seq overflow"}, {"REQ 0x1f %s", "Seq is not decimal"}, {"REQ %s", "Seq is not decimal"},
	{"ACK 1 %s", "not a request"}, {"NAK 1 %s", "not a request"}, {"NAK 0 %s", "not a request"},
}

// markedOddLines are those that tell whose they are.
var markedOddLines = slices.DeleteFunc(slices.Clone(oddLines), func(l oddLine) bool { return !strings.Contains(l.text, "%s") })

// badData is Data that is not text, each with the reason for a refusal.
var badData = []struct{ text, reason string }{
	{"\xff", "data is not UTF-8"}, {"\xc3(", "data is not UTF-8"}, {"\xed\xa0\x80", "data is not UTF-8"}, {"a\x00b", "data holds NUL"},
}

// forms are the ways in which a good request is written.
var forms = []string{"REQ %d %s\n", "REQ %d %s\n", "REQ %d %s\n", "REQ\t%d %s\n", "REQ  \t %d\t\t%s\n", "REQ %d %s\r\n"}

// mark tells whose line it is, wherever it turns up.
func mark(client int) string { return fmt.Sprintf("~%02d~", client) }

// endWord is the whole Data of a client's last request, where it asks for the end.
func endWord(client int) string { return mark(client) + "q" }

// EndWords is what so many clients may ask for the end with.
func EndWords(clients int) (words []string) {
	for i := range clients {
		words = append(words, endWord(i))
	}
	return words
}

// write draws a script of n lines.
func (w *World) write(client, n int) *script {
	s := &script{}
	who, seq := mark(client), uint64(0)
	for i := range n {
		switch {
		case i > 0 && w.does(OddLine):
			s.addOdd(w, who, i)
		case w.Rules.EndWords && w.does(QuitWord):
			seq = w.nextSeq(seq)
			word := [...]string{endWord(client), strings.ToUpper(endWord(client))}[w.Choices.Next(2)]
			text := fmt.Appendf(nil, forms[w.Choices.Next(len(forms))], seq, word)
			s.add(text, line{request: true, seq: seq, data: []byte(word), quit: true})
			return s.finish(w)
		case w.Rules.Direct && w.does(QuitWord):
			seq = w.nextSeq(seq)
			s.add(fmt.Appendf(nil, "REQ %d %s\n", seq, [...]string{"QUIT", "quit", "Quit"}[w.Choices.Next(3)]), line{request: true, seq: seq, quit: true})
			s.stream = append(s.stream, behindQuit[:w.Choices.Next(len(behindQuit)+1)]...)
			return s.finish(w)
		case i > 0 && w.does(LongLine):
			s.addLong(w, who)
			return s.finish(w)
		default:
			seq = w.nextSeq(seq)
			s.addRequest(w, seq, w.lateWord()+who, i)
		}
	}
	if w.does(Fragment) {
		s.fragment = true
		rest := [...]string{"R", "REQ 7", "REQ 7 half " + who, "\r"}
		s.stream = append(s.stream, rest[w.Choices.Next(len(rest))]...)
	}
	return s.finish(w)
}

// lateWord is what is put in front of data, mostly nothing.
func (w *World) lateWord() string {
	if w.Rules.LateWord == "" || !w.Choices.Chance(300) {
		return ""
	}
	return w.Rules.LateWord + " "
}

// nextSeq counts on, or does not.
func (w *World) nextSeq(seq uint64) uint64 {
	const seqMax = 1<<63 - 1
	if !w.does(OddSeq) {
		return seq%seqMax + 1
	}
	switch w.Choices.Next(4) {
	case 0:
		return max(seq, 1)
	case 1:
		return min(seq+2+uint64(w.Choices.Next(100)), seqMax)
	case 2:
		return max(seq/2, 1)
	}
	return seqMax - uint64(w.Choices.Next(4))
}

func (s *script) addOdd(w *World, who string, i int) {
	lines := oddLines
	if w.Rules.Failover {
		lines, who = markedOddLines, who+strconv.Itoa(i)
	}
	odd := lines[w.Choices.Next(len(lines))]
	text := odd.text
	if strings.Contains(text, "%s") {
		text = fmt.Sprintf(text, who)
	}
	s.add([]byte(text+"\n"), line{reason: odd.reason})
}

func (s *script) addRequest(w *World, seq uint64, who string, i int) {
	form := forms[w.Choices.Next(len(forms))]
	data := append([]byte(who), strconv.Itoa(i)...)
	reason := ""
	if w.does(BadData) {
		bad := badData[w.Choices.Next(len(badData))]
		data, reason = append(data, bad.text...), bad.reason
	}
	if room := w.Rules.MaxLine - 40 - len(data); room > 0 {
		// A length of its own for each line: short ones mostly, a few of any size,
		// up to a line that just fits.
		fill := w.Choices.Next(min(room, 24))
		if w.Choices.Next(16+room/1024) == 15 {
			fill = w.Choices.Next(room)
		}
		if fill > 0 && fill == room*3/4 {
			fill = w.Rules.MaxLine - len(fmt.Sprintf(form, seq, data)) // to the brim
		}
		data = append(data, filler[:min(fill, len(filler))]...)
	}
	text := fmt.Appendf(nil, form, seq, data)
	s.add(text, line{request: true, seq: seq, reason: reason, data: data})
}

// filler is what long lines are long with.
var filler = bytes.Repeat([]byte("abcdefghijklmnopqrstuvwxyz"), 3000)

// addLong adds a line above the limit, with an end or without.
func (s *script) addLong(w *World, who string) {
	over := w.Choices.Next(64)
	text := append([]byte("REQ 1 "+who), bytes.Repeat([]byte{'x'}, w.Rules.MaxLine-6-len(who)+over)...)
	s.add(append(text, '\n'), line{reason: "line too long", long: true})
}

func (s *script) add(text []byte, l line) {
	s.stream = append(s.stream, text...)
	l.end = len(s.stream)
	s.lines = append(s.lines, l)
}

// finish notes what a proxy passes on of the script.
func (s *script) finish(w *World) *script {
	from := 0
	for i, l := range s.lines {
		if l.long {
			return s
		}
		if l.reason == "" || !w.Rules.Strict {
			s.forward = append(s.forward, s.stream[from:l.end]...)
			s.forwarded = append(s.forwarded, i)
			s.ends = append(s.ends, len(s.forward))
		}
		from = l.end
	}
	if s.fragment && !w.Rules.Strict {
		s.forward = append(s.forward, s.stream[from:]...)
	}
	return s
}

// drawPlace draws a place in the speech: in front of a line, or in the middle of it.
func (s *script) drawPlace(w *World) int {
	i, from := w.Choices.Next(len(s.lines)), 0
	if i > 0 {
		from = s.lines[i-1].end
	}
	if w.Choices.Next(3) > 0 {
		from += w.Choices.Next(s.lines[i].end - from)
	}
	return from
}

// whole is how many lines of the script are complete in its first n bytes. from
// is a lower bound that is known.
func (s *script) whole(from, n int) int {
	for from < len(s.lines) && s.lines[from].end <= n {
		from++
	}
	return from
}
