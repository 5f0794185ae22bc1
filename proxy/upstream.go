// upstream.go owns what is known of the server: its addresses, whether it was
// reached the last time, and which losses have not been reported. It dials
// nothing.

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
)

// upstream belongs to the loop.
type upstream struct {
	name   string
	addrs  []poller.Addr
	lookup uint8 // the number of the answer that addrs are of
	down   bool

	loop         *poller.Loop
	log          *zap.Logger
	report       poller.Timer // when the losses below are logged
	reported     int64        // when losses were logged last
	lost         int          // connections that the server ended with requests outstanding
	lostRequests int
}

// moved notes that the name of the server has other addresses now.
func (u *upstream) moved(addrs []poller.Addr) {
	u.addrs = addrs
	u.lookup++
}

// reached notes a connection that stands.
func (u *upstream) reached() {
	if u.down {
		u.down = false
		u.log.Info("server reachable again", zap.String("server", u.name))
	}
}

// failed notes that no address could be reached. It is logged once per change:
// every client meets the same fact.
func (u *upstream) failed(why poller.Cause) {
	if u.down {
		return
	}
	u.down = true
	reason := why.String()
	if len(u.addrs) == 0 {
		reason = "its name does not resolve"
	}
	u.log.Warn("server not reachable, clients are closed", zap.String("server", u.name), zap.String("why", reason))
}

// ended notes that the server ended a connection. Losses are gathered for a
// moment, since a server that dies loses all its clients at once.
func (u *upstream) ended(outstanding int) {
	if outstanding == 0 {
		return
	}
	u.lost++
	u.lostRequests += outstanding
	if !u.report.Armed() {
		now := u.loop.Now()
		u.loop.Arm(&u.report, u, max(now+int64(lossGather), u.reported+int64(complaintInterval)))
	}
}

// Expire implements poller.Expirer: it reports the losses.
func (u *upstream) Expire(now int64) {
	u.log.Warn("server ended connections, their clients are closed", zap.String("server", u.name), zap.Int("connections", u.lost), zap.Int("requests_abandoned", u.lostRequests))
	u.reported, u.lost, u.lostRequests = now, 0, 0
}
