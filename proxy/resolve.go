// resolve.go owns the look-up of the server's name, in a goroutine of its own:
// name services may take seconds, and the loop waits for nobody.

package proxy

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"fooproxy/poller"
)

// Server says where the requests go. Resolve is nil where Addrs never change;
// otherwise it is called again and again, and may block as long as its context
// allows. Addrs are tried in order.
type Server struct {
	Name    string
	Addrs   []poller.Addr
	Resolve func(context.Context) ([]poller.Addr, error)
}

// watchName keeps the addresses of the server fresh until ctx ends. A name that
// does not resolve any more keeps the addresses it had.
func (p *Proxy) watchName(ctx context.Context, server Server) {
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
		if err == nil && !slices.Equal(addrs, known) && p.loop.Mailbox().Post(func() { p.upstream.moved(addrs) }) == nil {
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
