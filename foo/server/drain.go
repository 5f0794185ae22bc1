// drain.go owns the end of the server: nobody new, everybody answered, and a
// time after which it is over anyway. It must not know what is answered.
//
//	Drain ─► listeners: accept who waits, close ─────────────┐
//	      ─► clients:   one more look into the kernel,       ├─► nobody left ─► the loop stops
//	                    replies, FIN, the peer's FIN ────────┘        ▲
//	      ─► deadline ────────────────────────────────────────────────┘

package server

import "go.uber.org/zap"

// drain begins the end. Who waits while the limit is reached still gets a place
// as soon as there is one.
func (s *Server) drain() {
	s.draining = true
	s.log.Info("draining", zap.Int("connections", len(s.clients.all)))
	for _, listener := range s.listeners {
		listener.Drain()
	}
	s.pauseWhenFull()
	s.newcomers.Drain()
	for _, c := range s.clients.all {
		c.conn.StopReading()
	}
	s.loop.Arm(&s.deadline, (*drainDeadline)(s), s.loop.Now()+int64(s.config.Drain))
}

// stopWhenDrained is asked at the end of each turn.
func (s *Server) stopWhenDrained() {
	for _, listener := range s.listeners {
		if !listener.Closed() {
			return // somebody may still wait there
		}
	}
	if len(s.clients.all) == 0 && s.newcomers.Len() == 0 {
		s.loop.Stop()
	}
}

// drainDeadline is the server as the owner of the drain's timer.
type drainDeadline Server

// Expire implements poller.Expirer.
func (d *drainDeadline) Expire(int64) {
	s := (*Server)(d)
	s.log.Warn("the time to drain is over", zap.Int("connections", len(s.clients.all)))
	s.loop.Stop()
}
