// newcomer.go owns one connection until its header is whole: the bytes so far, its
// time, and its end where there is no good header.

package newcomer

import (
	"errors"

	"fooproxy/foo/proxyheader"
	"fooproxy/poller"
)

// Why a connection is refused whose header is not even wrong.
var (
	errNotInTime = errors.New("no PROXY header in time")
	errCutShort  = errors.New("PROXY header ends too early")
)

// newcomer is a connection without a handler of its own. It is the filter that
// takes the header off.
type newcomer struct {
	room   *Room
	conn   *poller.Conn
	peer   poller.Peer // who has connected
	reader proxyheader.Reader
	timer  poller.Timer
	due    int64
	place  int // in the room
}

// Filter implements poller.Filter: once the header is whole somebody goes on with
// the rest.
func (n *newcomer) Filter(c *poller.Conn, raw []byte) (plain []byte, done bool, err error) {
	rest, named, done, err := n.reader.Read(raw)
	if err != nil {
		n.refuse(err)
		return nil, true, nil
	}
	if !done {
		return nil, false, nil
	}
	client := n.peer
	if named.IsValid() {
		client = poller.PeerOf(named)
	}
	n.room.loop.Disarm(&n.timer)
	n.room.remove(n)
	if h := n.room.owner.Welcome(c, client); h != nil {
		c.SetHandler(h)
	} else {
		n.room.add(n) // until it is closed
	}
	return rest, true, nil
}

// refuse closes the connection, in such a way that its peer gets a FIN whatever it
// goes on sending.
func (n *newcomer) refuse(why error) {
	n.room.tellRefused(n.peer, why)
	n.room.owner.Refused()
	n.close()
}

func (n *newcomer) close() {
	n.room.loop.Disarm(&n.timer)
	n.conn.Close()
}

func (n *newcomer) wait(until int64) {
	n.due = until
	n.room.loop.Arm(&n.timer, n, until)
}

// Expire implements poller.Expirer: the header's time is over. It is not where the
// loop has not looked at all that came, or stood still itself.
func (n *newcomer) Expire(now int64) {
	switch {
	case n.conn.HasUnread():
		n.wait(now + 1)
	case now-n.due >= int64(lateMin):
		n.wait(now + int64(headerTimeout))
	default:
		n.refuse(errNotInTime)
	}
}

// OnOpen implements poller.Handler; accepted connections never get it.
func (n *newcomer) OnOpen(*poller.Conn) {}

// ReadRoom implements poller.Handler.
func (n *newcomer) ReadRoom(*poller.Conn) int { return readBytes }

// OnLines implements poller.Handler. Nothing passes the filter before somebody else
// is the handler.
func (n *newcomer) OnLines(_ *poller.Conn, run []byte, _ int) (taken, lines int) {
	panic("newcomer: lines before the header is whole")
}

// OnLongLine implements poller.Handler, likewise.
func (n *newcomer) OnLongLine(*poller.Conn, []byte) {
	panic("newcomer: a line before the header is whole")
}

// OnEnd implements poller.Handler. Who leaves without having sent anything only
// looked whether somebody is there, as health checks do; and nobody is to blame who
// is not read any more.
func (n *newcomer) OnEnd(c *poller.Conn, _ []byte) {
	if c.Ended() && n.reader.Began() {
		n.refuse(errCutShort)
		return
	}
	n.close()
}

// OnRoom implements poller.Handler; there is no output.
func (n *newcomer) OnRoom(*poller.Conn) {}

// OnClose implements poller.Handler.
func (n *newcomer) OnClose(*poller.Conn, poller.Cause) {
	n.room.loop.Disarm(&n.timer)
	n.room.remove(n)
	n.room.owner.Left()
}
