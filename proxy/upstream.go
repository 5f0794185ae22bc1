// upstream.go owns what is known of the server: its addresses, and whether it
// was reached the last time. It dials nothing.

package proxy

import (
	"net/netip"

	"go.uber.org/zap"

	"fooproxy/poller"
)

// upstream belongs to the loop.
type upstream struct {
	name  string
	addrs []netip.AddrPort
	down  bool
}

// reached notes a connection that stands.
func (u *upstream) reached(log *zap.Logger) {
	if u.down {
		u.down = false
		log.Info("server reachable again", zap.String("server", u.name))
	}
}

// failed notes that no address could be reached. It is logged once per change:
// every client meets the same fact.
func (u *upstream) failed(log *zap.Logger, why poller.Cause) {
	if u.down {
		return
	}
	u.down = true
	reason := why.String()
	if len(u.addrs) == 0 {
		reason = "its name does not resolve"
	}
	log.Warn("server not reachable, clients are closed", zap.String("server", u.name), zap.String("why", reason))
}
