// sim_draw_test.go owns what is drawn for a simulated run: how the proxy is
// configured, and what its operator does to it.

package proxy

import (
	"time"

	"fooproxy/foo/sim"
	"fooproxy/poller/fake"
	"fooproxy/stats"
)

const (
	// simStallSlack is how late a drain may end beyond its time: the process may
	// stand still meanwhile.
	simStallSlack = 5 * time.Second
)

// simOptions is what is drawn of the proxy and of its surroundings.
type simOptions struct {
	config  Config
	clients int
	servers []Server
	// addrs is how many addresses the one server has, where there is one, and
	// firstDead: nobody listens at the first of two before the calm.
	addrs     int
	firstDead bool
	drains    bool
	late      bool  // a client comes when all is well again
	shared    bool  // clients share the connections to the servers
	credits   int32 // of each of these
}

// drawOptions draws a configuration. The boring one is that of the command.
func drawOptions(w *sim.World, shared bool) (o simOptions) {
	c := w.Choices
	o.shared = shared
	o.config = DefaultConfig()
	o.clients, o.addrs = 1+c.Next(5), 1
	several := shared || c.Chance(simSeveral)
	if c.Chance(160) {
		w.Haste()
	}
	if !several && c.Chance(300) {
		o.addrs, o.firstDead = 2, c.Chance(300)
	}
	pick := func(values ...int) int { return values[c.Next(len(values))] }
	client := &o.config.Client
	o.config.Strict = c.Chance(400)
	o.config.MaxOutstanding = pick(DefaultMaxOutstanding, DefaultMaxOutstanding, DefaultMaxOutstanding, 1, 3, 20)
	o.config.MaxConns = pick(0, 0, 0, 1, 3)
	o.config.MaxMemory = pick(DefaultMaxMemory, DefaultMaxMemory, DefaultMaxMemory, 6<<10, 40<<10)
	client.MaxLine = pick(64<<10, 128, 128, 200, 1024, 5000)
	client.HighMark = max(client.MaxLine, pick(64<<10, 300, 300, 300, 4096, 9000))
	// Small buffers in the kernel, so that output waits here.
	o.config.Socket.NotSentLowat = pick(16<<10, 64, 64, 1000)
	if w.Plan.Rates[sim.DeafReader] > 0 && c.Chance(250) {
		// Bad lines without end from clients that do not listen: refusals are
		// output, too.
		o.config.Strict, o.config.MaxOutstanding = true, DefaultMaxOutstanding
		client.MaxLine, client.HighMark, o.config.Socket.NotSentLowat = 128, 300, 64
		w.Plan.Rates[sim.OddLine], w.Plan.Rates[sim.DeafReader] = 900, 900
	}
	if o.config.Strict {
		// A refusal waits behind the requests before it, also behind one that its
		// server never answers.
		w.Plan.Rates[sim.NAKZero], w.Plan.Rates[sim.WrongSeq] = 0, 0
	}
	if w.Plan.Rates[sim.NAKZero]+w.Plan.Rates[sim.WrongSeq] > 0 {
		// Requests that are never answered count as outstanding for ever, and the
		// refusal of a long line waits behind them.
		o.config.MaxOutstanding, w.Plan.Rates[sim.LongLine] = DefaultMaxOutstanding, 0
	}
	client.LowMark = client.HighMark / pick(2, 2, 1, 50)
	client.TurnBytes = max(pick(64<<10, 64<<10, 16, 300), client.MaxLine/16)
	client.TurnLines = pick(256, 256, 1, 5)
	client.ReadToEAGAIN = c.Chance(250)
	if c.Chance(200) {
		client.LingerTimeout = 50 * time.Millisecond
	}
	o.config.Server = *client
	o.config.Server.KeepUnsent = true
	o.config.Server.ConnectTimeout, o.config.Server.AbandonOnReset = [...]time.Duration{DefaultConnectTimeout, DefaultConnectTimeout, 100 * time.Millisecond}[c.Next(3)], false
	for _, timeout := range []*time.Duration{&client.IdleTimeout, &client.LineTimeout, &client.WriteTimeout} {
		if c.Chance(150) || w.Chaos.Rates[fake.Stall]+w.Plan.Rates[sim.Silence]+w.Plan.Rates[sim.Hesitation] > 0 && c.Chance(600) {
			*timeout = 50 * time.Millisecond << c.Next(1+c.Next(6)) // short ones mostly
		}
	}
	o.drains = c.Chance(120)
	w.Rules = sim.Rules{Strict: o.config.Strict, MaxLine: client.MaxLine, Idle: client.IdleTimeout, Line: client.LineTimeout,
		Write: client.WriteTimeout, Connect: o.config.Server.ConnectTimeout, Scarce: o.config.MaxMemory < DefaultMaxMemory,
		Little: o.config.Server.HighMark < 64<<10 || o.config.MaxMemory < DefaultMaxMemory, Linger: client.LingerTimeout, Drain: o.config.Drain}
	if several {
		o.drawServers(w)
	}
	if shared {
		o.share(w)
	}
	return o
}

// operate plans what the operator does.
func (s *simulation) operate() {
	drain := s.drain
	if !s.drains {
		drain = nil
	}
	s.Operate(func() { s.proxy.fillSnapshot(stats.NewSnapshot()) }, drain)
	s.operateServers()
}

// drain is SIGTERM.
func (s *simulation) drain() {
	s.world.Drain()
	s.proxy.Drain()
}
