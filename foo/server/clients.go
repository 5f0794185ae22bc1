// clients.go owns who is connected, and how many may be: accepting, the limit,
// and the listeners' rest while it is reached. It must not know what clients
// say.

package server

import (
	"slices"

	"go.uber.org/zap"

	"fooproxy/poller"
	"fooproxy/stats"
)

// clients is everybody who is connected. A client knows its own place, so that
// leaving costs the same however many there are, and the order of a walk
// depends on nothing but the order of events.
type clients struct {
	all  []*client
	most int

	// The same in the order of their coming.
	oldest, newest *client
}

func (cs *clients) add(c *client) {
	c.place = len(cs.all)
	cs.all = append(cs.all, c)
	if c.older = cs.newest; c.older == nil {
		cs.oldest = c
	} else {
		c.older.newer = c
	}
	cs.newest = c
}

func (cs *clients) remove(c *client) {
	cs.unlink(c)
	last := len(cs.all) - 1
	moved := cs.all[last]
	moved.place = c.place
	cs.all[c.place] = moved
	cs.all = slices.Delete(cs.all, last, last+1)
}

// unlink closes the gap between those who came before and after a client.
func (cs *clients) unlink(c *client) {
	if c.older == nil {
		cs.oldest = c.newer
	} else {
		c.older.newer = c.newer
	}
	if c.newer == nil {
		cs.newest = c.older
	} else {
		c.newer.older = c.older
	}
	c.older, c.newer = nil, nil
}

// OnAccept implements poller.Acceptor.
func (s *Server) OnAccept(_ *poller.Listener, peer poller.Peer) (poller.Handler, *poller.ConnConfig) {
	if h := s.newcomers.Expect(peer); h != nil {
		return h, &s.config.Conn
	}
	return &client{server: s, peer: peer}, &s.config.Conn
}

// OnAccepted implements poller.Acceptor. Only here does the connection exist:
// the loop may give up between the two calls.
func (s *Server) OnAccepted(conn *poller.Conn, h poller.Handler) {
	if s.newcomers.Enter(conn, h) {
		s.pauseWhenFull()
		return
	}
	s.begin(h.(*client), conn)
}

// begin has a client's conversation begin.
func (s *Server) begin(c *client, conn *poller.Conn) {
	c.conn = conn
	s.clients.add(c)
	s.recorder.Add(stats.Accepts, 1)
	if entry := s.log.Check(zap.InfoLevel, "connection from"); entry != nil {
		entry.Write(zap.Stringer("address", c.peer))
	}
	s.pauseWhenFull()
	if s.draining {
		conn.StopReading()
	}
}

// OnAcceptError implements poller.Acceptor.
func (s *Server) OnAcceptError(l *poller.Listener, e poller.Errno) {
	s.log.Warn("cannot accept; trying again", zap.Stringer("address", l.Addr()), zap.Error(e))
}

// full reports whether all places are taken, those included of clients whose header
// has not come.
func (s *Server) full() bool { return len(s.clients.all)+s.newcomers.Len() >= s.clients.most }

func (s *Server) pauseWhenFull() {
	if !s.full() {
		return
	}
	for _, listener := range s.listeners {
		listener.Pause()
	}
}

func (s *Server) resumeWhenFree() {
	if s.full() {
		return
	}
	for _, listener := range s.listeners {
		listener.Resume()
	}
}

// forget takes a client off whose descriptor is closed, and gives its place to
// the next one.
func (s *Server) forget(c *client) {
	s.clients.remove(c)
	s.recorder.Add(stats.Closes, 1)
	s.resumeWhenFree()
}
