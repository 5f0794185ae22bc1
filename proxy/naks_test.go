// naks_test.go: where the NAKs that are made here stand among the replies, also
// while the client takes no output.

package proxy

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"fooproxy/foo"
)

func TestEachReasonHasItsText(t *testing.T) {
	for i, reason := range reasons {
		n := nakOf(reason)
		if int(n) != i+1 {
			t.Errorf("%v is number %d", reason, n)
		}
		for _, seq := range []uint64{0, 1, foo.SeqMax} {
			line := string(appendNak(nil, seq, n))
			if want := fmt.Sprintf("NAK %d %v\n", seq, reason); line != want {
				t.Errorf("%q, want %q", line, want)
			}
			if len(line) > nakBytesMax {
				t.Errorf("%q is longer than %d bytes", line, nakBytesMax)
			}
			if m, err := foo.Parse([]byte(strings.TrimSuffix(line, "\n"))); m.Type != foo.NAK || m.Seq != seq || string(m.Data) != reason.Error() {
				t.Errorf("%q is read as %v %d %q, %v", line, m.Type, m.Seq, m.Data, err)
			}
		}
	}
}

func TestAReasonThatIsNotOnTheListPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	nakOf(errors.New("something else"))
}

func TestNAKsTakeTheirPlacesAmongTheReplies(t *testing.T) {
	g := newStage(t, strict)
	client, server := g.connect()
	g.says(client, "REQ 1 a\nbad\nREQ 2 \xff\nREQ 3 c\nACK 9\n")
	g.hears(server, "REQ 1 a\nREQ 3 c\n")
	g.hears(client, "")
	g.says(server, "ACK 1 a\n")
	g.hears(client, "ACK 1 a\nNAK 0 unknown type\nNAK 2 data is not UTF-8\n")
	g.says(server, "ACK 3 c\n")
	g.hears(client, "ACK 3 c\nNAK 0 not a request\n")
	g.numbers().expect(t, numbers{"msg_req": 3, "answered": 3, "outstanding": 0, "msg_ack": 2, "msg_nak": 3,
		"naks_local": 3, "lines_invalid": 2, "data_invalid": 1, "nak_zero": 2})
}

func TestNAKsWaitForTheRepliesBeforeThemInWhateverOrderThoseCome(t *testing.T) {
	g := newStage(t, strict)
	client, server := g.connect()
	g.says(client, "REQ 1\nREQ 2\nbad\nREQ 3\n")
	g.says(server, "ACK 3\nACK 2\n")
	g.hears(client, "ACK 3\nACK 2\n")
	g.says(server, "ACK 1\n")
	g.hears(client, "ACK 1\nNAK 0 unknown type\n")
}

func TestRepliesInOneRunLetTheNAKsBetweenThem(t *testing.T) {
	g := newStage(t, strict)
	client, server := g.connect()
	var script, forwarded, replies, want strings.Builder
	for i := 1; i <= 300; i++ {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&script, "REQ %d \x00\n", i)
			fmt.Fprintf(&want, "NAK %d data holds NUL\n", i)
		case 1:
			fmt.Fprintf(&script, "REQ 0 %d\n", i)
			fmt.Fprintf(&want, "NAK 0 Seq is zero\n")
		default:
			fmt.Fprintf(&script, "REQ %d\n", i)
			fmt.Fprintf(&forwarded, "REQ %d\n", i)
			fmt.Fprintf(&replies, "ACK %d\n", i)
			fmt.Fprintf(&want, "ACK %d\n", i)
		}
	}
	g.says(client, script.String())
	g.hears(server, forwarded.String())
	g.says(server, replies.String())
	g.hears(client, want.String())
}

// small makes the output limit so small that a few lines fill it.
func small(c *Config) {
	c.Client.MaxLine, c.Client.HighMark, c.Client.LowMark = 1<<10, 1<<10, 1<<9
	c.Server.MaxLine, c.Server.HighMark, c.Server.LowMark = 1<<10, 1<<10, 1<<9
}

// TestNAKsKeepTheirPlacesWhileTheClientTakesNoOutput fills the client's output
// first, then lets it flow a few bytes at a time.
func TestNAKsKeepTheirPlacesWhileTheClientTakesNoOutput(t *testing.T) {
	for _, window := range []int{1, 7, 100, 5000} {
		t.Run(fmt.Sprint(window), func(t *testing.T) {
			g := newStage(t, strict, small)
			client, server := g.connect()
			client.SetWindow(1)
			var want strings.Builder
			seq := 0
			ask := func(bad string) {
				seq++
				fmt.Fprintf(&want, "ACK %d %s\n", seq, strings.Repeat("x", 100))
				g.says(client, fmt.Sprintf("REQ %d\n%s", seq, bad))
			}
			for range 40 {
				ask("")
			}
			for range 20 {
				ask("bad\n")
				want.WriteString("NAK 0 unknown type\n")
				seq++
				g.says(client, fmt.Sprintf("REQ %d \xff\n", seq))
				fmt.Fprintf(&want, "NAK %d data is not UTF-8\n", seq)
			}
			asked := 0
			got, idle := "", 0
			for got != want.String() && idle < 10 {
				for _, line := range strings.SplitAfter(string(server.Receive()), "\n") {
					if line != "" {
						asked++
						server.SendString(strings.Replace(strings.TrimSuffix(line, "\n"), "REQ", "ACK", 1) + " " + strings.Repeat("x", 100) + "\n")
					}
				}
				g.settle()
				c := g.proxy.sessions[0].client
				if waits := c.Appended() - c.Written(); waits > 1<<10 {
					t.Fatalf("%d bytes of output wait", waits)
				}
				client.SetWindow(window)
				part := string(client.Receive())
				client.SetWindow(1)
				got += part
				if idle++; part != "" {
					idle = 0
				}
			}
			if got != want.String() {
				t.Fatalf("arrived: %s\n   want: %s", brief(got), brief(want.String()))
			}
			if asked != 60 {
				t.Errorf("%d lines were forwarded", asked)
			}
			g.numbers().expect(t, numbers{"answered": 80, "outstanding": 0, "naks_local": 40})
		})
	}
}

// TestAShortReplyDoesNotPassANAKThatFindsNoRoom leaves room for the one, and not
// for the other.
func TestAShortReplyDoesNotPassANAKThatFindsNoRoom(t *testing.T) {
	g := newStage(t, strict)
	client, server := g.connect()
	client.SetWindow(1)
	g.says(client, "REQ 1\nREQ 2\nbad\nREQ 3\n")
	long := line("ACK 1 ", 64<<10-nakBytesMax/2-len("ACK 2\n"))
	g.says(server, long+"ACK 2\nACK 3\n")
	client.SetWindow(64 << 10)
	g.hears(client, long+"ACK 2\nNAK 0 unknown type\nACK 3\n")
}

// TestNAKsAmongRepliesCountAsOutput has replies come in one run that the output
// would just hold, and a NAK behind each.
func TestNAKsAmongRepliesCountAsOutput(t *testing.T) {
	const limit, requests = 8 << 10, 60
	g := newStage(t, strict, func(c *Config) {
		c.Client.MaxLine, c.Client.HighMark, c.Client.LowMark = limit/8, limit, limit/2
		c.Socket.NotSentLowat = 1 // the kernel shall not take it instead
	})
	client, server := g.connect()
	client.SetWindow(1)
	g.says(client, strings.Repeat("REQ 1\nbad\n", requests))
	reply := line("ACK 1 ", limit/requests)
	g.says(server, strings.Repeat(reply, requests))
	c := g.proxy.sessions[0].client
	if waits := c.Appended() - c.Written(); waits > limit {
		t.Errorf("%d bytes of output wait", waits)
	}
	client.SetWindow(64 << 10)
	g.hears(client, strings.Repeat(reply+"NAK 0 unknown type\n", requests))
}

// TestNAKsMadeHereAreBoundedLikeReplies has a client send bad lines for ever and
// never read: the NAKs count as output and as outstanding requests.
func TestNAKsMadeHereAreBoundedLikeReplies(t *testing.T) {
	g := newStage(t, strict)
	client, _ := g.connect()
	client.SetWindow(1)
	bad := strings.Repeat("\n", 4096)
	for range 200 {
		client.SendString(bad)
		g.settle()
		if held := g.proxy.held(); held > 192<<10 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	s := g.proxy.sessions[0]
	if !s.client.Paused() || int(s.requests.count) != g.proxy.config.MaxOutstanding {
		t.Errorf("paused %v with %d NAKs that wait", s.client.Paused(), s.requests.count)
	}
	client.SetWindow(1 << 20)
	for len(client.Receive()) > 0 {
		g.settle()
	}
	if s.client.Paused() || s.requests.count != 0 {
		t.Errorf("paused %v with %d NAKs that wait", s.client.Paused(), s.requests.count)
	}
}
