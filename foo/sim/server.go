// server.go owns a server model: it accepts, dies, stands still. Its connections
// have a file of their own.

package sim

import (
	"net/netip"
	"time"

	"fooproxy/poller/fake"
)

// Server is one server, at one address.
type Server struct {
	doer
	id      int
	addr    netip.AddrPort
	listens *fake.Server // nil while it is dead
	stopped bool
	killed  bool // it was dead once
	lost    bool // and connections died with it
	conns   []*Conn
}

func newServer(w *World, id int, addr netip.AddrPort) *Server {
	s := &Server{id: id, addr: addr}
	s.world = w
	s.acts(s.act)
	s.listen()
	if w.does(Kill) {
		if w.Choices.Next(3) == 2 {
			s.kill() // dead from the start
		} else {
			w.Kernel.After(w.within(w.Plan.Calm), s.kill)
		}
	}
	if w.does(Stop) {
		w.Kernel.After(w.within(w.Plan.Calm), s.stop)
	}
	return s
}

// Addr is where the server listens, dead or alive.
func (s *Server) Addr() netip.AddrPort { return s.addr }

func (s *Server) listen() {
	s.listens = s.world.Kernel.Listen(s.addr)
	s.addr = s.listens.Addr()
	s.listens.OnNews(func() { s.plan(s.world.pause()) })
}

// kill resets every connection, and refuses new ones until the server is started
// again.
func (s *Server) kill() {
	if s.listens == nil || s.world.calm {
		return
	}
	s.world.say("server %d is killed", s.id)
	s.lost = s.lost || len(s.conns)+s.listens.Waiting() > 0
	s.listens.Close()
	s.listens, s.killed = nil, true
	for _, c := range s.conns {
		c.reset()
	}
	s.world.Kernel.After(s.world.within(time.Second), s.start)
}

func (s *Server) start() {
	if s.listens == nil {
		s.world.say("server %d starts", s.id)
		s.listen()
	}
}

// stop is SIGSTOP: the kernel still accepts for it, but nobody runs.
func (s *Server) stop() {
	if s.world.calm {
		return
	}
	s.world.say("server %d is stopped", s.id)
	s.stopped = true
	s.world.Kernel.After(s.world.within(time.Second), s.resume)
}

func (s *Server) resume() {
	if !s.stopped {
		return
	}
	s.world.say("server %d goes on", s.id)
	s.stopped = false
	s.plan(0)
	for _, c := range s.conns {
		c.plan(0)
	}
}

func (s *Server) calm() {
	s.resume()
	s.start()
	for _, c := range s.conns {
		c.calm()
	}
}

// act accepts everybody who waits.
func (s *Server) act() {
	if s.stopped || s.listens == nil {
		return
	}
	for {
		peer := s.listens.Accept()
		if peer == nil {
			return
		}
		c := newConn(s, len(s.conns), peer)
		s.conns = append(s.conns, c)
		s.world.say("server %d accepts connection %d from %v", s.id, c.id, peer.RemoteAddr())
		c.plan(s.world.pause())
	}
}
