// door.go owns what becomes of connections that have to begin with a PROXY header.
// It must not know what clients say behind it.

package server

import (
	"fooproxy/poller"
	"fooproxy/stats"
)

// doorkeeper is the server as the owner of newcomers.
type doorkeeper Server

// Welcome implements newcomer.Owner: whom the header names is the client.
func (d *doorkeeper) Welcome(conn *poller.Conn, peer poller.Peer) poller.Handler {
	s := (*Server)(d)
	c := &client{server: s, peer: peer}
	s.begin(c, conn)
	return c
}

// Refused implements newcomer.Owner.
func (d *doorkeeper) Refused() { (*Server)(d).recorder.Add(stats.RefusedHeader, 1) }

// Left implements newcomer.Owner.
func (d *doorkeeper) Left() { (*Server)(d).resumeWhenFree() }
