// muxshare_test.go: what each client gets of the links that all share.

package proxy

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller/fake"
)

// TestNobodyFillsASharedLink: one who pipelines without end gets his share, others
// theirs in the same round.
func TestNobodyFillsASharedLink(t *testing.T) {
	c, links := newMuxed(t, 1)
	flood := c.dial()
	var others []*fake.Peer
	for range 9 {
		others = append(others, c.dial())
	}
	line := "REQ 1 flood " + strings.Repeat("x", 50) + "\n"
	text := strings.Repeat(line, 2000)
	floods, rest, poured := 0, 0, 0
	for range 50 {
		poured = (poured + c.pours(flood, text[poured:])) % len(text)
		for _, other := range others {
			other.SendString("REQ 1 other\n")
		}
		c.settle()
		reply := ""
		for _, got := range strings.Split(c.takes(links[0]), "\n") {
			if f := strings.Fields(got); len(f) > 1 {
				reply += "ACK " + f[1] + "\n"
				if f[2] == "flood" {
					floods++
				} else {
					rest++
				}
			}
		}
		c.says(links[0], reply)
		c.takes(flood)
		for _, other := range others {
			if got := c.takes(other); got != "ACK 1\n" {
				t.Fatalf("another client gets %q in its round", got)
			}
		}
	}
	if rest != 50*9 || floods == 0 {
		t.Errorf("%d requests of one, %d of the others", floods, rest)
	}
}

// narrowMost is what a narrow link holds, and its longest line; narrowLine is a line of
// which its server takes one at a time. In bytes.
const narrowMost, narrowLine = 1000, 100

// newNarrow has clients share one link that holds little.
func newNarrow(t *testing.T) (*cluster, *fake.Peer) {
	t.Helper()
	c, links := newMuxed(t, 1, func(config *Config) {
		config.Socket.NotSentLowat, config.Socket.SendBuffer = narrowLine, narrowLine
		config.Client.MaxLine, config.Server.MaxLine, config.Server.HighMark, config.Server.LowMark = narrowMost, narrowMost, narrowMost, narrowMost/2
	})
	links[0].SetWindow(narrowLine)
	return c, links[0]
}

// TestShorterLinesDoNotPassALongOneForEver, though they fit where it does not.
func TestShorterLinesDoNotPassALongOneForEver(t *testing.T) {
	c, link := newNarrow(t)
	flood, other, long := c.dial(), c.dial(), c.dial()
	text := strings.Repeat("REQ 1 "+strings.Repeat("x", narrowLine-7)+"\n", 200)
	poured := 0
	pour := func() {
		poured = (poured + c.pours(flood, text[poured:])) % len(text)
		other.SendString(text[:narrowLine])
		c.settle()
	}
	for range 5 {
		pour()
	}
	long.SendString("REQ 1 long " + strings.Repeat("y", narrowMost-100) + "\n")
	got := ""
	for range 40 {
		pour()
		got += string(link.ReceiveSome(narrowLine))
		c.settle()
		if strings.Contains(got, " long ") {
			return
		}
	}
	t.Errorf("%d lines have passed it", strings.Count(got, "\n"))
}

// TestNobodyWaitsForOneWhoHasLeft, and for whose long line room was kept.
func TestNobodyWaitsForOneWhoHasLeft(t *testing.T) {
	c, link := newNarrow(t)
	first, long, next := c.dial(), c.dial(), c.dial()
	first.SendString(strings.Repeat("REQ 1 "+strings.Repeat("x", narrowLine-7)+"\n", 6))
	c.settle()
	long.SendString("REQ 1 long " + strings.Repeat("y", narrowMost-100) + "\n")
	c.settle()
	next.SendString("REQ 1 next\n")
	c.settle()
	if c.proxy.mux.sharing.reserved.session == nil {
		t.Fatal("no room is kept")
	}
	long.Reset()
	c.settle()
	link.SetWindow(1 << 20)
	c.settle()
	if got := c.takes(link); !strings.HasSuffix(got, "REQ 7 next\n") {
		t.Errorf("the server gets %.30q at the end", got[max(0, len(got)-30):])
	}
}

// TestASharedLinkWaitsForADescriptor: a want of our own is no want of servers.
func TestASharedLinkWaitsForADescriptor(t *testing.T) {
	c, links := newMuxed(t, 1)
	a := c.dial()
	c.says(a, "REQ 7\n")
	c.says(links[0], "ACK 1\n")
	c.hears(a, "ACK 7\n")
	shortage := fake.Fault{Errno: syscall.EMFILE}
	c.kernel.Inject(fake.CallConnect, shortage, shortage, shortage)
	links[0].Close()
	c.settle()
	c.says(a, "REQ 1 a\n")
	c.hears(a, "")
	for range 4 {
		c.kernel.Advance(shortageRetry)
		c.settle()
	}
	link := c.servers[0].Accept()
	if link == nil {
		t.Fatal("the server was not dialled again")
	}
	c.hears(link, "REQ 1 a\n")
	c.says(link, "ACK 1 a\n")
	c.hears(a, "ACK 1 a\n")
}

// TestALongLineHoldsNobodyBackWhereNothingMoves: he waits for a server that stands
// still, others get the NAKs that are due.
func TestALongLineHoldsNobodyBackWhereNothingMoves(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.RequestTimeout = time.Second })
	links[0].SetWindow(0)
	first, long, other := c.dial(), c.dial(), c.dial()
	for range 40 {
		first.SendString("REQ 1 " + strings.Repeat("x", 1000) + "\n")
		c.settle()
	}
	long.SendString("REQ 1 " + strings.Repeat("y", 60_000) + "\n")
	c.settle()
	if r := &c.proxy.mux.sharing.reserved; r.session == nil || !r.timer.Armed() {
		t.Fatal("no room is kept, or for ever")
	}
	for i := range 5 {
		other.SendString("REQ 1 other\n")
		c.pass(1500 * time.Millisecond)
		if got := c.takes(other); got != "NAK 1 timeout\n" {
			t.Fatalf("request %d is answered %q", i, got)
		}
	}
}

// TestRoomIsNotKeptForALineThatWentAnotherWay: its time was over, here.
func TestRoomIsNotKeptForALineThatWentAnotherWay(t *testing.T) {
	c, links := newMuxed(t, 1, func(config *Config) { config.RequestTimeout = time.Second })
	links[0].SetWindow(0)
	a := c.dial()
	for i := range 40 { // the link holds some of it
		c.says(a, fmt.Sprint("REQ ", i+1, " ", strings.Repeat("x", 1000), "\n"))
	}
	c.proxy.mux.want(c.proxy.sessions[0], 1<<20)
	c.settle()
	if s := c.proxy.mux.sharing.reserved.session; s != nil {
		t.Error("room is kept for a line that is not there")
	}
}

// TestAShortageOfASuccessorIsNoShortage: its link stands.
func TestAShortageOfASuccessorIsNoShortage(t *testing.T) {
	c, _ := newMuxed(t, 1, func(config *Config) { config.LinkMaxAge = time.Second })
	c.kernel.Inject(fake.CallConnect, fake.Fault{Errno: syscall.EMFILE})
	for turns := 0; c.kernel.Pending(fake.CallConnect) != 0; turns++ {
		if turns == 200 {
			t.Fatal("no successor was dialled")
		}
		c.pass(10 * time.Millisecond)
	}
	if c.proxy.upstreams[0].bundle.short {
		t.Error("the server counts as one that cannot be dialled")
	}
}

// TestNobodyPassesThoseWhoWaitForCredits, though his request comes when some have just
// been made free.
func TestNobodyPassesThoseWhoWaitForCredits(t *testing.T) {
	const credits, crowd = 8, 20
	c, link := newScarce(t, credits)
	var clients []*fake.Peer
	var asked, got []string
	ask := func(client, request int) {
		name := fmt.Sprint("client", client, "request", request)
		clients[client].SendString("REQ 1 " + name + "\n")
		asked = append(asked, name)
	}
	reads := func() {
		for line := range strings.Lines(c.takes(link)) {
			got = append(got, strings.Fields(line)[2])
		}
	}
	for i := range crowd {
		clients = append(clients, c.dial())
		ask(i, 0)
		c.settle()
		reads()
	}
	if len(got) != credits {
		t.Fatalf("%d requests went out, and there are %d credits", len(got), credits)
	}
	for i := range 10 * crowd {
		link.SendString(fmt.Sprint("ACK ", i+1, "\n"))
		ask(i%crowd, i/crowd+1)
		c.settle()
		reads()
	}
	if len(got) != credits+10*crowd {
		t.Errorf("%d requests of %d went out", len(got), credits+10*crowd)
	}
	if !slices.Equal(got, asked[:len(got)]) {
		t.Errorf("they went out in the order %q", got)
	}
}

// TestAllCreditsAreUsed where each of many clients has several lines that wait.
func TestAllCreditsAreUsed(t *testing.T) {
	const credits, crowd, lines = 30, 10, 8
	c, link := newScarce(t, credits)
	clients := make([]*fake.Peer, crowd)
	for i := range clients {
		clients[i] = c.dial()
		clients[i].SendString(strings.Repeat("REQ 1 x\n", lines))
	}
	c.settle()
	sent, answered := 0, 0
	for answered < crowd*lines {
		sent += strings.Count(c.takes(link), "\n")
		if want := min(credits, crowd*lines-answered); sent-answered != want {
			t.Fatalf("%d are outstanding after %d replies, %d may be", sent-answered, answered, want)
		}
		for range min(4, sent-answered) {
			answered++
			link.SendString(fmt.Sprint("ACK ", answered, "\n"))
		}
		c.settle()
	}
}
