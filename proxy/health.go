// health.go owns the judgement whether a server takes sessions: it is told what
// happened and when, and decides. It reads no clock, draws no number and calls
// nobody.

package proxy

// health is what is known of a server's health. The zero value is healthy.
//
//	from \ event   bad checks   refused, reset, timeouts   good checks   connected, checks off
//	up             down         down, where it may be      -             -
//	down           -            -                          up            up
//
// How many servers may be down for what their sessions met alone is not known
// here: eject is asked.
type health struct {
	down     bool
	passive  bool  // only what its sessions met has ejected it; no check did
	troubled bool  // a reply would change something
	bad      uint8 // checks in a row
	good     uint8
	timeouts uint8 // requests in a row
	pause    int64 // between two dials, or two tries of one that is down, ns
	retryAt  int64 // none before
	lostAt   int64 // when it last reset a connection, or ended one with replies owed
}

// available reports whether a session may be sent there.
func (h *health) available(now int64, checks bool) bool {
	return (!h.down || !checks) && now >= h.retryAt
}

// isDoubtful reports whether the server has just lost a connection: one that dies may
// still accept for a moment.
func (h *health) isDoubtful(now int64) bool { return h.lostAt > 0 && now < h.lostAt+int64(doubtTime) }

// isSuspect reports whether the next connection to the server is a trial, so that
// nobody else tries until its outcome is known.
func (h *health) isSuspect(now int64) bool { return h.pause > 0 || h.isDoubtful(now) }

// checked notes the result of a check. One good check is enough where nothing
// else is healthy. It reports a change.
func (h *health) checked(good, alone bool) (changed bool) {
	if !good {
		h.good = 0
		h.passive = false
		h.bad = min(h.bad+1, checkFall)
		changed = !h.down && h.bad == checkFall
		h.down = h.down || changed
		return changed
	}
	h.bad = 0
	h.good = min(h.good+1, checkRise)
	if h.down && h.good < checkRise && !alone {
		return false
	}
	if changed = h.down; changed {
		h.timeouts = 0 // which a check, that is no request, says nothing about otherwise
	}
	h.down, h.passive, h.pause, h.retryAt = false, false, 0, 0
	return changed
}

// refused notes that no connection could be made. The next try comes later each
// time; random spreads those of several proxies. Where the server is down already
// it is eject's business when that is.
func (h *health) refused(now int64, random uint64) {
	if !h.down {
		h.postpone(now, random, int64(dialPauseMin), int64(dialPauseMax))
	}
}

func (h *health) postpone(now int64, random uint64, least, most int64) {
	h.pause = min(max(least, 2*h.pause), most)
	spread := h.pause / pauseSpread
	h.retryAt = now + h.pause + int64(random%uint64(spread))
	h.troubled = true
}

// eject takes the server out for what its sessions have met. Without checks only
// time can bring it back.
func (h *health) eject(now int64, random uint64, checks bool) {
	h.down, h.passive, h.good, h.timeouts = true, true, 0, 0
	if !checks {
		h.postpone(now, random, int64(ejectPauseMin), int64(ejectPauseMax))
	}
}

// connected notes a connection that stands. Without checks that ends an ejection,
// which is reported.
func (h *health) connected(checks bool) (changed bool) {
	if checks {
		return false
	}
	changed = h.down
	h.down, h.passive = false, false
	return changed
}

// replied notes a reply: what was in a row is not any more.
func (h *health) replied() { h.timeouts, h.pause, h.troubled = 0, 0, false }

// timedOut notes requests without a reply, and reports whether there were too many
// in a row.
func (h *health) timedOut(requests int) bool {
	h.timeouts = uint8(min(int(h.timeouts)+requests, timeoutsInARow))
	h.troubled = true
	return h.timeouts == timeoutsInARow
}
