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
	dial := func(context.Context) (*client.Conn, error) {
		mine, other := net.Pipe()
		go echo(1, other)
		return client.New(mine), nil
	}
	paper := &paper{}
	p := &prompt{options: Options{Name: "server", Dial: dial, Wait: time.Hour}, connection: c, screen: screen{out: paper}}
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
