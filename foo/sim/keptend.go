// keptend.go owns the verdict on the end of a client whose connection outlives its
// server's: that nothing was closed without a reason, that each request had its
// answer by then, and that what was lost is what had left.

package sim

import "bytes"

// judgeKept looks at the whole of a client, after the run.
func (c *Client) judgeKept() {
	w, k := c.world, &c.kept
	for _, conn := range k.conns {
		conn.judgeLost()
	}
	for i := range k.places {
		if k.places[i].nak == nakLost && !c.hasLeft(i) {
			w.Fail("not lost", "client %d was told that line %d is lost, and no byte of it had left", c.id, i)
		}
	}
	rest := c.got[k.read:]
	switch {
	case len(rest) > 0 && c.how == farewellEnd && !c.maySeeATear():
		w.Fail("torn", "client %d got %.100q at its end", c.id, rest)
	case c.how == farewellReset && !c.mayBeReset():
		w.Fail("end", "client %d was reset without a reason", c.id)
	case c.how != farewellEnd:
	case c.keptReason() == "":
		w.Fail("end", "client %d was closed without a reason; %s", c.id, k.describe())
	case c.keptReason() == "all said" && k.next < len(k.places):
		w.Fail("loss", "client %d ended its side and was closed; %s", c.id, k.describe())
	}
}

// keptReason tells why a client was closed.
func (c *Client) keptReason() string {
	last := len(c.script.lines) - 1
	switch {
	case c.script.lines[last].long && c.kept.places[last].answer == byProxy:
		return "line too long"
	case c.timedOut():
		return "timeout"
	case c.drained():
		return "drain"
	case c.world.unfair(c.since, c.endedAt()), c.world.isShort(c.since, c.endedAt()) && len(c.kept.conns) == 0:
		return "no descriptor"
	case c.script.lines[last].quit && c.kept.places[last].answer == byServer:
		return "end word"
	case c.mayBeRelayed() && (c.hasLost() || c.hasLostUnheard() || c.relayedDrain() || c.world.noServer(c.since, c.endedAt())):
		return "relayed"
	case c.ended:
		return "all said"
	}
	return ""
}

// mayBeRelayed reports whether lines of the client's may have gone on that are no
// requests: from then on it shares its server's fate.
func (c *Client) mayBeRelayed() bool {
	if c.world.Rules.Strict {
		return false
	}
	for i := range c.lines {
		if !c.script.lines[i].request {
			return true
		}
	}
	return c.script.fragment && c.ended
}

// hasLostUnheard reports whether a server ended a connection before it heard
// anything on it, in the time of the client: what went on there may have been the
// client's, and not have left.
func (c *Client) hasLostUnheard() bool {
	for _, s := range c.world.Servers {
		for _, conn := range s.conns {
			if conn.client == nil && !conn.probed && conn.isLost() && conn.since >= c.since && conn.until <= c.endedAt() {
				return true
			}
		}
	}
	return false
}

// relayedDrain reports whether a server of the client's was drained: who shares its
// server's fate is closed when that takes too long.
func (c *Client) relayedDrain() bool {
	for _, conn := range c.kept.conns {
		if len(conn.server.drains) > 0 {
			return true
		}
	}
	return false
}

// maySeeATear reports whether half a line may be the last that the client gets: it
// shares its server's fate, or a timeout has cut it off.
func (c *Client) maySeeATear() bool {
	last := len(c.script.lines) - 1
	farewell := c.script.lines[last].quit && c.kept.places[last].answer == byServer
	return (farewell || c.mayBeRelayed()) && c.hasLost() || c.timedOut() || c.cutByDrain() || c.world.Cut
}

// hasLeft reports whether a byte of the line may have left on a connection that was
// lost.
func (c *Client) hasLeft(i int) bool {
	for _, conn := range c.kept.conns {
		if conn.isLost() && i >= conn.begins && i <= conn.left {
			return true
		}
	}
	return c.world.hasLostUnknown()
}

// judgeLost finds what had left on a connection beyond what its server got, and
// fails where some of it was sent again. What its server said, and what had arrived
// at the proxy, must have been passed on.
func (c *Conn) judgeLost() {
	w, client := c.world, c.client
	if !w.isTouched() && c.isFirst() && !c.original {
		w.Fail("byte equality", "server %d, connection %d got other Seqs than its client said, and nothing was lost", c.server.id, c.id)
	}
	c.left = c.last
	at, requests, taken := c.bytes, c.requests, c.peer.Taken()
	for i := c.last + 1; i < len(client.script.lines) && at < taken; i++ {
		l, text := &client.script.lines[i], client.script.text(i)
		place := &client.kept.places[i]
		switch {
		case l.long, place.nak == nakNoServer, place.nak == nakTimeout:
			c.left = len(client.script.lines) // from here on nobody knows
			return
		case l.reason != "" && w.Rules.Strict:
			continue
		}
		c.left = i
		c.checkLeft(i, at)
		if place.conn != nil && place.conn != c {
			w.Fail("at most once", "line %d of client %d went to server %d, connection %d, though a byte of it had left for server %d, connection %d", i, client.id,
				place.conn.server.id, place.conn.id, c.server.id, c.id)
			return
		}
		at += len(text)
		if l.request {
			requests++
			if !c.original {
				at += len(decimal(uint64(requests))) - len(decimal(l.seq))
			}
		}
	}
	c.judgeSaid()
}

// judgeSaid looks at what had arrived at the proxy when the connection was lost.
func (c *Conn) judgeSaid() {
	if !c.over || c.how == farewellReset || c.how == farewellDone || c.overlong {
		return
	}
	for i := range c.asked {
		a := &c.asked[i]
		if a.place > c.crossed || a.stray {
			continue
		}
		if p := &c.client.kept.places[a.line]; p.nak == nakLost {
			c.world.Fail("loss", "client %d was told that line %d is lost, and its reply had come: %.100q", c.client.id, a.line, a.text)
		}
	}
}

// judgeKept looks at a server's connection, after the run.
func (c *Conn) judgeKept() {
	w := c.world
	switch {
	case !c.over:
		w.Fail("resources", "server %d, connection %d was never ended", c.server.id, c.id)
	case c.client == nil && bytes.IndexByte(c.early, '\n') >= 0:
		w.Fail("byte equality", "server %d, connection %d got %.100q, which nobody sent", c.server.id, c.id, c.early)
	case c.how == farewellReset && !c.mayBeReset():
		w.Fail("end", "server %d, connection %d was reset", c.server.id, c.id)
	}
}
