// sim_test.go owns what is asked of simulated runs of the proxy: that no seed
// breaks an invariant, nor a record that once did, nor what a fuzzer makes up.

package proxy

import (
	"testing"

	"fooproxy/foo/sim"
	"fooproxy/poller/fake"
)

// simRun is simulate as the runner of many runs knows it, simSharedRun the same with
// connections that clients share.
func simRun(choices *fake.Choices, trace func(string)) sim.Result {
	return simResultOf(simulate(choices, trace, false))
}

func simSharedRun(choices *fake.Choices, trace func(string)) sim.Result {
	r := simResultOf(simulate(choices, trace, true))
	r.Kind = "shared"
	return r
}

func simResultOf(r simResult) sim.Result {
	return sim.Result{Violation: r.violation, Record: r.record, Requests: r.requests, Turns: r.turns, World: r.world, Options: r.options.describe()}
}

func TestSim(t *testing.T) {
	t.Run("own", func(t *testing.T) { sim.CheckSeeds(t, simRun) })
	t.Run("shared", func(t *testing.T) { sim.CheckSeeds(t, simSharedRun) })
}

func TestSimCorpus(t *testing.T) {
	sim.CheckCorpus(t, simRun)
	sim.CheckCorpus(t, simSharedRun)
}

func FuzzSim(f *testing.F) { sim.Fuzz(f, simRun) }

func FuzzSimShared(f *testing.F) { sim.Fuzz(f, simSharedRun) }
