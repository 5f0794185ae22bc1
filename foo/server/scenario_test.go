// scenario_test.go: a scenario for each fault of the server that was met and mended,
// on the simulated kernel and on real sockets. They are files in testdata/scenarios;
// how to read them is said in package scenario.

package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fooproxy/foo/scenario"
	"fooproxy/poller"
)

const scenarioFolder = "testdata/scenarios"

func TestScenariosOnTheSimulatedKernel(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "simulated") {
		t.Run(s.Name, func(t *testing.T) {
			on := scenario.NewSimulated(s)
			g := stepOn(t, on.Kernel, configured(t, s))
			on.Sys, on.Loop, on.Target, on.Check = g.sys, g.loop, g.addr, g.settle
			second := secondListener(t, s, g.Server)
			on.Own = func(words []string, _ string) error {
				switch strings.Join(words, " ") {
				case "clients go to listener 2":
					on.Target = second
				case "the server drains":
					g.Drain()
				default:
					return scenario.ErrUnknown
				}
				return nil
			}
			scenario.Play(t, s, on)
		})
	}
}

func TestScenariosOnRealSockets(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "sockets") {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel() // most of the time nothing happens
			on := scenario.NewSockets(t, s)
			var second poller.Addr
			r := start(t, configured(t, s), func(r *Server) { second = secondListener(t, s, r) })
			l := &liveScenario{running: r, on: on, second: second.String()}
			on.Target, on.Own, on.Sync = r.addr.String(), l.do, l.sync
			t.Cleanup(l.goOn)
			scenario.Play(t, s, on)
		})
	}
}

// secondListener opens one more, where the scenario asks for it.
func secondListener(t *testing.T, s *scenario.Scenario, server *Server) poller.Addr {
	t.Helper()
	if !slices.Contains(s.Settings, scenario.Setting{Name: "listeners", Value: "2"}) {
		return poller.Addr{}
	}
	addr, err := server.Listen(anyLoopback)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// configured applies the settings of a scenario. They are named like the flags of
// foo_server.
func configured(t *testing.T, s *scenario.Scenario) func(*Config) {
	return func(c *Config) {
		s.Apply(t, func(name, value string) error { return configure(c, name, value) })
	}
}

func configure(c *Config, name, value string) (err error) {
	times := map[string]*time.Duration{
		"delay": &c.Delay, "drain": &c.Drain,
		"idle-timeout": &c.Conn.IdleTimeout, "line-timeout": &c.Conn.LineTimeout, "write-timeout": &c.Conn.WriteTimeout,
	}
	sizes := map[string]*int{"max-clients": &c.MaxConns, "max-line": &c.Conn.MaxLine, "turn-bytes": &c.Conn.TurnBytes}
	switch {
	case name == "listeners":
		return nil // secondListener opens them
	case times[name] != nil:
		*times[name], err = time.ParseDuration(value)
	case sizes[name] != nil:
		*sizes[name], err = strconv.Atoi(value)
	default:
		err = scenario.ErrUnknown
	}
	return err
}

// liveScenario understands the lines that are about a server on real sockets. Its
// loop stands still where it is kept busy.
type liveScenario struct {
	*running
	on      *scenario.Sockets
	second  string // where the second listener is
	release chan struct{}
	drains  bool
}

func (l *liveScenario) do(words []string, _ string) error {
	switch strings.Join(words, " ") {
	case "clients go to listener 2":
		l.on.Target = l.second
	case "the server drains":
		l.drains = true
		l.Drain()
	case "the loop stands still":
		stands, release := make(chan struct{}), make(chan struct{})
		go l.call(func() { close(stands); <-release })
		<-stands
		l.release = release
	case "the loop goes on":
		l.goOn()
	default:
		return fmt.Errorf("%w: %v", scenario.ErrUnknown, words)
	}
	return nil
}

// call calls f in the loop's goroutine. Where the loop has ended nobody does.
func (l *liveScenario) call(f func()) { _ = l.loop.Mailbox().Call(l.t.Context(), f) }

// sync waits until the loop has dealt with what is in the kernel now, as far as it
// runs.
func (l *liveScenario) sync() {
	for range 4 {
		if l.release == nil && !l.drains {
			l.call(func() {})
		}
	}
}

func (l *liveScenario) goOn() {
	if l.release != nil {
		close(l.release)
		l.release = nil
	}
}
