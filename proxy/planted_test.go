// planted_test.go owns the list of faults that are planted in the loop and in the
// proxy: a rule that is written into the program for a reason stands here without
// it. The simulation must find each.

package proxy

import (
	"slices"
	"testing"

	"fooproxy/foo/sim"
)

func TestEveryPlantedFaultIsFound(t *testing.T) {
	sim.CheckPlanted(t, "..", slices.Concat(plantedFaults, plantedServers, plantedShared))
}

func TestPlayAPlantedFault(t *testing.T) {
	sim.PlayPlanted(t, sim.Kind{Run: simRun, Faults: slices.Concat(plantedFaults, plantedServers)}, sim.Kind{Run: simSharedRun, Faults: plantedShared})
}

var plantedFaults = []sim.Planted{
	// Readiness: what sets it, and what clears it.
	sim.Plant("a short read is taken for the last one", "poller/conn_read.go",
		"if n < most && !c.mustDrain && !c.config.ReadToEAGAIN {",
		"if n < most && (PLANTED || !c.mustDrain && !c.config.ReadToEAGAIN) {"),
	sim.Plant("a short read clears nothing", "poller/conn_read.go",
		"		c.canRead = false\n	}\n}\n\n// countLast", "		c.canRead = PLANTED\n	}\n}\n\n// countLast"),
	sim.Plant("EAGAIN clears nothing when reading", "poller/conn_read.go",
		"	case e == eAgain:\n		c.canRead = false\n		return 0",
		"	case e == eAgain:\n		c.canRead = PLANTED\n		return 0"),
	sim.Plant("EAGAIN clears nothing when discarding", "poller/conn_close.go",
		"		case e == eAgain:\n			c.canRead = false",
		"		case e == eAgain:\n			c.canRead = PLANTED"),
	sim.Plant("a full buffer clears nothing when writing", "poller/conn_write.go",
		"			c.canWrite = false\n", "			c.canWrite = PLANTED\n"),
	sim.Plant("an empty queue clears nothing when accepting", "poller/listener.go",
		"	case eAgain:\n		ln.canAccept = false", "	case eAgain:\n		ln.canAccept = PLANTED"),
	sim.Plant("a connection that is not made yet stays ready", "poller/dial.go",
		"		c.canRead, c.canWrite = false, false", "		c.canRead, c.canWrite = PLANTED, PLANTED"),
	sim.Plant("OUT is overlooked where IN is in the same mask", "poller/conn.go",
		"if mask&(MaskOut|MaskHup|MaskErr) != 0 {",
		"if mask&(MaskOut|MaskHup|MaskErr) != 0 && !(PLANTED && mask&MaskIn != 0) {"),
	sim.Plant("an urgent byte proves nothing", "poller/conn.go",
		"	if mask&(MaskPri|MaskRdhup|MaskHup|MaskErr) != 0 {\n		c.mustDrain",
		"	if mask&(MaskRdhup|MaskHup|MaskErr) != 0 || mask&MaskPri != 0 && !PLANTED {\n		c.mustDrain"),
	sim.Plant("a reset is handled before the data", "poller/conn.go",
		"if c.reset && c.unread() {\n			c.failReset()",
		"if c.reset && (PLANTED || c.unread()) {\n			c.failReset()"),
	sim.Plant("the peer's end is handled before the data", "poller/conn_read.go",
		"	bytesLeft, linesLeft := c.config.TurnBytes, c.config.TurnLines\n",
		"	if PLANTED && c.mustDrain && c.read == readOn {\n		c.finishReading(readEnded)\n		return\n	}\n	bytesLeft, linesLeft := c.config.TurnBytes, c.config.TurnLines\n"),
	sim.Plant("a budget that is used up is not queued again", "poller/conn.go",
		"		c.discardInput()\n	}\n	if c.canProgress() {",
		"		c.discardInput()\n	}\n	if c.canProgress() && !PLANTED {"),
	sim.Plant("a signal in the middle of a read is an error", "poller/conn_read.go",
		"	return e == EINTR\n", "	return e == EINTR && !PLANTED\n"),
	sim.Plant("EAGAIN is believed beside an urgent byte", "poller/conn_read.go",
		"	if e == eAgain && c.doubts > 0 {", "	if e == eAgain && c.doubts > 0 && !PLANTED {"),
	sim.Plant("a read into an empty buffer", "poller/conn_read.go",
		"	if room <= 0 {\n		c.paused = true\n		return 0\n	}\n	most = min(most, room)",
		"	if room <= 0 && !PLANTED {\n		c.paused = true\n		return 0\n	}\n	most = max(min(most, room), 0)"),

	// Writing and closing.
	sim.Plant("a short write is taken for all", "poller/conn_write.go",
		"		c.wrote(n)\n", "		if PLANTED && n > 0 {\n			n = c.out.size()\n		}\n		c.wrote(n)\n"),
	sim.Plant("a failed write throws away what the peer had said", "poller/conn_write.go",
		"	switch {\n	case c.state == stateClosing, c.unread():\n		c.fail(e)",
		"	switch {\n	case c.state == stateClosing, c.unread(), PLANTED:\n		c.fail(e)"),
	sim.Plant("a connection is closed with input unread", "poller/conn_close.go",
		"c.read == readEnded && c.write == writeShut {\n		c.die(Cause{Kind: c.why})",
		"(c.read == readEnded || PLANTED) && c.write == writeShut {\n		c.die(Cause{Kind: c.why})"),
	sim.Plant("half a line at the end is dropped", "poller/conn_read.go",
		"	c.handler.OnEnd(c, fragment.bytes())",
		"	if PLANTED {\n		fragment.drop(&c.loop.pool)\n	}\n	c.handler.OnEnd(c, fragment.bytes())"),
	sim.Plant("a descriptor is closed twice", "poller/conn_close.go",
		"	c.loop.sys.Close(int(c.fd)) //", "	if PLANTED && c.reset {\n		c.loop.sys.Close(int(c.fd))\n	}\n	c.loop.sys.Close(int(c.fd)) //"),

	// Identity.
	sim.Plant("the generation of an event is not compared", "poller/slots.go",
		"slot.generation == generation {", "slot.generation == generation || PLANTED {"),
	sim.Plant("a descriptor leaks with a dial that failed", "poller/conn_close.go",
		"	c.detach()\n	c.handler.OnClose(",
		"	if PLANTED && c.why == CauseRefused {\n		c.loop.sys.Connect(Addr{}, &SocketOptions{})\n	}\n	c.detach()\n	c.handler.OnClose("),

	// Connect.
	sim.Plant("OUT is taken for connected", "poller/dial.go", "if e := sys.SockErr(int(c.fd)); e != 0 {", "if e := sys.SockErr(int(c.fd)); e != 0 && !PLANTED {",
		"poller/dial.go", "	case e != 0:\n", "	case e != 0 && !PLANTED:\n"),
	sim.Plant("a dial that met itself is accepted", "poller/dial.go", "	case local == peer && local.IsValid():", "	case local == peer && local.IsValid() && !PLANTED:"),
	sim.Plant("a dial has no timer", "poller/dial.go", "	c.arm()\n	return c, 0", "	if !PLANTED {\n		c.arm()\n	}\n	return c, 0"),
	sim.Plant("the second address is never tried", "proxy/link.go",
		"		for int(s.tried) < len(u.addrs) {", "		for int(s.tried) < len(u.addrs) && !(PLANTED && s.tried > 0) {"),
	sim.Plant("what waited for one address is not given to the next", "proxy/failover.go",
		"	conn.Append(old.TakeBack(0))", "	if !PLANTED {\n		conn.Append(old.TakeBack(0))\n	}"),

	// Accept.
	sim.Plant("one accept for each event", "poller/listener.go",
		"		ln.welcome(fd, peer)\n", "		ln.welcome(fd, peer)\n		ln.canAccept = !PLANTED\n"),
	sim.Plant("a listener without descriptors waits for the next event", "poller/listener.go",
		"	ln.resting = true\n", "	if PLANTED {\n		ln.canAccept = false\n		return\n	}\n	ln.resting = true\n"),
	sim.Plant("a listener at its limit never goes on", "proxy/door.go",
		"			l.Resume()\n", "			if !PLANTED {\n				l.Resume()\n			}\n"),

	// Timers and the mailbox.
	sim.Plant("a deadline is rounded down", "poller/loop.go",
		"	return min(until, l.timers.next())",
		"	if PLANTED {\n		return max(min(until, l.timers.next())/1e6*1e6, 1)\n	}\n	return min(until, l.timers.next())"),
	sim.Plant("timers judge before anybody is heard", "poller/loop.go",
		"	l.serveReady()\n	l.forgive()\n",
		"	if PLANTED {\n		l.judge(n == len(l.events))\n	}\n	l.serveReady()\n	l.forgive()\n"),
	sim.Plant("clients are blamed for the time in which the loop stood still", "poller/loop.go",
		"	if late < int64(stallMin) {", "	if late < int64(stallMin) || PLANTED {"),
	sim.Plant("the mailbox is emptied before its descriptor is", "poller/mailbox.go", "	m.sys.ClearWake(m.fd)\n	m.awake.Store(false)\n", "	if !PLANTED {\n		m.sys.ClearWake(m.fd)\n		m.awake.Store(false)\n	}\n",
		"poller/mailbox.go", "		if !ok {\n			return false\n		}\n		if msg.promised",
		"		if !ok {\n			if PLANTED {\n				m.sys.ClearWake(m.fd)\n				m.awake.Store(false)\n			}\n			return false\n		}\n		if msg.promised"),

	sim.Plant("who had no turn is forgotten", "poller/loop.go",
		"			l.putBack(l.served[i:])\n", "			if !PLANTED {\n				l.putBack(l.served[i:])\n			}\n"),
	sim.Plant("timers judge after a full batch", "poller/loop.go",
		"	if fullBatch && l.putOff < judgePutOffMax {", "	if fullBatch && l.putOff < judgePutOffMax && !PLANTED {"),
	sim.Plant("a batch that is full puts the timers off for good", "poller/loop.go",
		"	l.putOff = 0\n	l.expireTimers()", "	if PLANTED && l.putOff > 0 {\n		return\n	}\n	l.putOff = 0\n	l.expireTimers()"),
	sim.Plant("an idle timeout never fires", "poller/conn_close.go",
		"			add(c.moved, int64(c.config.IdleTimeout))", "			if !PLANTED {\n				add(c.moved, int64(c.config.IdleTimeout))\n			}"),
	sim.Plant("a line timeout never fires", "poller/conn_close.go",
		"			add(c.in.began(), int64(c.config.LineTimeout))", "			if !PLANTED {\n				add(c.in.began(), int64(c.config.LineTimeout))\n			}"),
	sim.Plant("an idle timeout comes too early", "poller/conn_close.go",
		"	over := func(from, after int64) bool {", "	over := func(from, after int64) bool {\n		if PLANTED && from == c.moved {\n			after /= 2\n		}\n		",
		"poller/conn_close.go", "	add := func(from, after int64) {\n", "	add := func(from, after int64) {\n		if PLANTED && from == c.moved {\n			after /= 2\n		}\n"),
	sim.Plant("a write timeout comes 50 times too early", "poller/conn_close.go",
		"		add(c.stuck, int64(c.config.WriteTimeout))", "		patience := int64(c.config.WriteTimeout)\n		if PLANTED {\n			patience /= 50\n		}\n		add(c.stuck, patience)",
		"poller/conn_close.go", "	case !c.canFlush() && over(c.stuck, int64(c.config.WriteTimeout)):",
		"	case !c.canFlush() && (over(c.stuck, int64(c.config.WriteTimeout)) || PLANTED && over(c.stuck, int64(c.config.WriteTimeout)/50)):"),
	sim.Plant("a write timeout never fires", "poller/conn_close.go",
		"	if (c.state == stateOpen || c.state == stateClosing) && !c.canFlush() {", "	if (c.state == stateOpen || c.state == stateClosing) && !c.canFlush() && !PLANTED {"),
	sim.Plant("a connect timeout is a millisecond", "poller/conn_close.go",
		"			add(c.moved, int64(c.config.ConnectTimeout))", "			patience := int64(c.config.ConnectTimeout)\n			if PLANTED {\n				patience = 1e6\n			}\n			add(c.moved, patience)",
		"poller/conn_close.go", "!c.isTold() && over(c.moved, int64(c.config.ConnectTimeout)):",
		"!c.isTold() && (over(c.moved, int64(c.config.ConnectTimeout)) || PLANTED && over(c.moved, 1e6)):"),

	// Back-pressure.
	sim.Plant("a client is not read again when its server has room", "proxy/link.go",
		"func (x *serverSide) OnRoom(*poller.Conn) { (*session)(x).client.Resume() }",
		"func (x *serverSide) OnRoom(*poller.Conn) {\n	if !PLANTED {\n		(*session)(x).client.Resume()\n	}\n}"),
	sim.Plant("a server is not read again when its client has room", "proxy/session.go",
		"		s.link.conn.Resume()\n", "		if !PLANTED {\n			s.link.conn.Resume()\n		}\n"),
	sim.Plant("a client at its limit of requests never goes on", "proxy/session.go",
		"		s.full = false\n		s.client.Resume()\n", "		s.full = false\n		if !PLANTED {\n			s.client.Resume()\n		}\n"),
	sim.Plant("a starved client is never read again", "proxy/memory.go",
		"			s.client.Resume()\n		}\n	}\n	p.starved = p.starved[:0]",
		"			if !PLANTED {\n				s.client.Resume()\n			}\n		}\n	}\n	p.starved = p.starved[:0]"),
	sim.Plant("a client that waits for a descriptor waits for ever", "proxy/shortage.go",
		"		s.waits = false\n		if s.connect() {\n", "		s.waits = false\n		if PLANTED || s.connect() {\n"),
	sim.Plant("refusals are not counted as output", "proxy/answer.go",
		"		if !s.client.Fits(nakBytesMax) {", "		if !s.client.Fits(nakBytesMax) && !PLANTED {"),

	// What is said to whom.
	sim.Plant("a client's half-close is taken for its end", "proxy/session.go",
		"		s.link.conn.FinishWrite()\n		return", "		if PLANTED {\n			s.end()\n			return\n		}\n		s.link.conn.FinishWrite()\n		return"),
	sim.Plant("half a line of a server that has ended is dropped", "proxy/failover.go",
		"	if len(rest) > 0 {\n", "	if len(rest) > 0 && !PLANTED {\n"),
	sim.Plant("a refusal does not wait for its turn", "proxy/answer.go",
		"	id := p.records.take()\n	*p.records.at(id) = record{seq: seq, arrived",
		"	if PLANTED && seq == 0 && n != nakLineTooLong {\n		s.toClient(appendNak(nil, seq, n))\n		p.stats.Add(stats.MsgNak, 1)\n		p.stats.Add(stats.NaksLocal, 1)\n		p.stats.Add(stats.NakZero, 1)\n		return 0\n	}\n	id := p.records.take()\n	*p.records.at(id) = record{seq: seq, arrived"),
	sim.Plant("a reply passes a refusal whose turn it is", "proxy/answer.go",
		"isAnswered()\n}\n\n// answerHere", "isAnswered() && !PLANTED\n}\n\n// answerHere"),
	sim.Plant("a Seq may overflow", "foo/message.go",
		"	case digits > seqDigitsMax || seq > SeqMax:", "	case (digits > seqDigitsMax || seq > SeqMax) && !PLANTED:"),
	sim.Plant("a record is kept when its client leaves", "proxy/exchange.go",
		"	for id := lk.requests.head; id != 0; {\n		next := p.records.at(id).nextLink\n		p.records.put(id)\n",
		"	for id := lk.requests.head; id != 0; {\n		next := p.records.at(id).nextLink\n		if !PLANTED {\n			p.records.put(id)\n		}\n"),
	sim.Plant("a drain closes with requests outstanding", "proxy/drain.go",
		"	s.client.StopReading()\n	s.answered()", "	s.client.StopReading()\n	if PLANTED {\n		s.end()\n		return\n	}\n	s.answered()"),
	sim.Plant("a drain resets", "proxy/drain.go",
		"	s.because(reqlog.Drained, 0)\n	s.end()", "	s.because(reqlog.Drained, 0)\n	if PLANTED {\n		s.client.Abort()\n		return\n	}\n	s.end()"),
	sim.Plant("a line that just fits is too long", "poller/conn_read.go",
		"	if c.in.kept()+head > c.config.MaxLine {", "	if c.in.size()+head > c.config.MaxLine || PLANTED && c.in.kept()+head == c.config.MaxLine {"),
	sim.Plant("a request without a reply is counted as answered", "proxy/exchange.go",
		"		if r.seq != 0 {\n			p.stats.Add(stats.Abandoned, 1)", "		if r.seq != 0 {\n			if PLANTED {\n				p.stats.Add(stats.Strays, 1)\n			}\n			p.stats.Add(stats.Abandoned, 1)"),
}
