// scenario_test.go: a scenario for each fault that was met and mended, on the
// simulated kernel, on real sockets, and directly at the server. They are files in
// testdata/scenarios; how to read them is said in package scenario.

package proxy

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap/zaptest/observer"

	"fooproxy/foo/scenario"
	"fooproxy/poller"
)

const scenarioFolder = "testdata/scenarios"

func TestScenariosOnTheSimulatedKernel(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "simulated") {
		t.Run(s.Name, func(t *testing.T) {
			on := scenario.NewSimulated(s)
			g := &stage{t: t, kernel: on.Kernel}
			g.openServers(scenarioServers(s, on.Addr), configured(t, s))
			on.Sys, on.Loop, on.Target, on.Check = g.sys, g.proxy.loop, g.addr, g.settle
			mind := &scenarioMind{proxy: g.proxy, logs: g.logs, numbers: g.numbers, peak: func() int { return g.peak }, addr: on.Addr, call: func(f func()) { f() }}
			on.Own = mind.do
			scenario.Play(t, s, on)
		})
	}
}

func TestScenariosOnRealSockets(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "sockets") {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel() // most of the time nothing happens
			on := scenario.NewSockets(t, s)
			addr := func(name string) poller.Addr { return parseAddr(t, on.Addr(name)) }
			l := startServingAll(t, anyLoopback, scenarioServers(s, addr), configured(t, s))
			mind := &scenarioMind{proxy: l.proxy, logs: l.logs, numbers: l.numbers, peak: func() int { return int(l.peak.Load()) }, addr: addr, call: l.on}
			on.Target, on.Own = l.addr, mind.doLive
			on.Sync = func() { mind.sync(l) }
			t.Cleanup(func() {
				if mind.goOn(); mind.drains {
					l.ended(patience) // all who were there have left
				}
			})
			scenario.Play(t, s, on)
		})
	}
}

// TestScenariosWithoutTheProxy hold what clients are to hear against the truth: the
// same lines at the server itself.
func TestScenariosWithoutTheProxy(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "direct") {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			scenario.Play(t, s, scenario.Direct(t, s))
		})
	}
}

func parseAddr(t *testing.T, text string) poller.Addr {
	t.Helper()
	addr, err := netip.ParseAddrPort(text)
	if err != nil {
		t.Fatal(err)
	}
	return poller.TCPAddr(addr)
}

// scenarioServers are the servers of a scenario.
func scenarioServers(s *scenario.Scenario, addr func(string) poller.Addr) (all []Server) {
	for _, server := range s.Servers {
		one := Server{Name: server.Name}
		for _, name := range server.Addrs {
			one.Addrs = append(one.Addrs, addr(name))
		}
		if server.IsNamed {
			one = named(one.Addrs...)
		}
		all = append(all, one)
	}
	return all
}

// configured applies the settings of a scenario. They are named like the flags of
// foo_proxy.
func configured(t *testing.T, s *scenario.Scenario) func(*Config) {
	return func(c *Config) {
		s.Apply(t, func(name, value string) error { return configure(c, name, value) })
	}
}

func configure(c *Config, name, value string) (err error) {
	times := map[string][]*time.Duration{
		"idle-timeout":    {&c.Client.IdleTimeout},
		"line-timeout":    {&c.Client.LineTimeout},
		"write-timeout":   {&c.Client.WriteTimeout, &c.Server.WriteTimeout},
		"connect-timeout": {&c.Server.ConnectTimeout},
		"linger":          {&c.Client.LingerTimeout, &c.Server.LingerTimeout},
		"drain":           {&c.Drain},
		"request-timeout": {&c.RequestTimeout},
		"no-server-wait":  {&c.NoServerWait},
	}
	sizes := map[string][]*int{
		"max-line":        {&c.Client.MaxLine, &c.Server.MaxLine},
		"max-output":      {&c.Client.HighMark, &c.Server.HighMark},
		"max-memory":      {&c.MaxMemory},
		"max-outstanding": {&c.MaxOutstanding},
		"max-conns":       {&c.MaxConns},
		"turn-bytes":      {&c.Client.TurnBytes, &c.Server.TurnBytes},
		"turn-lines":      {&c.Client.TurnLines, &c.Server.TurnLines},
	}
	switch {
	case name == "strict":
		c.Strict = true
	case name == "on-server-close" && value == "failover":
		c.OnServerClose = Failover
	case name == "check" && value == "off":
		c.Check = CheckOff
	case times[name] != nil:
		for _, to := range times[name] {
			if *to, err = time.ParseDuration(value); err != nil {
				return err
			}
		}
	case sizes[name] != nil:
		for _, to := range sizes[name] {
			if *to, err = strconv.Atoi(value); err != nil {
				return err
			}
		}
		c.Client.LowMark, c.Server.LowMark = c.Client.HighMark/2, c.Server.HighMark/2
	default:
		return scenario.ErrUnknown
	}
	return nil
}

// scenarioMind understands the lines that are about the proxy.
//
//	the proxy drains
//	the proxy has 2 clients
//	the proxy has held 9000 bytes at most
//	the name becomes b a           it means other servers
//	the proxy drains A             and enables it again
//	the proxy calls A up           or ejected, or what its statistics say
//	numbers msg_req=2 answered=1
//	log 1 "server not reachable"   so many lines hold the text
type scenarioMind struct {
	proxy   *Proxy
	logs    *observer.ObservedLogs
	numbers func() numbers
	peak    func() int // the most that it has held, in bytes
	addr    func(name string) poller.Addr
	call    func(func())  // in the loop's goroutine
	release chan struct{} // where the loop stands still
	drains  bool
}

func (m *scenarioMind) do(words []string, text string) error {
	line := strings.Join(words, " ")
	switch {
	case line == "the proxy drains":
		m.drains = true
		m.proxy.Drain()
		return nil
	case strings.HasPrefix(line, "the proxy has held "):
		most, err := strconv.Atoi(words[4])
		if held := m.peak(); err == nil && held > most {
			err = fmt.Errorf("it has held %d", held)
		}
		return err
	case strings.HasPrefix(line, "the proxy has "):
		got := 0
		m.call(func() { got = len(m.proxy.sessions) })
		if fmt.Sprint(got) != words[3] {
			return fmt.Errorf("it has %d", got)
		}
		return nil
	case strings.HasPrefix(line, "the name becomes "):
		var addrs []poller.Addr
		for _, name := range words[3:] {
			addrs = append(addrs, m.addr(name))
		}
		m.call(func() { m.proxy.setAddrs(0, addrs) })
		return nil
	case strings.HasPrefix(line, "the proxy calls ") && len(words) == 5:
		return m.onServer(words[3], func(u *upstream) error {
			if u.stateName() != words[4] {
				return fmt.Errorf("it is %s", u.stateName())
			}
			return nil
		})
	case strings.HasPrefix(line, "the proxy drains "), strings.HasPrefix(line, "the proxy enables "):
		return m.operate(words[2], words[3])
	case words[0] == "log" && len(words) == 2:
		if got := m.logs.FilterMessageSnippet(text).Len(); fmt.Sprint(got) != words[1] {
			return fmt.Errorf("it is logged %d times", got)
		}
		return nil
	case words[0] == "numbers":
		return m.compare(words[1:])
	}
	return scenario.ErrUnknown
}

// operate drains a server, or enables it again.
func (m *scenarioMind) operate(verb, name string) error {
	return m.onServer(name, func(u *upstream) error {
		if verb == "drains" {
			m.proxy.drainUpstream(u)
		} else {
			m.proxy.enableUpstream(u)
		}
		return nil
	})
}

// onServer calls act in the loop's goroutine.
func (m *scenarioMind) onServer(name string, act func(*upstream) error) error {
	err := fmt.Errorf("there is no server %s", name)
	m.call(func() {
		for _, u := range m.proxy.upstreams {
			if u.name == name {
				err = act(u)
				return
			}
		}
	})
	return err
}

func (m *scenarioMind) compare(wanted []string) error {
	got := m.numbers()
	for _, want := range wanted {
		name, _, _ := strings.Cut(want, "=")
		value, ok := got[name]
		if is := fmt.Sprintf("%s=%v", name, value); is != want || !ok {
			return fmt.Errorf("it is %s", is)
		}
	}
	return nil
}

// doLive also has the loop stand still, which others than a simulated kernel do by
// keeping it busy.
func (m *scenarioMind) doLive(words []string, text string) error {
	switch strings.Join(words, " ") {
	case "the loop stands still":
		stands, release := make(chan struct{}), make(chan struct{})
		go m.call(func() { close(stands); <-release })
		<-stands
		m.release = release
		return nil
	case "the loop goes on":
		m.goOn()
		return nil
	}
	return scenario.Soon(func() error { return m.do(words, text) })
}

func (m *scenarioMind) goOn() {
	if m.release != nil {
		close(m.release)
		m.release = nil
	}
}

// sync waits until the loop has dealt with what is in the kernel now, as live's own
// does; but it may have ended, or stand still.
func (m *scenarioMind) sync(l *live) {
	if m.release != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	go func() {
		select {
		case <-l.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	for range 4 {
		if l.proxy.loop.Mailbox().Call(ctx, func() {}) != nil {
			return // it has ended
		}
	}
}
