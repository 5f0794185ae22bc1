// perip.go owns how many connections each address has, and the bound on that. It
// must not know what a connection is.

package proxy

import (
	"go.uber.org/zap"

	"fooproxy/poller"
)

// perIP counts the connections of each address. Clients of unix sockets have none,
// and are not counted. It has an entry for each address that is connected, so
// it is no larger than the number of connections.
type perIP struct {
	most   int // 0: nothing is counted
	counts map[[16]byte]int32

	complain int64 // no complaint before
	refused  int   // since the last one
}

// addressOf is the address by which a client is counted; false where it is not.
func (t *perIP) addressOf(client poller.Peer) ([16]byte, bool) {
	if t.most == 0 || client == (poller.Peer{}) {
		return [16]byte{}, false
	}
	return client.AddrPort().Addr().As16(), true
}

// isFull reports whether the client's address has as many connections as one may
// have.
func (t *perIP) isFull(client poller.Peer) bool {
	a, counted := t.addressOf(client)
	return counted && int(t.counts[a]) >= t.most
}

// enter counts a connection, leave takes it off.
func (t *perIP) enter(client poller.Peer) {
	a, counted := t.addressOf(client)
	if !counted {
		return
	}
	if t.counts == nil {
		t.counts = make(map[[16]byte]int32)
	}
	t.counts[a]++
}

func (t *perIP) leave(client poller.Peer) {
	a, counted := t.addressOf(client)
	if !counted {
		return
	}
	if t.counts[a] == 0 {
		panic("perip: a connection leaves that was not counted")
	}
	if t.counts[a]--; t.counts[a] == 0 {
		delete(t.counts, a)
	}
}

// tellRefused logs a refusal, with the number of those since the last that was
// logged.
func (t *perIP) tellRefused(client poller.Peer, now int64, log *zap.Logger) {
	t.refused++
	if now < t.complain {
		return
	}
	log.Warn("closed a client whose address has too many connections", zap.Stringer("client", client), zap.Int("connections_max", t.most), zap.Int("refused", t.refused))
	t.complain, t.refused = now+int64(complaintInterval), 0
}
