// oddlines_test.go: what happens to lines that are not requests, and to lines of
// the server that are not the reply to one; each with the counters it moves.

package proxy

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"fooproxy/stats"
)

// clientLines are lines that a client may send, without LF.
var clientLines = []struct {
	name, line string
	request    bool   // it gets a record where it is forwarded
	nak        string // what -strict answers instead of forwarding it
}{
	{name: "request", line: "REQ 1 hey", request: true},
	{name: "no data", line: "REQ 1", request: true},
	{name: "empty data", line: "REQ 1 ", request: true},
	{name: "several blanks", line: "REQ \t  1 \t\t x  y ", request: true},
	{name: "CR LF", line: "REQ 1 x\r", request: true},
	{name: "TAB, ESC, DEL and CR in data", line: "REQ 1 a\tb\x1b[2J\x7fc\rd", request: true},
	{name: "greatest Seq", line: "REQ 9223372036854775807 x", request: true},

	{name: "data not UTF-8", line: "REQ 7 \xff\xfe", request: true, nak: "NAK 7 data is not UTF-8"},
	{name: "NUL in data", line: "REQ 8 a\x00b", request: true, nak: "NAK 8 data holds NUL"},
	{name: "NUL and CR LF", line: "REQ 9 \x00\r", request: true, nak: "NAK 9 data holds NUL"},

	{name: "empty line", line: "", nak: "NAK 0 empty line"},
	{name: "CR alone", line: "\r", nak: "NAK 0 empty line"},
	{name: "lower case", line: "req 1 x", nak: "NAK 0 unknown type"},
	{name: "HTTP", line: "GET / HTTP/1.1\r", nak: "NAK 0 unknown type"},
	{name: "control bytes", line: "\x00\x1b]0;x\x07\xff", nak: "NAK 0 unknown type"},
	{name: "no Seq", line: "REQ", nak: "NAK 0 Seq missing"},
	{name: "Seq 0", line: "REQ 0 x", nak: "NAK 0 Seq is zero"},
	{name: "Seq -1", line: "REQ -1 x", nak: "NAK 0 Seq has a sign"},
	{name: "Seq +1", line: "REQ +1 x", nak: "NAK 0 Seq has a sign"},
	{name: "Seq 01", line: "REQ 01 x", nak: "NAK 0 Seq has a leading zero"},
	{name: "hexadecimal", line: "REQ 0x1f x", nak: "NAK 0 Seq is not decimal"},
	{name: "2^63", line: "REQ 9223372036854775808 x", nak: "NAK 0 Seq overflow"},
	{name: "2^64", line: "REQ 18446744073709551616 x", nak: "NAK 0 Seq overflow"},
	{name: "2^64+1", line: "REQ 18446744073709551617 x", nak: "NAK 0 Seq overflow"},
	{name: "ACK", line: "ACK 1 x", nak: "NAK 0 not a request"},
	{name: "NAK", line: "NAK 1 x", nak: "NAK 0 not a request"},
	{name: "NAK 0", line: "NAK 0 x", nak: "NAK 0 not a request"},
	{name: "ACK 0", line: "ACK 0 x", nak: "NAK 0 Seq is zero"},
}

func TestTransparentForwardsEveryLineAndCountsTheOddOnes(t *testing.T) {
	for _, line := range clientLines {
		t.Run(line.name, func(t *testing.T) {
			g := newStage(t)
			client, server := g.connect()
			g.says(client, line.line+"\n")
			g.hears(server, line.line+"\n")
			g.hears(client, "")
			want := numbers{"msg_req": 0, "outstanding": 0, "lines_invalid": 0, "data_invalid": 0, "naks_local": 0, "msg_nak": 0}
			if line.request {
				want["msg_req"], want["outstanding"] = 1, 1
			} else {
				want["lines_invalid"] = 1
			}
			if line.request && line.nak != "" {
				want["data_invalid"] = 1
			}
			g.numbers().expect(t, want)
		})
	}
}

func TestStrictAnswersOddLinesAndForwardsNone(t *testing.T) {
	for _, line := range clientLines {
		t.Run(line.name, func(t *testing.T) {
			g := newStage(t, strict)
			client, server := g.connect()
			g.says(client, line.line+"\n")
			want := numbers{"msg_req": 0, "outstanding": 0, "answered": 0, "lines_invalid": 0, "data_invalid": 0, "naks_local": 1, "msg_nak": 1}
			switch {
			case line.nak == "":
				g.hears(server, line.line+"\n")
				g.hears(client, "")
				want["msg_req"], want["outstanding"], want["naks_local"], want["msg_nak"] = 1, 1, 0, 0
			case line.request:
				g.hears(server, "")
				g.hears(client, line.nak+"\n")
				want["msg_req"], want["answered"], want["data_invalid"] = 1, 1, 1
			default:
				g.hears(server, "")
				g.hears(client, line.nak+"\n")
				want["lines_invalid"] = 1
			}
			g.numbers().expect(t, want)
			// The connection goes on, and what follows is forwarded.
			g.says(client, "REQ 77 after\n")
			g.hears(server, "REQ 77 after\n")
		})
	}
}

// TestLinesOfTheServer sends one run of the server's lines while requests 1, 2
// and 3 are outstanding. Every line reaches the client, in both modes.
func TestLinesOfTheServer(t *testing.T) {
	cases := []struct {
		name, lines string
		want        numbers
	}{
		{"replies in order", "ACK 1 a\nNAK 2 b\nACK 3 c\n", numbers{"msg_ack": 2, "msg_nak": 1, "answered": 3, "out_of_order": 0, "strays": 0}},
		{"CR LF and blanks", "ACK   1\ta\r\nACK 2\r\n", numbers{"msg_ack": 2, "answered": 2}},
		{"replies out of order", "ACK 3\nACK 2\nACK 1\n", numbers{"msg_ack": 3, "answered": 3, "out_of_order": 2}},
		{"one reply overtakes", "ACK 2\nACK 1\nACK 3\n", numbers{"msg_ack": 3, "answered": 3, "out_of_order": 1}},
		{"a stray", "ACK 9\nNAK 9\n", numbers{"msg_ack": 1, "msg_nak": 1, "strays": 2, "answered": 0, "outstanding": 3}},
		{"a reply twice", "ACK 1\nACK 1\n", numbers{"msg_ack": 2, "strays": 1, "answered": 1}},
		{"NAK 0", "NAK 0 unknown type\n", numbers{"msg_nak": 1, "nak_zero": 1, "strays": 0, "answered": 0, "lines_invalid": 0}},
		{"not Foo", "hello\n\nACK x\nACK 0\nack 1\n", numbers{"lines_invalid": 5, "msg_ack": 0, "msg_nak": 0, "outstanding": 3}},
		{"a request", "REQ 1 a\n", numbers{"lines_invalid": 1, "outstanding": 3}},
		{"data is not judged", "ACK 1 \xff\x00\n", numbers{"answered": 1, "data_invalid": 0, "lines_invalid": 0}},
	}
	for _, mode := range []struct {
		name   string
		change func(*Config)
	}{{"transparent", func(*Config) {}}, {"strict", strict}} {
		for _, c := range cases {
			t.Run(mode.name+"/"+c.name, func(t *testing.T) {
				g := newStage(t, mode.change)
				client, server := g.connect()
				g.says(client, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
				g.hears(server, "REQ 1 a\nREQ 2 b\nREQ 3 c\n")
				g.says(server, c.lines)
				g.hears(client, c.lines)
				n := g.numbers()
				n.expect(t, c.want)
				if n["msg_ack"]+n["msg_nak"] != n["answered"]+n["strays"]+n["nak_zero"] {
					t.Errorf("%v ACK and %v NAK are not answered %v, strays %v, nak_zero %v", n["msg_ack"], n["msg_nak"], n["answered"], n["strays"], n["nak_zero"])
				}
			})
		}
	}
}

func TestNumbersOfRequestsAreWatched(t *testing.T) {
	cases := []struct {
		name, seqs string
		duplicates float64
		disordered float64
	}{
		{"in order", "1 2 3", 0, 0},
		{"repeats", "1 1 2 1", 2, 0},
		{"jumps", "1 5 6", 0, 1},
		{"begins elsewhere", "10 11", 0, 1},
		{"goes back", "1 5 3 4", 0, 3},
		{"goes back and repeats", "1 5 3 3", 1, 2},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			g := newStage(t)
			client, server := g.connect()
			for _, seq := range strings.Fields(c.seqs) {
				g.says(client, "REQ "+seq+"\n")
				g.hears(server, "REQ "+seq+"\n")
			}
			g.numbers().expect(t, numbers{"duplicates": c.duplicates, "out_of_order": c.disordered})
			// Whatever their numbers, each gets its own reply.
			for _, seq := range strings.Fields(c.seqs) {
				g.says(server, "ACK "+seq+"\n")
				g.hears(client, "ACK "+seq+"\n")
			}
			g.numbers().expect(t, numbers{"outstanding": 0, "strays": 0, "duplicates": c.duplicates, "out_of_order": c.disordered})
		})
	}
}

func TestBytesAndTimesAreCounted(t *testing.T) {
	g := newStage(t, strict)
	client, server := g.connect()
	g.says(client, "REQ 1 a\nbad\nREQ 2 b\n")
	g.pass(3 * time.Millisecond)
	g.says(server, "ACK 1 a\nnot Foo\n")
	g.pass(7 * time.Millisecond)
	g.says(server, "ACK 2 b\n")
	out := "ACK 1 a\nNAK 0 unknown type\nnot Foo\nACK 2 b\n"
	g.hears(client, out)
	g.numbers().expect(t, numbers{"bytes_in": float64(len("REQ 1 a\nbad\nREQ 2 b\n")), "bytes_out": float64(len(out))})
	s := stats.NewSnapshot()
	g.proxy.stats.Fill(s, g.proxy.loop.Now())
	var all struct {
		Latency struct{ P50, Max float64 } `json:"latency_us"`
	}
	if err := json.Unmarshal(s.AppendJSON(nil), &all); err != nil {
		t.Fatal(err)
	}
	if p50, most := all.Latency.P50, all.Latency.Max; p50 < 2900 || p50 > 3100 || most < 9900 || most > 10_100 {
		t.Errorf("half of the replies took %v µs, the slowest %v µs", p50, most)
	}
}

// TestEventsOfDescriptorsThatAreClosedAreCounted has another process hold a
// client's descriptor as well: it goes on firing.
func TestEventsOfDescriptorsThatAreClosedAreCounted(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	giveUp := g.kernel.Share(g.kernel.Descriptor(client))
	server.Close()
	g.settle()
	g.pass(g.proxy.config.Client.LingerTimeout + time.Second)
	if len(g.proxy.sessions) != 0 {
		t.Fatal("the session is still there")
	}
	g.says(client, "x")
	g.numbers().expect(t, numbers{"events_stale": 1})
	giveUp()
}

func TestAReplyBelongsToTheOldestOfItsSeq(t *testing.T) {
	g := newStage(t)
	client, server := g.connect()
	g.says(client, "REQ 1 first\n")
	g.says(client, "REQ 1 second\n")
	older := g.proxy.sessions[0].requests.head
	g.says(server, "ACK 1\n")
	if s := g.proxy.sessions[0]; s.requests.count != 1 || s.requests.head == older {
		t.Errorf("%d requests are left, the first is %d, the older one was %d", s.requests.count, s.requests.head, older)
	}
	g.numbers().expect(t, numbers{"answered": 1, "outstanding": 1, "duplicates": 1, "out_of_order": 0})
}

func TestStrictDropsAFragmentAndTransparentForwardsIt(t *testing.T) {
	for _, fragment := range []string{"REQ 2 half", "x", "REQ 2\r"} {
		for _, isStrict := range []bool{false, true} {
			t.Run(fmt.Sprintf("%q strict %v", fragment, isStrict), func(t *testing.T) {
				g := newStage(t, func(c *Config) { c.Strict = isStrict })
				client, server := g.connect()
				g.says(client, "REQ 1 a\n"+fragment)
				g.hears(server, "REQ 1 a\n")
				client.CloseWrite()
				g.settle()
				if isStrict {
					g.hears(server, "")
				} else {
					g.hears(server, fragment)
				}
				g.ended(server)
				in := len("REQ 1 a\n")
				if !isStrict {
					in += len(fragment)
				}
				g.numbers().expect(t, numbers{"lines_invalid": 1, "msg_req": 1, "bytes_in": float64(in)})
			})
		}
	}
}
