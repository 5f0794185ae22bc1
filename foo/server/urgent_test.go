package server

import "testing"

// The short read at an urgent byte is not the last one, also where no edge has told
// of the byte yet.
func TestADrainReadsBehindAnUrgentByteOfAClientThatItAccepts(t *testing.T) {
	s := step(t, nil)
	s.kernel.Batch = 1 // its first edge is told behind that of the mailbox
	c := &caller{s.kernel.Dial(s.addr), s}
	c.SendString("R")
	c.SendUrgent('!')
	c.SendString("EQ 1 x\n")
	s.Drain()
	s.settle()
	c.hear("ACK 1 x\n")
}
