// muxorder_test.go: replies that are held back for older ones.

package proxy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func ordered(c *Config) { c.Ordered = true }

func TestRepliesAreHeldBackForOlderOnes(t *testing.T) {
	c, links := newMuxed(t, 2, ordered)
	a, b := c.dial(), c.dial()
	c.says(a, "REQ 1 a\nREQ 2 b\nREQ 3 c\nwhat\nREQ 4 d\nREQ 5 e\n")
	c.says(b, "REQ 1 x\n")
	c.hears(links[0], "REQ 1 a\nREQ 2 c\nREQ 3 e\n")
	c.hears(links[1], "REQ 1 b\nREQ 2 d\nREQ 3 x\n")
	c.says(links[1], "ACK 3 x\nNAK 2  d\r\nACK 1 b\n")
	c.hears(b, "ACK 1 x\n")
	c.hears(a, "")
	c.says(links[0], "ACK 2 c\n")
	c.hears(a, "")
	c.says(links[0], "ACK 1 a\n")
	c.hears(a, "ACK 1 a\nACK 2 b\nACK 3 c\nNAK 0 unknown type\nNAK 4  d\r\n")
	c.says(links[0], "ACK 3 e\n")
	c.hears(a, "ACK 5 e\n")
	c.numbers().expect(t, numbers{"answered": 6, "out_of_order": 0, "msg_nak": 2})
}

// TestALostReplyFreesThoseBehindIt: its NAK takes its place.
func TestALostReplyFreesThoseBehindIt(t *testing.T) {
	c, links := newMuxed(t, 2, ordered, within(time.Second))
	a := c.dial()
	c.says(a, "REQ 1 a\nREQ 2 b\n")
	c.says(links[1], "ACK 1 b\n")
	links[0].Close()
	c.settle()
	c.hears(a, "NAK 1 upstream lost\nACK 2 b\n")
}

// TestWhoLeavesTakesWhatIsHeldBackWithHim: the stage's end looks whether anything is left.
func TestWhoLeavesTakesWhatIsHeldBackWithHim(t *testing.T) {
	c, links := newMuxed(t, 2, ordered)
	a := c.dial()
	c.says(a, "REQ 1 a\nREQ 2 b\nREQ 3 c\nREQ 4 d\n")
	c.says(links[1], "ACK 1 b\nACK 2 d\n")
	a.Reset()
	c.settle()
	if c.proxy.heldBack != 0 || c.proxy.records.live != 2 {
		t.Errorf("%d bytes and %d records are left", c.proxy.heldBack, c.proxy.records.live)
	}
}

// TestWhatIsHeldBackIsBounded: a client whose replies wait is not read.
func TestWhatIsHeldBackIsBounded(t *testing.T) {
	c, links := newMuxed(t, 2, ordered)
	a := c.dial()
	long := strings.Repeat("y", 20_000)
	c.says(a, "REQ 1 a\n")
	c.takes(links[0])
	asked, replied := 1, 0
	for range 100 {
		if n := a.SendString(fmt.Sprintf("REQ %d b\n", asked+1)); n > 0 {
			asked++
		}
		c.settle()
		for i, link := range links {
			for _, line := range strings.Split(c.takes(link), "\n") {
				if seq, is := strings.CutPrefix(line, "REQ "); is {
					c.says(links[i], "ACK "+strings.Fields(seq)[0]+" "+long+"\n")
					replied++
				}
			}
		}
	}
	if c.proxy.heldBack > 64<<10+2*20_100 {
		t.Errorf("%d bytes are held back", c.proxy.heldBack)
	}
	c.says(links[0], "ACK 1 a\n")
	got := ""
	for range 200 {
		got += c.takes(a)
		for i, link := range links {
			for _, line := range strings.Split(c.takes(link), "\n") {
				if seq, is := strings.CutPrefix(line, "REQ "); is {
					c.says(links[i], "ACK "+strings.Fields(seq)[0]+"\n")
				}
			}
		}
	}
	last := 0
	for i, line := range strings.Split(strings.TrimSuffix(got, "\n"), "\n") {
		if last = i + 1; !strings.HasPrefix(line, fmt.Sprintf("ACK %d", last)) {
			t.Fatalf("reply %d is %s", last, brief(line))
		}
	}
	if last != asked {
		t.Errorf("%d of %d requests have their replies", last, asked)
	}
}
