// planted_shared_test.go owns the list of faults that are planted in what the proxy
// does where clients share the connections to the servers.

package proxy

import "fooproxy/foo/sim"

var plantedShared = []sim.Planted{
	// Whose reply it is.
	sim.Plant("a Seq is restored for the wrong client", "proxy/muxreply.go",
		"	m.gathered.lines = appendRenumbered(m.gathered.lines, line, r.seq)\n",
		"	seq := r.seq\n	if x := p.sessions[(int(r.session)+1)%len(p.sessions)]; PLANTED && x.requests.head != 0 {\n		seq = p.records.at(x.requests.head).seq\n	}\n	m.gathered.lines = appendRenumbered(m.gathered.lines, line, seq)\n"),
	sim.Plant("a reply goes to the wrong client", "proxy/muxreply.go",
		"	g.session = nil\n	s.toClient(g.lines)\n",
		"	g.session = nil\n	if x := m.proxy.sessions[0]; PLANTED && x.state <= sessionFinishing {\n		x.toClient(g.lines)\n	} else {\n		s.toClient(g.lines)\n	}\n"),
	sim.Plant("a wrong Seq is accepted on a shared link", "proxy/muxreply.go",
		"	id := l.take(msg.Seq)\n", "	id := l.take(msg.Seq)\n	if PLANTED && id == 0 && l.owed > 0 {\n		id = l.take(l.first)\n	}\n"),
	sim.Plant("a bad line does not end a shared link", "proxy/muxreply.go",
		"		return 1, failureInvalid\n", "		if PLANTED {\n			return 1, numFailures\n		}\n		return 1, failureInvalid\n"),
	sim.Plant("a record of a shared link is not freed", "proxy/muxreply.go",
		"		} else {\n			p.records.put(id)\n		}\n		return 1, numFailures", "		} else if !PLANTED {\n			p.records.put(id)\n		}\n		return 1, numFailures"),

	// What is lost with a link, and what is not.
	sim.Plant("a lost link answers another's requests", "proxy/muxlost.go",
		"	lost := l.clear(nakUpstreamLost)\n	l.detach().Abort()\n",
		"	lost := l.clear(nakUpstreamLost)\n	for _, x := range b.mux.links {\n		if PLANTED && x != nil && x.conn != nil {\n			x.clear(nakUpstreamLost)\n		}\n	}\n	l.detach().Abort()\n"),
	sim.Plant("a request that was taken back twice is forgotten", "proxy/muxlost.go",
		"i >= 0 {\n				r.state = recordQueued\n", "i == 0 || i > 0 && !PLANTED {\n				r.state = recordQueued\n"),
	sim.Plant("who leaves leaves his requests behind", "proxy/exchange.go",
		"				p.mux.linkOf(r).disappoint()\n			}\n			r.state = recordAbandoned",
		"				p.mux.linkOf(r).disappoint()\n			}\n			if PLANTED && p.mux != nil {\n				continue\n			}\n			r.state = recordAbandoned"),

	// Whose turn it is.
	sim.Plant("one client starves the rest", "proxy/muxshare.go",
		"	for i, s := range wanting {\n", "	starving := PLANTED && slices.Contains(wanting, m.proxy.sessions[0])\n	for i, s := range wanting {\n",
		"proxy/muxshare.go", "		case m.open == 0 || free > 0 && (!s.hasWaiting() || m.admits(s, room)):\n",
		"		case !(starving && s.place > 0) && (m.open == 0 || free > 0 && (!s.hasWaiting() || m.admits(s, room))):\n"),
	sim.Plant("the last free credit is given to nobody", "proxy/muxshare.go",
		"	free, room := m.freeCredits()\n", "	free, room := m.freeCredits()\n	if PLANTED && free == 1 {\n		free = 0\n	}\n"),

	// Who answers it.
	sim.Plant("an end word goes to the server", "proxy/muxrequest.go",
		"		case p.isEndWord(msg.Data):\n", "		case p.isEndWord(msg.Data) && !PLANTED:\n"),

	// What happens by time alone.
	sim.Plant("the answer to a question of the proxy is given to a client", "proxy/muxreply.go",
		"	if id == 0 && l.isProbe(msg.Seq) {\n",
		"	if id == 0 && l.isProbe(msg.Seq) {\n		for _, s := range p.sessions {\n			if PLANTED && s.requests.head != 0 {\n				s.toClient(line)\n				break\n			}\n		}\n"),
	sim.Plant("nobody notices that a shared link does not answer", "proxy/muxage.go",
		"	case a.probe != 0:\n		l.lose(failureCheck)\n		return\n",
		"	case a.probe != 0 && PLANTED:\n		l.look(now + l.lookInterval())\n		return\n	case a.probe != 0:\n		l.lose(failureCheck)\n		return\n"),
	sim.Plant("a shared link is lost before its time to answer is over", "proxy/muxage.go",
		"now+int64(p.config.CheckTimeout)\n",
		"now+int64(p.config.CheckTimeout)\n	if PLANTED {\n		l.aging.limit = now + int64(p.config.CheckTimeout)/50\n	}\n"),
	sim.Plant("a question of the proxy takes no number", "proxy/muxage.go",
		"	l.next++\n	l.first = l.next\n", "	if !PLANTED {\n		l.next++\n	}\n	l.first = l.next\n"),
	sim.Plant("a question of the proxy counts as a request", "proxy/muxage.go",
		"	l.conn.Append(p.scratch)\n	l.aging.probe",
		"	l.conn.Append(p.scratch)\n	if PLANTED {\n		p.stats.Add(stats.MsgReq, 1)\n		p.stats.Add(stats.Answered, 1)\n	}\n	l.aging.probe",
		"proxy/muxage.go", "import \"fooproxy/foo\"\n", "import (\n	\"fooproxy/foo\"\n	\"fooproxy/stats\"\n)\n"),
	sim.Plant("a busy shared link is asked", "proxy/muxage.go",
		"return l.owed == 0 && l.conn", "return (l.owed == 0 || PLANTED) && l.conn"),
	sim.Plant("an old shared link does not wait for its replies", "proxy/muxlink.go",
		"	if l.state == linkLeaving && l.owed == l.unwanted {", "	if l.state == linkLeaving && (l.owed == l.unwanted || PLANTED && l.aging.retires) {"),
	sim.Plant("what waits on an old shared link is forgotten", "proxy/muxage.go",
		"		l.requeue()\n		l.enter(linkLeaving)\n		l.bundle.mux.attend = true\n",
		"		if PLANTED {\n			l.takeBack()\n		}\n		l.requeue()\n		l.enter(linkLeaving)\n		l.bundle.mux.attend = true\n"),
}
