// explain.go owns what explains a NAK that no server said: a server that was lost,
// one that was not to be had, or a time that was over. An explanation holds for the
// requests it is about, and for its time.

package sim

import (
	"slices"
	"time"

	"fooproxy/poller/fake"
)

// explains reports whether a reason holds for a line now.
func (c *Client) explains(i int, reason string) bool {
	w, now, sent := c.world, c.world.Kernel.Now(), c.direct.sentAt[i]
	switch reason {
	case nakLost:
		return c.hasLost()
	case nakNoServer:
		if waited := time.Duration(now - sent); waited < w.Rules.NoServerWait {
			w.Fail("no server", "client %d was told so of line %d after %v, and it may wait %v", c.id, i, waited, w.Rules.NoServerWait)
		}
		return w.noServer(sent, now) || w.Rules.NoServerWait > 0 && w.isShort(sent, now)
	case nakTimeout:
		return c.isLate(i, sent, now)
	}
	return false
}

// hasLost reports whether a server may have ended a connection of the client's.
// Which requests were lost with it is judged at the end.
func (c *Client) hasLost() bool {
	for _, conn := range c.kept.conns {
		if conn.isLost() {
			return true
		}
	}
	return c.world.hasLostUnknown()
}

// hasLostUnknown reports whether a connection was lost on which a server has not
// heard enough to know whose it was.
func (w *World) hasLostUnknown() bool {
	for _, s := range w.Servers {
		if w.Rules.LinkWrite > 0 && len(s.stops) > 0 {
			return true // it may not even have accepted who gave it up
		}
		for _, conn := range s.conns {
			if conn.client == nil && !conn.probed && conn.isLost() && conn.peer.Taken() > 0 {
				return true
			}
		}
	}
	return false
}

// isLost reports whether the server ended the connection, or gave reason to.
func (c *Conn) isLost() bool {
	switch {
	case c.world.Rules.Shared && (c.faulty || c.over && c.how == farewellReset):
		return true // who says what is no reply is left
	case c.leavesUnanswered():
		return true
	case c.overlong, c.over && (c.how == farewellLeft || c.how == farewellAbort):
		return true
	case c.over && c.how == farewellDone && (c.uncounted || c.disorders):
		return true // it has ended, and believes to have answered everything
	}
	most := c.world.Rules.LinkWrite
	return most > 0 && c.peer.Waited(c.world.Kernel.Now()) >= most
}

// isLate reports whether a request's time is over, and its reply had not come in
// time.
func (c *Client) isLate(i int, sent, now int64) bool {
	w, most := c.world, int64(c.world.Rules.RequestTimeout)
	if most == 0 || now < sent+most {
		return false
	}
	const intime = int64(50 * time.Millisecond)
	conn := c.kept.places[i].conn
	if conn == nil || w.isToldLate(sent, now) || w.Narrow {
		return true
	}
	for j := range conn.asked {
		if a := &conn.asked[j]; a.line == i && !a.stray && a.arrived > 0 && a.arrived+intime < sent+most {
			w.Fail("timeout", "client %d was told of a timeout of line %d, whose reply had come %v before", c.id, i, time.Duration(now-a.arrived))
		}
	}
	return true
}

// noServer reports whether it can have seemed in that time that there is no server:
// each of them had given a reason to be left alone, then or shortly before.
func (w *World) noServer(from, until int64) bool {
	for _, s := range w.Servers {
		if !s.isDoubtful(from-int64(w.Rules.Memory), until) {
			return false
		}
	}
	return true
}

// Distrusted reports whether the server may be left alone for what has happened
// until now.
func (s *Server) Distrusted() bool { return s.isDoubtful(0, s.world.Kernel.Now()) }

// Misled reports whether the kernel may have made a good server look bad at this
// very moment.
func (w *World) Misled() bool { return w.misled(w.Kernel.Now(), w.Kernel.Now()) }

// isToldLate reports whether a loop that was late may not have been told at once of
// all that had happened meanwhile.
func (w *World) isToldLate(from, until int64) bool {
	return w.Chaos.Within(from, until, fake.SmallBatch) && w.Chaos.Within(from, until, fake.LateWait, fake.Stall)
}

// misled reports whether the kernel may have made a good server look bad in that
// time. A real wait tells all that has happened, however late it is.
func (w *World) misled(from, until int64) bool {
	dialled := w.dialledFrom(from, until)
	return w.isToldLate(from, until) ||
		w.Chaos.Within(from, until, fake.ConnectRefused, fake.NoPort, fake.SelfConnect, fake.RegisterFailed) ||
		w.Chaos.Within(dialled, until, fake.ConnectLost) ||
		w.Chaos.ConnectTook(dialled, until, min(w.Rules.Connect, w.Rules.CheckTimeout))
}

// dialledFrom is the earliest moment at which a connect can have begun that counts like
// one of the given time: who is being waited for has the time on top in which the loop
// stood still.
func (w *World) dialledFrom(from, until int64) int64 {
	var stalls [][2]int64
	for begin, end := range w.Chaos.Stalls(0) {
		stalls = append(stalls, [2]int64{begin, end})
	}
	for _, x := range slices.Backward(stalls) {
		if x[1] > from && x[0] <= until {
			from -= x[1] - x[0]
		}
	}
	return from
}

// isShort reports whether the process may have been short of something in that time.
func (w *World) isShort(from, until int64) bool {
	return w.Rules.Scarce || w.unfair(from, until) || w.Chaos.Within(from, until, fake.Exhausted)
}

// isDoubtful reports whether the server has given reason to be left alone in that
// time.
func (s *Server) isDoubtful(from, until int64) bool {
	most := s.world.Rules.RequestTimeout
	if dead, _ := s.downWithin(from, until); dead || s.Capped || s.world.misled(from, until) || most > 0 && most < hasteMax {
		return true
	}
	for _, spans := range [][]span{s.stops, s.drains} {
		for _, x := range spans {
			if x.from <= until && x.to >= from {
				return true
			}
		}
	}
	for _, c := range s.conns {
		switch {
		case c.since > until, c.over && c.until < from:
		case c.isSlow, c.uncounted, c.disorders, c.isLost():
			return true
		}
	}
	return false
}
