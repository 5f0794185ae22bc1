// resolve.go owns the look-up of a server's name, in a goroutine of its own:
// name services may take seconds, and the loop waits for nobody.

package proxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"fooproxy/poller"
)

// Server says where requests go. Resolve is nil where Addrs never change: they are
// those of one server, tried in order. Otherwise each address is a server of its
// own, and Resolve is called again and again; it may block as long as its context
// allows.
type Server struct {
	Name    string
	Addrs   []poller.Addr
	Resolve func(context.Context) ([]poller.Addr, error)
	// Weight is its share of the sessions in relation to others, or each
	// address's; 0 is 1.
	Weight int
	// MaxSessions is how many sessions it is given at once; 0: as many as come.
	MaxSessions int
	// Backup keeps it for the time when no other server takes sessions.
	Backup bool
}

// checkServers refuses what cannot work.
func checkServers(servers []Server) error {
	if len(servers) == 0 || len(servers) > upstreamsMax {
		return fmt.Errorf("there must be 1 to %d servers", upstreamsMax)
	}
	for _, s := range servers {
		if s.Weight < 0 || s.Weight > weightHigh || s.MaxSessions < 0 {
			return fmt.Errorf("server %s: weights are 1 to %d, limits positive", s.Name, weightHigh)
		}
	}
	return nil
}

// watchName keeps the addresses of the server fresh until ctx ends. A name that
// does not resolve any more keeps the addresses it had.
func (p *Proxy) watchName(ctx context.Context, number int) {
	server := p.servers[number]
	ticker := time.NewTicker(resolveInterval)
	defer ticker.Stop()
	known, failing := server.Addrs, false
	for {
		addrs, err := resolveOnce(ctx, server)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			p.log.Warn("server name does not resolve, its last addresses stay", zap.String("server", server.Name), zap.Int("addresses", len(known)), zap.Error(err))
		}
		failing = err != nil
		if err == nil && !slices.Equal(addrs, known) && p.loop.Mailbox().Post(func() { p.setAddrs(number, addrs) }) == nil {
			known = addrs
			p.log.Info("server has other addresses now", zap.String("server", server.Name), zap.Stringers("addresses", addrs))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func resolveOnce(ctx context.Context, server Server) ([]poller.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	return server.Resolve(ctx)
}
