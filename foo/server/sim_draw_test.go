// sim_draw_test.go owns what is drawn for a simulated run: how the server is
// configured, and what its operator does to it.

package server

import (
	"fmt"
	"math/rand/v2"
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

// simOptions is what is drawn of the server and of its surroundings.
type simOptions struct {
	config    Config
	clients   int
	listeners int
	drains    bool
	store     *simStore // nil: nothing is asked of the store
	late      string
}

// drawOptions draws a configuration. The boring one is that of the command.
func drawOptions(w *sim.World) (o simOptions) {
	c := w.Choices
	o.config = DefaultConfig()
	o.clients, o.listeners = 1+c.Next(5), 1
	if c.Chance(150) {
		o.listeners = 2
	}
	pick := func(values ...int) int { return values[c.Next(len(values))] }
	conn := &o.config.Conn
	o.config.MaxConns = pick(0, 0, 0, 1, 3)
	conn.MaxLine = pick(64<<10, 64<<10, 128, 128, 200, 1024, 5000)
	conn.HighMark = max(pick(64<<10, 64<<10, 1, 200, 300, 4096, 9000), conn.MaxLine/64)
	conn.LowMark = conn.HighMark / pick(2, 2, 1, 50)
	o.config.Socket.NotSentLowat = pick(16<<10, 16<<10, 64, 1000) // where the kernel takes little, output waits here
	conn.TurnBytes = max(pick(64<<10, 64<<10, 16, 300), conn.MaxLine/16)
	conn.TurnLines = pick(256, 256, 1, 5)
	conn.ReadToEAGAIN = c.Chance(250)
	conn.AbandonOnReset = !c.Chance(100)
	if c.Chance(200) {
		conn.LingerTimeout = 50 * time.Millisecond
	}
	for _, timeout := range []*time.Duration{&conn.IdleTimeout, &conn.LineTimeout, &conn.WriteTimeout} {
		if c.Chance(100) || w.Chaos.Rates[fake.Stall]+w.Plan.Rates[sim.Silence]+w.Plan.Rates[sim.Hesitation] > 0 && c.Chance(400) {
			*timeout = 50 * time.Millisecond << c.Next(1+c.Next(6)) // short ones mostly
		}
	}
	delays := [...]time.Duration{0, 0, 0, 1, time.Millisecond, 20 * time.Millisecond, 300 * time.Millisecond}
	o.config.Delay = delays[c.Next(len(delays))]
	o.config.NakRate = [...]float64{0, 0, 0, 0.1, 1}[c.Next(5)]
	if o.config.NakRate > 0 {
		o.config.Random = rand.New(rand.NewPCG(uint64(c.Next(1<<16)), 0))
	}
	if o.drains = c.Chance(200); o.drains {
		o.config.Drain = [...]time.Duration{DefaultDrain, DefaultDrain, 100 * time.Millisecond, 0}[c.Next(4)]
	}
	if c.Chance(400) {
		o.store = drawStore(c)
		o.config.Store, o.late = o.store, simLateWord
	}
	w.Rules = sim.Rules{Direct: true, LateWord: o.late, MaxLine: conn.MaxLine, Idle: conn.IdleTimeout, Line: conn.LineTimeout, Write: conn.WriteTimeout,
		Linger: conn.LingerTimeout, Drain: o.config.Drain, NAKs: o.config.NakRate > 0, Delay: o.config.Delay, TurnBytes: conn.TurnBytes}
	return o
}

// operate plans what the operator does.
func (s *simulation) operate() {
	drain := s.drain
	if !s.drains {
		drain = nil
	}
	s.Operate(func() { s.server.recorder.Fill(stats.NewSnapshot(), s.server.loop.Now()) }, drain)
}

// drain is SIGTERM.
func (s *simulation) drain() {
	s.world.Drain()
	s.drainedAt = s.world.Kernel.Now()
	s.server.Drain()
}

// describe is a run in one line.
func (o *simOptions) describe() string {
	c := &o.config.Conn
	store := "no store"
	if s := o.store; s != nil {
		store = fmt.Sprintf("a store of %d operations, late by %v", s.most, s.latest)
	}
	return fmt.Sprintf("%s, %d clients, %d listeners, max-clients %d, delay %v, nak-rate %v, drain %t in %v, max-line %d, high mark %d, low mark %d, turn %d bytes or %d lines, read to EAGAIN %t, abandon on reset %t, idle %v, line %v, write %v, linger %v",
		store, o.clients, o.listeners, o.config.MaxConns, o.config.Delay, o.config.NakRate, o.drains, o.config.Drain, c.MaxLine, c.HighMark, c.LowMark,
		c.TurnBytes, c.TurnLines, c.ReadToEAGAIN, c.AbandonOnReset, c.IdleTimeout, c.LineTimeout, c.WriteTimeout, c.LingerTimeout)
}
