package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"fooproxy/foo"
	"fooproxy/poller"
	"fooproxy/stats"
)

var longestData = strings.Repeat("x", poller.DefaultConnConfig().MaxLine-len("REQ 1 \n"))

var conversations = []struct{ name, lines, replies string }{
	{"request", "REQ 1 hey\n", "ACK 1 hey\n"},
	{"without data", "REQ 1\n", "ACK 1\n"},
	{"empty data", "REQ 1 \n", "ACK 1\n"},
	{"blanks before data", "REQ\t 7 \t a  b \n", "ACK 7 a  b \n"},
	{"a tab for a blank", "REQ\t1 a\nREQ 2\ta\nREQ 3 a\n", "ACK 1 a\nACK 2 a\nACK 3 a\n"},
	{"a blank more", "REQ  1 a\nREQ 2  a\nREQ 3 a \n", "ACK 1 a\nACK 2 a\nACK 3 a \n"},
	{"data of blanks and a CR", "REQ 1 \r\nREQ 2 \r\r\nREQ 3 a\r\r\nREQ 4 1\n", "ACK 1\nACK 2 \r\nACK 3 a\r\nACK 4 1\n"},
	{"CR LF", "REQ 1 hey\r\nREQ 2\r\n", "ACK 1 hey\nACK 2\n"},
	{"CR inside", "REQ 1 a\rb\n", "ACK 1 a\rb\n"},
	{"any Seq", "REQ 9223372036854775807 z\nREQ 5 y\nREQ 5 x\n", "ACK 9223372036854775807 z\nACK 5 y\nACK 5 x\n"},
	{"data of other alphabets", "REQ 1 größer 語\n", "ACK 1 größer 語\n"},
	{"control bytes", "REQ 1 \x1b[1m\x7f\tx\n", "ACK 1 \x1b[1m\x7f\tx\n"},
	{"longest line", "REQ 1 " + longestData + "\n", "ACK 1 " + longestData + "\n"},
	{"not UTF-8", "REQ 3 \xff\nREQ 4 b\n", "NAK 3 data is not UTF-8\nACK 4 b\n"},
	{"NUL", "REQ 3 a\x00b\n", "NAK 3 data holds NUL\n"},
	{"empty line", "\nREQ 1 a\n", "NAK 0 empty line\nACK 1 a\n"},
	{"lone CR", "\r\n", "NAK 0 empty line\n"},
	{"another protocol", "GET / HTTP/1.1\n", "NAK 0 unknown type\n"},
	{"lower case", "req 1 a\n", "NAK 0 unknown type\n"},
	{"blank first", " REQ 1 a\n", "NAK 0 unknown type\n"},
	{"no Seq", "REQ\nREQ \n", "NAK 0 Seq missing\nNAK 0 Seq missing\n"},
	{"Seq 0", "REQ 0 a\n", "NAK 0 Seq is zero\n"},
	{"signed Seq", "REQ -1 a\nREQ +1 a\n", "NAK 0 Seq has a sign\nNAK 0 Seq has a sign\n"},
	{"leading zero", "REQ 01 a\n", "NAK 0 Seq has a leading zero\n"},
	{"hexadecimal Seq", "REQ 0x1 a\n", "NAK 0 Seq is not decimal\n"},
	{"Seq too large", "REQ 9223372036854775808 a\n", "NAK 0 Seq overflow\n"},
	{"replies from a client", "ACK 1 a\nNAK 1 b\nNAK 0 c\n", strings.Repeat("NAK 0 not a request\n", 3)},
	{"fragment at the end", "REQ 1 a\nREQ 2 b", "ACK 1 a\n"},
	{"quit", "REQ 1 a\nREQ 2 QUIT\nREQ 3 b\n", "ACK 1 a\nACK 2\n"},
	{"quit in any case", "REQ 9 qUiT\r\nREQ 10\n", "ACK 9\n"},
	{"quit and a blank", "REQ 1 QUIT \nREQ 2\n", "ACK 1\n"},
	{"no quit", "REQ 1 QUITE\nREQ 2 QUIT.\nREQ 3 qu\u0131t\n", "ACK 1 QUITE\nACK 2 QUIT.\nACK 3 qu\u0131t\n"},
	{"nothing", "", ""},
}

func TestEachLineGetsItsReply(t *testing.T) {
	for _, delay := range []bool{false, true} {
		for _, x := range conversations {
			t.Run(fmt.Sprintf("%s, delayed %t", x.name, delay), func(t *testing.T) {
				r := start(t, func(c *Config) {
					if delay {
						c.Delay = 1 // the least there is
					}
				})
				p := dial(t, r.addr)
				p.send(x.lines)
				p.finish()
				p.expectEnd(x.replies)
				r.waitForCloses(1)
			})
		}
	}
}

func TestWhatIsCounted(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	lines := "REQ 1 hey\nREQ 2 \xff\nfoo\nACK 3\nREQ 4 quit\n"
	replies := "ACK 1 hey\nNAK 2 data is not UTF-8\nNAK 0 unknown type\nNAK 0 not a request\nACK 4\n"
	p.send(lines)
	p.expectEnd(replies)
	half := dial(t, r.addr)
	half.send("REQ 1\nfragment")
	half.finish()
	half.expectEnd("ACK 1\n")
	numbers := r.numbers()
	for name, wanted := range map[string]float64{
		"msg_total": 10, "msg_req": 4, "msg_ack": 3, "msg_nak": 3, "answered": 4, "outstanding": 0,
		"abandoned": 0, "lines_invalid": 3, "data_invalid": 1,
		"bytes_in":  float64(len(lines) + len("REQ 1\nfragment")),
		"bytes_out": float64(len(replies) + len("ACK 1\n")),
	} {
		if numbers[name] != wanted {
			t.Errorf("%s is %v, not %v", name, numbers[name], wanted)
		}
	}
}

// script is cut at every place below.
const script = "REQ 1 a b\r\nfoo\nREQ 2\nREQ 3 größer\nREQ 4 quit\nREQ 5\n"

const scriptReplies = "ACK 1 a b\nNAK 0 unknown type\nACK 2\nACK 3 größer\nACK 4\n"

func TestCutsChangeNothing(t *testing.T) {
	s := step(t, nil)
	play := func(pieces ...string) {
		t.Helper()
		c := s.call()
		for _, piece := range pieces {
			c.say(piece)
		}
		c.hearEnd(scriptReplies)
		c.Close()
		s.settle()
	}
	play(script)
	play(strings.SplitAfter(script, "")...)
	for cut := 1; cut < len(script); cut++ {
		play(script[:cut], script[cut:])
	}
	s.expectNobody()
}

func TestHalfCloseAfterManyRequests(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	var lines, replies strings.Builder
	for seq := range 1000 {
		fmt.Fprintf(&lines, "REQ %d part %d\n", seq+1, seq)
		fmt.Fprintf(&replies, "ACK %d part %d\n", seq+1, seq)
	}
	p.send(lines.String())
	p.finish()
	p.expectEnd(replies.String())
}

func TestTheReplyToQuitArrivesHoweverMuchIsSentBehindIt(t *testing.T) {
	r := start(t, nil)
	p := dial(t, r.addr)
	p.send("REQ 1 " + longestData + "\nREQ 2 quit\n" + strings.Repeat("REQ 3 more\n", 100_000))
	p.finish()
	p.expectEnd("ACK 1 " + longestData + "\nACK 2\n")
}

func TestALongLineIsRefusedThoughTheClientGoesOn(t *testing.T) {
	for name, line := range map[string]string{
		"one byte too long": "REQ 1 " + longestData + "x\n",
		"endless":           strings.Repeat("x", 1<<20),
		"no byte of Foo":    strings.Repeat("\xff", 70<<10) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			p := dial(t, r.addr)
			p.send("REQ 1 a\n" + line + strings.Repeat("REQ 2 more\n", 1<<20/11))
			p.finish()
			p.expectEnd("ACK 1 a\nNAK 0 line too long\n")
			if got := r.numbers()["lines_invalid"]; got != 1 {
				t.Errorf("%v lines are invalid", got)
			}
		})
	}
}

func TestLinesLongerThanTheOutputMayBe(t *testing.T) {
	r := start(t, func(c *Config) { c.Conn.MaxLine = 1 << 20 })
	p := dial(t, r.addr)
	var replies strings.Builder
	go func() {
		for seq := range 4 {
			fmt.Fprintf(p, "REQ %d %s\nREQ 9 short\n", seq+1, strings.Repeat("y", 300_000))
		}
		p.CloseWrite()
	}()
	for seq := range 4 {
		fmt.Fprintf(&replies, "ACK %d %s\nACK 9 short\n", seq+1, strings.Repeat("y", 300_000))
	}
	p.expectEnd(replies.String())
}

// naks plays 1,000 requests and gives the replies.
func naks(t *testing.T, seed uint64, rate float64) string {
	r := start(t, func(c *Config) {
		c.NakRate, c.Random = rate, rand.New(rand.NewPCG(seed, 0))
	})
	p := dial(t, r.addr)
	go func() {
		for seq := range 1000 {
			fmt.Fprintf(p, "REQ %d data\n", seq+1)
		}
		p.CloseWrite()
	}()
	replies, err := io.ReadAll(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(replies)
}

func TestTheNakRateIsAShareThatASeedReproduces(t *testing.T) {
	quarter := naks(t, 1, 0.25)
	if again := naks(t, 1, 0.25); again != quarter {
		t.Error("the same seed gives other replies")
	}
	if other := naks(t, 2, 0.25); other == quarter {
		t.Error("another seed gives the same replies")
	}
	// The standard deviation is 14; the seed is fixed, so this cannot flicker.
	if n := strings.Count(quarter, " nak-rate\n"); n < 200 || n > 300 {
		t.Errorf("%d of 1,000 requests got a NAK", n)
	}
	if n := strings.Count(quarter, "\n"); n != 1000 {
		t.Errorf("there are %d replies", n)
	}
	for rate, wanted := range map[float64]int{0: 0, 1: 1000} {
		if n := strings.Count(naks(t, 1, rate), " nak-rate\n"); n != wanted {
			t.Errorf("%d of 1,000 requests got a NAK at rate %v", n, rate)
		}
	}
}

func TestNoReplyIsLongerThanItsBound(t *testing.T) {
	s := step(t, func(c *Config) {
		c.NakRate, c.Random = 0.5, rand.New(rand.NewPCG(1, 1))
		c.Plain = false // words have bounds of their own
	}).Server
	random := rand.New(rand.NewPCG(3, 4))
	parts := []string{"REQ", "ACK", "NAK", " ", "\t", "0", "1", "9223372036854775807", "-", "\xff", "\x00", "x", "quit", "\r"}
	for range 20_000 {
		var line []byte
		for range random.IntN(6) {
			line = append(line, parts[random.IntN(len(parts))]...)
		}
		s.beginReplies()
		s.answer(&client{}, line)
		if len(s.replies) > len(line)+replyBytesMax {
			t.Fatalf("the reply to %q is %q", line, s.replies)
		}
		if bytes.Count(s.replies, []byte{'\n'}) != 1 || !bytes.HasSuffix(s.replies, []byte{'\n'}) {
			t.Fatalf("the reply to %q is no line: %q", line, s.replies)
		}
		reply, err := foo.Parse(s.replies[:len(s.replies)-1])
		if reply.Type != foo.ACK && reply.Type != foo.NAK || err != nil && err != foo.ErrNakZero {
			t.Fatalf("the reply to %q is no reply: %q", line, s.replies)
		}
	}
	if s.recorder.Count(stats.MsgReq) == 0 || s.recorder.Count(stats.LinesInvalid) == 0 {
		t.Error("the lines were all of one kind")
	}
}
