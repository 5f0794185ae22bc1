// planted_servers_test.go owns the list of faults that are planted in what the
// proxy does with several servers: who gets what, and who goes where, when one of
// them dies, stands still or is drained.

package proxy

import "fooproxy/foo/sim"

var plantedServers = []sim.Planted{
	// What was lost, and what was not.
	sim.Plant("a sent request is sent again", "proxy/request.go",
		"	id := s.enrol(m, n, recordSent)\n",
		"	id := s.enrol(m, n, recordSent)\n	if PLANTED {\n		plantedLines[plantedLine{p, id}] = append(append([]byte(nil), line...), '\\n')\n	}\n",
		"proxy/request.go", "// mayAsk reports", "type plantedLine struct {\n	p  *Proxy\n	id recordID\n}\n\nvar plantedLines = map[plantedLine][]byte{}\n\n// mayAsk reports",
		"proxy/failover.go", "	lost := s.clearLink(nakUpstreamLost)\n",
		"	if id := s.link.requests.head; PLANTED && id != 0 && s.proxy.records.at(id).state == recordSent && plantedLines[plantedLine{s.proxy, id}] != nil {\n		s.proxy.records.remove(&s.link.requests, linkOrder, id)\n		s.link.upstream.load.outstanding--\n		s.proxy.records.at(id).state = recordQueued\n		s.queueBefore(plantedLines[plantedLine{s.proxy, id}])\n	}\n	lost := s.clearLink(nakUpstreamLost)\n"),
	sim.Plant("what has not left is answered as lost", "proxy/failover.go",
		"	u := s.link.upstream\n	s.takeBack()\n",
		"	u := s.link.upstream\n	if !PLANTED {\n		s.takeBack()\n	}\n"),
	sim.Plant("a fragment of a lost server is forwarded", "proxy/failover.go",
		"	s.lose(why)\n}\n\n// relayRest", "	if PLANTED {\n		s.toClient(rest)\n	}\n	s.lose(why)\n}\n\n// relayRest"),
	sim.Plant("a lost link answers nothing", "proxy/failover.go",
		"			r.state, r.nak = recordAnswered, why\n			lost++\n",
		"			r.state, r.nak = recordAnswered, why\n			if PLANTED && why == nakUpstreamLost {\n				r.seq++\n			}\n			lost++\n"),
	sim.Plant("queued requests are lost when a session moves", "proxy/queued.go",
		"	if len(lines) == 0 {\n", "	if len(lines) == 0 || PLANTED {\n"),
	sim.Plant("a queued request overtakes", "proxy/queued.go",
		"			x.lines = append(x.lines, line...)\n",
		"			if PLANTED {\n				x.lines = append(append([]byte(nil), line...), x.lines...)\n			} else {\n				x.lines = append(x.lines, line...)\n			}\n"),

	// Whose reply it is.
	sim.Plant("Seqs are not the link's own behind a lost one", "proxy/failover.go",
		"	if s.link.conn.Written() > uint64(s.link.preamble) {\n", "	if s.link.conn.Written() > uint64(s.link.preamble) && !PLANTED {\n"),
	sim.Plant("a reply is mapped to the wrong request", "proxy/reply.go",
		"	v.seq, s.link.farewell = r.seq, r.state == recordSentLast\n",
		"	v.seq, s.link.farewell = r.seq, r.state == recordSentLast\n	if PLANTED && s.requests.count > 1 {\n		v.seq = p.records.at(s.requests.tail).seq\n	}\n"),
	sim.Plant("a late reply is delivered", "proxy/reply.go",
		"		s.takeLate(id)\n		v.swallow = true\n", "		s.takeLate(id)\n		v.swallow = !PLANTED\n"),
	sim.Plant("a timeout does not end the wait for the reply", "proxy/patience.go",
		"			r.state, r.nak = recordExpired, why\n			s.extra.expired++\n",
		"			if PLANTED {\n				s.refuse(r.seq, why)\n				r.arrived = now\n				continue\n			}\n			r.state, r.nak = recordExpired, why\n			s.extra.expired++\n"),

	// How long requests wait.
	sim.Plant("a request timeout never fires", "proxy/patience.go",
		"	if c.RequestTimeout > 0 {\n", "	if c.RequestTimeout > 0 && !PLANTED {\n"),
	sim.Plant("a request timeout comes too early", "proxy/patience.go",
		"		when = began + int64(c.RequestTimeout)\n", "		when = began + int64(c.RequestTimeout)\n		if PLANTED {\n			when -= int64(c.RequestTimeout) / 3\n		}\n"),
	sim.Plant("a reply that has come is not looked for", "proxy/patience.go",
		"	unread := conn != nil && conn.HasUnread()\n", "	unread := conn != nil && conn.HasUnread() && !PLANTED\n"),
	sim.Plant("nobody is told that there is no server", "proxy/queued.go",
		"		if r.state == recordQueued {\n			r.state, r.nak = recordAnswered, why\n",
		"		if r.state == recordQueued && !PLANTED {\n			r.state, r.nak = recordAnswered, why\n"),
	sim.Plant("nobody waits for a server", "proxy/link.go",
		"	case s.proxy.config.NoServerWait > 0:\n", "	case s.proxy.config.NoServerWait > 0 && !PLANTED:\n"),

	// Which server.
	sim.Plant("an ejected server is still chosen", "proxy/upstream.go",
		"u.health.available(now, u.proxy.checks()) &&", "(PLANTED || u.health.available(now, u.proxy.checks())) &&"),
	sim.Plant("a stall ejects all", "proxy/upstreams.go",
		"		u.checker.forgive(ns)\n", "		u.checker.forgive(ns)\n		if PLANTED {\n			u.health.down = true\n		}\n"),
	sim.Plant("good checks bring nobody back", "proxy/health.go",
		"	h.bad = 0\n", "	if h.bad = 0; PLANTED {\n		return false\n	}\n"),
	sim.Plant("more sessions than a server may have", "proxy/upstream.go",
		"(u.max == 0 || u.load.sessions < u.max)\n}\n\n// isTried", "(u.max == 0 || u.load.sessions < u.max || PLANTED)\n}\n\n// isTried"),
	sim.Plant("a backup is used like any other", "proxy/upstreams.go",
		"return !u.backup && u.takes(now) && !", "return (PLANTED || !u.backup) && u.takes(now) && !"),

	// Leaving.
	sim.Plant("sessions stay at a server that is drained", "proxy/upstreams.go",
		"		if s.link.upstream == u {\n			s.leave()", "		if s.link.upstream == u && !(PLANTED && u.drained) {\n			s.leave()"),
	sim.Plant("a drain of a server does not wait for its replies", "proxy/failover.go",
		"		s.link.state = linkLeaving\n", "		if PLANTED {\n			s.lose(failureEnded)\n			return\n		}\n		s.link.state = linkLeaving\n"),
	sim.Plant("a session that leaves goes on asking", "proxy/session.go",
		"	case s.waits, s.link.state == linkLeaving:\n", "	case s.waits, s.link.state == linkLeaving && !PLANTED:\n"),
	sim.Plant("a link's descriptor is leaked when its session moves", "proxy/failover.go",
		"	s.drop().Close()\n", "	conn := s.drop()\n	if !PLANTED {\n		conn.Close()\n	}\n"),
	sim.Plant("the close behind an end word is not relayed", "proxy/failover.go",
		"|| s.link.farewell\n", "|| s.link.farewell && !PLANTED\n"),
	sim.Plant("who shares its server's fate goes elsewhere", "proxy/failover.go",
		"	return !s.proxy.failsOver() || s.link.recordless", "	return !s.proxy.failsOver() || s.link.recordless && !PLANTED"),
	sim.Plant("a session that leaves is still counted", "proxy/link.go",
		"	u.load.sessions--\n", "	if !PLANTED {\n		u.load.sessions--\n	}\n"),
}
