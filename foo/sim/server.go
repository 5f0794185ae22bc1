// server.go owns a server model: it accepts, dies, stands still. Its connections
// have a file of their own.

package sim

import (
	"time"

	"fooproxy/poller"
	"fooproxy/poller/fake"
)

// Server is one server, at one address.
type Server struct {
	doer
	id      int
	addr    poller.Addr
	listens *fake.Server // nil while it is dead
	stopped bool
	downs   []down
	stops   []span
	drains  []span // it was to get nothing new
	// Capped: it is given no more than so many clients at once.
	Capped bool
	conns  []*Conn
}

// span is a time.
type span struct{ from, to int64 }

// down is a time in which a server was dead.
type down struct {
	from, to int64
	lost     bool // connections died with it
}

// downWithin tells whether the server was dead in that time, and whether
// connections died in it.
func (s *Server) downWithin(from, to int64) (dead, lost bool) {
	for _, d := range s.downs {
		if d.from <= to && d.to >= from {
			dead, lost = true, lost || d.lost && d.from >= from
		}
	}
	return dead, lost
}

func newServer(w *World, id int, addr poller.Addr) *Server {
	s := &Server{id: id, addr: addr}
	s.world = w
	s.acts(s.act)
	s.listen()
	if w.does(Kill) {
		if w.Choices.Next(3) == 2 {
			s.Die()
		} else {
			w.Kernel.After(w.within(w.Plan.Calm), s.kill)
		}
	}
	s.planStop()
	return s
}

// planStop has the server stand still at some time, and again.
func (s *Server) planStop() {
	if w := s.world; w.does(Stop) {
		w.Kernel.After(w.within(w.Plan.Calm), s.stop)
	}
}

// Addr is where the server listens, dead or alive.
func (s *Server) Addr() poller.Addr { return s.addr }

func (s *Server) listen() {
	s.listens = s.world.Kernel.Listen(s.addr)
	s.addr = s.listens.Addr()
	s.listens.OnNews(func() { s.plan(s.world.pause()) })
}

// kill has the server die, and start again in a while. Every connection is reset,
// and new ones are refused meanwhile.
func (s *Server) kill() {
	if s.listens == nil || s.world.calm {
		return
	}
	s.Die()
	s.world.Kernel.After(s.world.within(time.Second), s.start)
}

// Die has the server die now, until it is started again or the calm begins.
func (s *Server) Die() {
	if s.listens == nil {
		return
	}
	s.world.say("server %d is killed", s.id)
	s.downs = append(s.downs, down{from: s.world.Kernel.Now(), to: poller.Forever, lost: len(s.conns)+s.listens.Waiting() > 0})
	if s.world.Rules.Failover {
		s.acceptAll() // its kernel has heard them
	}
	s.listens.Close()
	s.listens = nil
	for _, c := range s.conns {
		c.reset()
	}
}

func (s *Server) start() {
	if s.listens == nil {
		s.world.say("server %d starts", s.id)
		s.downs[len(s.downs)-1].to = s.world.Kernel.Now()
		s.listen()
		if w := s.world; w.Rules.Failover && w.does(Kill) {
			w.Kernel.After(w.within(w.Plan.Calm), s.kill)
		}
	}
}

// stop is SIGSTOP: the kernel still accepts for it, but nobody runs.
func (s *Server) stop() {
	if s.world.calm {
		return
	}
	s.world.say("server %d is stopped", s.id)
	s.stopped = true
	s.stops = append(s.stops, span{s.world.Kernel.Now(), poller.Forever})
	s.world.Kernel.After(s.world.within(time.Second), s.resume)
}

func (s *Server) resume() {
	if !s.stopped {
		return
	}
	s.world.say("server %d goes on", s.id)
	s.stopped = false
	s.stops[len(s.stops)-1].to = s.world.Kernel.Now()
	s.planStop()
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
	if !s.stopped && s.listens != nil {
		s.acceptAll()
	}
}

func (s *Server) acceptAll() {
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
