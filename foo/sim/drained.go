// drained.go owns what an operator does to a server model, and what must not reach
// it from then on.

package sim

import (
	"time"

	"fooproxy/poller"
)

// hasteMax is the longest request timeout that a server with its pauses, and a
// kernel with its small pieces, may miss without standing still.
const hasteMax = 500 * time.Millisecond

// Drained says that the server is to get nothing new from now on.
func (s *Server) Drained() {
	s.world.say("server %d is drained", s.id)
	s.drains = append(s.drains, span{s.world.Kernel.Now(), poller.Forever})
	for _, c := range s.conns {
		if !c.isLeft && !c.over {
			c.isLeft, c.drained = true, c.peer.Taken()
		}
	}
}

// Enabled says that the server gets its share again.
func (s *Server) Enabled() {
	s.world.say("server %d is enabled", s.id)
	s.drains[len(s.drains)-1].to = s.world.Kernel.Now()
	if s.world.Rules.Shared {
		for _, c := range s.conns {
			c.isLeft = false // what was left is taken into use again
		}
	}
}

// checkLeft fails a line of which the first byte, at that place of the stream, left
// for a server that was drained. Who shares its server's fate goes on with it, and
// what a client had said that has left meanwhile, or whose time was over, is delivered
// where it was to go.
func (c *Conn) checkLeft(i, start int) {
	if c.isLeft && start >= c.drained && !c.client.mayBeRelayed() && !c.client.over && !c.client.timedOut() {
		c.world.Fail("failover", "line %d of client %d went to server %d, connection %d, which had been drained", i, c.client.id, c.server.id, c.id)
	}
}

// isTouched reports whether anything was done to a server, by itself, by the
// kernel or by the operator, that a proxy can answer with other Seqs or a NAK.
func (w *World) isTouched() bool {
	for _, s := range w.Servers {
		if len(s.drains) > 0 || s.Capped {
			return true
		}
	}
	return w.Plan.faulty || w.shortAt > 0
}
