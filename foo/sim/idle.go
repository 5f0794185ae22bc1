// idle.go owns the ends of a server's connection for which nobody has asked
// anything, and what a check gets to hear.

package sim

// awaitIdleness has the connection end when nothing was asked for a while.
func (c *Conn) awaitIdleness() {
	lines := c.lines
	c.world.Kernel.After(c.idleAfter, func() {
		switch {
		case c.over || c.world.calm || c.server.stopped:
		case c.lines > lines || len(c.waiting) > 0 || c.held || len(c.early) > 0 || c.peer.Buffered() > 0:
			c.awaitIdleness()
		default:
			c.say("it has nothing to do and ends")
			c.end(farewellLeft)
			c.peer.Close()
		}
	})
}

// answerProbe answers a check. Whoever lives does it well.
func (c *Conn) answerProbe() {
	c.probed, c.early = true, nil
	c.slow, c.endAfter, c.tearWith = false, 0, 0
	if !c.torn {
		c.waiting = append(c.waiting, "ACK 1\n"...)
	}
}
