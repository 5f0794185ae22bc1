// scenario_test.go: the scenarios of the package proxy in front of a real process,
// and once more with relays on both sides of it, which cut what is said into pieces.

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"fooproxy/cmd/internal/faultrelay"
	"fooproxy/cmd/internal/proctest"
	"fooproxy/foo/scenario"
)

const scenarioFolder = "../../proxy/testdata/scenarios"

// sliceMax is the longest piece that a relay passes on, in bytes.
const sliceMax = 300

// Neither test plays several at the same time, as those on sockets do: processes that
// begin together keep each other from running for longer than some timeouts.
func TestScenariosOnAProcess(t *testing.T) {
	for _, s := range scenario.Load(t, scenarioFolder, "process") {
		t.Run(s.Name, func(t *testing.T) {
			on := scenario.NewSockets(t, s)
			playOnProcess(t, s, on, on.Addr, func(p *proctest.Process) string { return p.Addr })
		})
	}
}

func TestScenariosThroughRelays(t *testing.T) {
	relay := func(t *testing.T, target string) string {
		slices := faultrelay.Direction{SliceMax: sliceMax}
		plan := func(int, *rand.Rand) faultrelay.Plan { return faultrelay.Plan{Requests: slices, Replies: slices} }
		return faultrelay.Start(t, faultrelay.Config{Target: target, Seed: 1, Plan: plan}).Addr
	}
	for _, s := range scenario.Load(t, scenarioFolder, "relays") {
		t.Run(s.Name, func(t *testing.T) {
			on := scenario.NewSockets(t, s)
			playOnProcess(t, s, on,
				func(name string) string { return relay(t, on.Addr(name)) },
				func(p *proctest.Process) string { return relay(t, p.Addr) })
		})
	}
}

// playOnProcess starts a proxy with the settings of a scenario, and plays. server
// says where the proxy finds a server, client where clients find the proxy.
func playOnProcess(t *testing.T, s *scenario.Scenario, on *scenario.Sockets, server func(string) string, client func(*proctest.Process) string) {
	args := []string{"-listen", "127.0.0.1:0"}
	for _, name := range s.Addrs() {
		args = append(args, "-forward", server(name))
	}
	for _, setting := range s.Settings {
		arg := "-" + setting.Name
		if setting.Value != "" {
			arg += "=" + setting.Value
		}
		args = append(args, arg)
	}
	p := &scenarioProcess{Process: proctest.Launch(t, proctest.Command(args...))}
	t.Cleanup(func() { _ = p.Process.Process.Signal(syscall.SIGCONT) }) // where the scenario ended early
	p.log = readLog(p.Process)
	on.Target, on.Sync = client(p.Process), p.sync
	on.Own = func(words []string, text string) error {
		return scenario.Soon(func() error { return p.do(words, text) })
	}
	scenario.Play(t, s, on)
}

// scenarioProcess understands the lines that are about the proxy, as far as they can
// be known from outside.
type scenarioProcess struct {
	*proctest.Process
	log     *logReader
	stopped bool
	drains  bool
}

func (p *scenarioProcess) do(words []string, text string) error {
	line := strings.Join(words, " ")
	switch {
	case line == "the loop stands still":
		p.stopped = true
		p.Send(syscall.SIGSTOP)
	case line == "the loop goes on":
		p.stopped = false
		p.Send(syscall.SIGCONT)
	case line == "the proxy drains":
		p.drains = true
		p.Send(syscall.SIGTERM)
	case strings.HasPrefix(line, "the proxy has "):
		return p.compare([]string{"connections=" + words[3]})
	case words[0] == "log" && len(words) == 2:
		if got := p.log.count(text); fmt.Sprint(got) != words[1] {
			return fmt.Errorf("it is logged %d times", got)
		}
	case words[0] == "numbers":
		return p.compare(words[1:])
	default:
		return scenario.ErrUnknown
	}
	return nil
}

// sync has the proxy print its numbers, which it does between two turns.
func (p *scenarioProcess) sync() {
	for range 2 {
		if !p.stopped && !p.drains {
			p.print()
		}
	}
}

func (p *scenarioProcess) print() map[string]any {
	p.T.Helper()
	p.Send(syscall.SIGUSR1)
	line, err := p.Stdout.ReadBytes('\n')
	if err != nil {
		p.T.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(line, &all); err != nil {
		p.T.Fatalf("%q: %v", line, err)
	}
	return all
}

func (p *scenarioProcess) compare(wanted []string) error {
	got := p.print()
	for _, want := range wanted {
		name, _, _ := strings.Cut(want, "=")
		if is := fmt.Sprintf("%s=%v", name, got[name]); is != want {
			return fmt.Errorf("it is %s", is)
		}
	}
	return nil
}
