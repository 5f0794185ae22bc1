// check.go owns the active checks of a server: a connection of their own each, so
// often, with a bound. They count nowhere but in the server's health.

package proxy

import (
	"fooproxy/foo"
	"fooproxy/poller"
)

// Check is how servers are checked.
type Check uint8

// The checks: not at all, by a connection, by a request.
const (
	CheckOff Check = iota
	CheckTCP
	CheckFoo
)

// checkRequest is what a server must answer, with ACK or NAK.
const checkRequest = "REQ 1\n"

// checker checks one server. It is the handler of its connection.
type checker struct {
	upstream *upstream
	conn     *poller.Conn // of the check under way; nil: there is none
	tried    int          // addresses
	next     int64        // when the next check begins
	limit    int64        // when this one has failed
	timer    poller.Timer
}

// checks reports whether servers are checked.
func (p *Proxy) checks() bool { return p.config.Check != CheckOff }

// startChecks begins to check a server, the first time at a moment of its own.
func (u *upstream) startChecks() {
	p, k := u.proxy, &u.checker
	k.upstream = u
	if p.checks() {
		k.next = p.loop.Now() + int64(p.random.Uint64()%uint64(p.config.CheckInterval))
		p.loop.Arm(&k.timer, k, k.next)
	}
}

// stopChecks ends them.
func (u *upstream) stopChecks() {
	u.proxy.loop.Disarm(&u.checker.timer)
	u.checker.drop()
}

// checksUnderWay is how many connections are those of checks.
func (p *Proxy) checksUnderWay() (n int) {
	for _, u := range p.upstreams {
		if u.checker.conn != nil {
			n++
		}
	}
	return n
}

// forgive gives a check under way the time that the loop stood still.
func (k *checker) forgive(stood int64) { k.limit += stood }

// Expire implements poller.Expirer: a check has taken too long, or one is to begin.
func (k *checker) Expire(now int64) {
	p := k.upstream.proxy
	if k.conn != nil && now >= k.limit {
		k.result("no reply in time")
	}
	if k.conn == nil && now >= k.next {
		interval := int64(p.config.CheckInterval)
		spread := interval / checkSpread
		k.next = now + interval - spread/2 + int64(p.random.Uint64()%uint64(spread))
		k.limit = now + int64(p.config.CheckTimeout)
		k.tried = 0
		k.dial(poller.Cause{Kind: poller.CauseRefused})
	}
	due := k.next
	if k.conn != nil {
		due = min(due, k.limit)
		if now >= k.next {
			due = k.limit
		}
	}
	p.loop.Arm(&k.timer, k, max(due, now+1))
}

// dial tries the next address. Where all have failed, the check has. What we are
// short of ourselves says nothing about the server.
func (k *checker) dial(why poller.Cause) {
	p, u := k.upstream.proxy, k.upstream
	for k.tried < len(u.addrs) {
		addr := u.addrs[k.tried]
		k.tried++
		conn, e := p.loop.Dial(addr, &p.config.Socket, k, &p.config.Server)
		if e == 0 {
			k.conn = conn
			if p.config.Check == CheckFoo {
				conn.Append(p.checkText)
			}
			return
		}
		why.Errno = e
	}
	switch {
	case isShortage(why.Errno):
	case len(u.addrs) == 0:
		k.result("its name does not resolve")
	default:
		k.result(why.String())
	}
}

// result ends the check, as a good one where nothing was wrong.
func (k *checker) result(wrong string) {
	k.drop()
	k.upstream.checked(wrong)
}

// drop closes the check's connection.
func (k *checker) drop() {
	if k.conn != nil {
		k.conn.SetHandler(parting{})
		k.conn.Abort()
		k.conn = nil
	}
}

// OnOpen implements poller.Handler, as all below: the server has accepted.
func (k *checker) OnOpen(*poller.Conn) {
	if k.upstream.proxy.config.Check == CheckTCP {
		k.result("")
	}
}

// ReadRoom lets anything be read.
func (k *checker) ReadRoom(*poller.Conn) int { return checkReadBytes }

// OnLines gets the reply.
func (k *checker) OnLines(_ *poller.Conn, run []byte, _ int) (taken, lines int) {
	m, err := foo.Parse(run[:lineLength(run)-1])
	if err == nil && m.Type != foo.REQ && m.Seq == 1 {
		k.result("")
	} else {
		k.result("wrong reply")
	}
	return len(run), 1
}

// OnLongLine is no reply.
func (k *checker) OnLongLine(*poller.Conn, []byte) { k.result("wrong reply") }

// OnEnd: there will be no reply.
func (k *checker) OnEnd(*poller.Conn, []byte) { k.result("closed without a reply") }

// OnRoom is of no interest.
func (k *checker) OnRoom(*poller.Conn) {}

// OnClose: the connection failed, or was never made.
func (k *checker) OnClose(_ *poller.Conn, why poller.Cause) {
	k.conn = nil
	if why.Kind == poller.CauseShutdown {
		return
	}
	k.dial(why)
}
