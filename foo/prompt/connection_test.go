// This file owns the tests of one connection's end.
package prompt

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"fooproxy/foo/client"
)

// A connection that we close ourselves has no news about it: it would be shown
// as a loss.
func TestOurOwnCloseIsNoArrival(t *testing.T) {
	for range 50 { // A choice between two that are ready is random.
		mine, other := net.Pipe()
		c := &connection{conn: client.New(mine), arrivals: make(chan arrival, 1), closed: make(chan struct{})}
		c.close()
		c.receive()
		if len(c.arrivals) > 0 {
			t.Fatalf("arrived: %v", (<-c.arrivals).err)
		}
		other.Close()
	}
}

// The end may have come and not been shown yet when a line is typed. The line
// must not go into the dead connection.
func TestLineIsNotSentIntoAConnectionThatHasEnded(t *testing.T) {
	dead, other := net.Pipe()
	defer other.Close()
	c := &connection{conn: client.New(dead), arrivals: make(chan arrival, 1), closed: make(chan struct{})}
	c.arrivals <- arrival{err: io.EOF}
	dial := func(context.Context) (*client.Conn, string, error) {
		mine, other := net.Pipe()
		go echo(1, other)
		return client.New(mine), "server", nil
	}
	paper := &paper{}
	p := &prompt{options: Options{Dial: dial, Wait: time.Hour}, connection: c, screen: screen{out: paper}}
	if err := p.request(t.Context(), "a", false); err != nil {
		t.Fatal(err)
	}
	p.connection.close()
	const want = "-- connection lost: the server has closed it; the next line connects anew\n" +
		"-- connected to server anew; numbers start at 1\nACK 1 a  (#)\n"
	if got := paper.String(); got != want {
		t.Errorf("the paper:\n%q\nwant:\n%q", got, want)
	}
}

// The loss may show only in the write. A line of which nothing was written goes to
// the next server; one of which something was does not.
func TestLineOfWhichNothingWasWrittenIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		taken int // bytes of the line, by the connection that is lost
		want  string
	}{
		{0, "-- connection lost: send: io: read/write on closed pipe; the next line connects anew\n" +
			"-- connected to server anew; numbers start at 1\nACK 1 a  (#)\n"},
		{1, "-- connection lost: send: io: read/write on closed pipe; no reply to 1; the next line connects anew\n"},
	} {
		dead, gone := net.Pipe()
		go func() {
			_, _ = io.ReadFull(gone, make([]byte, c.taken)) // The other end is there.
			gone.Close()
		}()
		conn := &connection{conn: client.New(dead), arrivals: make(chan arrival, 1), closed: make(chan struct{})}
		dial := func(context.Context) (*client.Conn, string, error) {
			mine, other := net.Pipe()
			go echo(1, other)
			return client.New(mine), "server", nil
		}
		paper := &paper{}
		p := &prompt{options: Options{Dial: dial, Wait: time.Hour}, connection: conn, screen: screen{out: paper}}
		if err := p.request(t.Context(), "a", false); err != nil {
			t.Fatal(err)
		}
		if p.connection != nil {
			p.connection.close()
		}
		if got := paper.String(); got != c.want {
			t.Errorf("%d bytes taken: the paper:\n%q\nwant:\n%q", c.taken, got, c.want)
		}
	}
}
