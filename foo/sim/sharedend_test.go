// sharedend_test.go: which replies on a shared connection must have been passed on when
// that was lost.

package sim

import (
	"bytes"
	"syscall"
	"testing"
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// TestARepliesWayEndsWithItsConnection has a server take nothing more, answer, and end;
// the proxy ends a while later.
func TestARepliesWayEndsWithItsConnection(t *testing.T) {
	const most = 100 * time.Millisecond
	for name, x := range map[string]struct {
		rule, waits time.Duration
		narrow      bool // the loop may have had no turn for the reply
		come        bool
	}{
		"given up for its output, and not read": {most, most, true, false},
		"given up, and read before":             {most, most, false, true},
		"left before its time was over":         {most, most / 2, true, true},
		"nothing is given up for its output":    {0, most, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := NewWorld(fake.PlayChoices(nil))
			w.Rules = Rules{MaxLine: 100, Failover: true, Strict: true, Shared: true, LinkWrite: x.rule, Linger: time.Minute}
			w.Narrow = x.narrow
			sys := w.Kernel.NewSys()
			fd, _ := sys.Connect(w.AddServer(loopback).Addr(), &poller.SocketOptions{}) // it is in progress
			w.Kernel.Advance(time.Second)
			c := w.Servers[0].conns[0]
			w.Kernel.Inject(fake.CallWrite, fake.Fault{Errno: syscall.EAGAIN})
			sys.Write(fd, bytes.Repeat([]byte("REQ 1 a\n"), 8))
			c.put(asked{line: 0, seq: 1, text: []byte("ACK 1\n")})
			c.speak()
			c.end(farewellLeft)
			c.peer.Close()
			w.Kernel.Advance(x.waits)
			sys.Close(fd)
			if got := c.hasCome(&c.asked[0]); got != x.come {
				t.Errorf("the reply has come: %t", got)
			}
		})
	}
}
