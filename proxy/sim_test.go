// sim_test.go owns what is asked of simulated runs of the proxy: that no seed
// breaks an invariant, nor a record that once did, nor what a fuzzer makes up.

package proxy

import (
	"testing"

	"fooproxy/foo/sim"
	"fooproxy/poller/fake"
)

// simRun is simulate as the runner of many runs knows it.
func simRun(choices *fake.Choices, trace func(string)) sim.Result {
	r := simulate(choices, trace)
	return sim.Result{Violation: r.violation, Record: r.record, Requests: r.requests, Turns: r.turns, World: r.world, Options: r.options.describe()}
}

func TestSim(t *testing.T) { sim.CheckSeeds(t, simRun) }

func TestSimCorpus(t *testing.T) { sim.CheckCorpus(t, simRun) }

func FuzzSim(f *testing.F) { sim.Fuzz(f, simRun) }
