// rights_test.go: what only comes on unix sockets: descriptors of other processes.

package poller_test

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"fooproxy/poller"
)

// TestADescriptorThatIsSentAlongStopsNothing: the kernel ends a read behind the
// bytes it came with, and tells of the rest no more.
func TestADescriptorThatIsSentAlongStopsNothing(t *testing.T) {
	for name, fromClient := range map[string]bool{"to a listener": true, "to a dial": false} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "s")
			l := newLive(t, func(l *live) {
				if fromClient {
					l.addr = poller.UnixAddr(path)
				}
			})
			a, c := &actor{}, (*net.UnixConn)(nil)
			if fromClient {
				c = dialUnix(t, path)
				l.await("the client", func() bool { return len(l.accepted) == 1 })
				a = l.accepted[0]
			} else {
				server, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
				fatal(t, err)
				defer server.Close()
				if _, e := l.loop.Dial(poller.UnixAddr(path), &l.options, a, l.config); e != 0 {
					t.Fatal(e)
				}
				c, err = server.AcceptUnix()
				fatal(t, err)
				l.await("the dial", func() bool { return a.said() == "open" })
			}
			defer c.Close()
			before := openDescriptors(t)
			for _, text := range []string{"REQ 1 a\n", "REQ 2 b\n", "REQ 3 c\n"} {
				_, _, err := c.WriteMsgUnix([]byte(text), unix.UnixRights(0), nil)
				fatal(t, err)
			}
			l.await("all lines", func() bool { return a.text() == "REQ 1 a\nREQ 2 b\nREQ 3 c\n" })
			if n := openDescriptors(t) - before; n != 0 {
				t.Errorf("%d descriptors were taken", n)
			}
		})
	}
}

func dialUnix(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path})
	fatal(t, err)
	return c
}
