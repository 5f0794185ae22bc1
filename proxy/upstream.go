// upstream.go owns what is known of one server: its addresses, its health, who is
// on it, what has failed there, and which losses have not been reported. It dials
// nothing.

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
)

// failure is a way in which a server fails its sessions. Each has one name, the
// same in the log, in the statistics and in the README.
type failure uint8

const (
	failureRefused        failure = iota // it, or somebody on the way, refuses the connection
	failureConnectTimeout                // it does not accept in time
	failureReset                         // it has ended both ways at once, or the network has
	failureEnded                         // it has ended with replies owed
	failureLineTooLong                   // of its reply
	failureWriteTimeout                  // it takes no output
	failureRequestTimeout                // it does not reply in time
	failureUnanswered                    // it owes too many replies that nobody waits for any more
	failureCheck                         // it fails a check
	failureStray                         // it replies to no request, where links are shared
	failureNakZero                       // it calls a request bad, where links are shared
	failureInvalid                       // it says what is no reply, where links are shared
	numFailures
)

var failureNames = [numFailures]string{"refused", "connect_timeout", "reset", "ended", "line_too_long", "write_timeout", "request_timeout", "unanswered", "check", "stray", "nak0", "invalid"}

// upstream is one server. It belongs to the loop.
type upstream struct {
	proxy   *Proxy
	name    string
	addrs   []poller.Addr // to be tried in order
	server  int           // which of the proxy's servers it is of
	max     int32         // sessions at once; 0: as many as there are
	backup  bool
	leaving int32 // sessions that are told to leave, as far as rebalancing knows
	drained bool  // the operator wants no sessions there
	gone    bool  // its name does not mean it any more
	load    load
	opening int32 // sessions whose connection does not stand yet
	triedAt int64 // since when there are any
	health  health
	checker checker

	requests int64
	failures [numFailures]int64

	report       poller.Timer // when the losses below are logged
	reported     int64        // when losses were logged last
	lostLinks    int          // connections that it ended with replies owed
	lostRequests int
	down         bool         // it was not reachable the last time, and that was logged
	bundle       *bundle      // its links, where clients share them
	deadline     poller.Timer // when a drain ends for the sessions that stay
}

// takes reports whether the server may be given a session now.
func (u *upstream) takes(now int64) bool {
	return u.wouldTake(now) && !u.isTried(now)
}

// wouldTake is the same, whether or not the outcome of a trial is waited for.
func (u *upstream) wouldTake(now int64) bool {
	return !u.drained && !u.gone && u.health.available(now, u.proxy.checks()) && (u.max == 0 || u.load.sessions < u.max)
}

// isTried reports whether one session finds out whether the server is there, for
// all: a server that died is not dialled by everybody that it has lost. One that does
// not even refuse is not waited for: they find that out together.
func (u *upstream) isTried(now int64) bool {
	return u.opening > 0 && now < u.triedAt+int64(trialTime) && u.proxy.failsOver() && u.health.isSuspect(now)
}

// offered counts a request that was given to the server.
func (u *upstream) offered() {
	u.requests++
	u.load.outstanding++
}

// replied counts a reply.
func (u *upstream) replied() {
	u.load.outstanding--
	if u.health.troubled {
		u.health.replied()
	}
}

// reached notes a connection that stands.
func (u *upstream) reached() {
	u.proxy.retrySoon()
	if u.down {
		u.down = false
		u.proxy.log.Info("server reachable again", zap.String("server", u.name))
	}
	if u.health.connected(u.proxy.checks()) {
		u.proxy.serverUp(u)
	}
}

// unreachable notes that no connection could be made at any of its addresses. It is
// logged once per change: every client meets the same fact.
func (u *upstream) unreachable(why poller.Cause) {
	p := u.proxy
	if why.Kind == poller.CauseConnectTimeout {
		u.failures[failureConnectTimeout]++
	} else {
		u.failures[failureRefused]++
	}
	u.health.refused(p.loop.Now(), p.random.Uint64())
	p.retrySoon()
	if !u.down {
		u.down = true
		reason := why.String()
		if len(u.addrs) == 0 {
			reason = "its name does not resolve"
		}
		p.log.Warn("server not reachable, "+p.fate(), zap.String("server", u.name), zap.String("why", reason))
	}
	p.eject(u, "not reachable")
}

// lost notes a link that the server has ended, with so many replies owed. They are
// gathered for a moment, since a server that dies loses all its links at once.
func (u *upstream) lost(why failure, owed int) {
	if owed > 0 || why != failureEnded && why != failureReset {
		u.failures[why]++
	}
	if owed > 0 || why == failureReset {
		u.health.lostAt = u.proxy.loop.Now()
	}
	if owed > 0 {
		u.lostLinks++
		u.lostRequests += owed
		if p := u.proxy; !u.report.Armed() {
			now := p.loop.Now()
			p.loop.Arm(&u.report, (*lossReport)(u), max(now+int64(lossGather), u.reported+int64(complaintInterval)))
		}
	}
}

// timedOut notes requests that got no reply in time.
func (u *upstream) timedOut(requests int) {
	u.failures[failureRequestTimeout] += int64(requests)
	if u.health.timedOut(requests) {
		u.proxy.eject(u, "does not reply")
	}
}

// left is told when a session has left.
func (u *upstream) left() {
	if u.load.sessions == 0 && u.gone {
		u.proxy.sweep = true
	}
}

// lossReport is a server as the owner of the timer that reports its losses.
type lossReport upstream

// Expire implements poller.Expirer.
func (r *lossReport) Expire(now int64) {
	u := (*upstream)(r)
	u.proxy.log.Warn("server ended connections, "+u.proxy.fate(), zap.String("server", u.name), zap.Int("connections", u.lostLinks), zap.Int("requests_lost", u.lostRequests))
	u.reported, u.lostLinks, u.lostRequests = now, 0, 0
}
