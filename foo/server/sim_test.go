// sim_test.go owns what is asked of simulated runs of the server: that no seed
// breaks an invariant, nor a record that once did, nor what a fuzzer makes up.

package server

import (
	"testing"

	"fooproxy/foo/sim"
)

func TestSim(t *testing.T) { sim.CheckSeeds(t, simulate) }

func TestSimCorpus(t *testing.T) { sim.CheckCorpus(t, simulate) }

func FuzzSim(f *testing.F) { sim.Fuzz(f, simulate) }
