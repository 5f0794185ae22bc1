// many.go owns the making of many runs on all cores, and what they came to
// together. It must not know what becomes of a failure.

package sim

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"fooproxy/poller/fake"
)

// collectorPercent is the collector's target while many runs are made. A run
// allocates more than a megabyte, of which next to nothing lives on: with the
// usual 100 the collector costs more than the runs.
const collectorPercent = 400

// Tally is what many runs came to.
type Tally struct {
	Seeds, Requests, Turns int64
	Failed                 []uint64 // in ascending order

	lock        sync.Mutex
	misfortunes [fake.MisfortuneCount]int64 // in how many runs each happened
	mischief    [MischiefCount]int64
}

// Many makes runs on all cores, of count seeds from first on, until one fails.
func Many(first, count uint64, run Run) *Tally {
	defer debug.SetGCPercent(debug.SetGCPercent(collectorPercent))
	s := &Tally{}
	var next atomic.Uint64
	var stop atomic.Bool
	var work sync.WaitGroup
	for range runtime.NumCPU() {
		work.Go(func() {
			for !stop.Load() {
				n := next.Add(1) - 1
				if n >= count {
					return
				}
				r := run(fake.NewChoices(first+n), nil)
				s.add(first+n, r)
				if r.Violation != nil {
					stop.Store(true)
				}
			}
		})
	}
	work.Wait()
	slices.Sort(s.Failed)
	return s
}

func (s *Tally) add(seed uint64, r Result) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.Seeds++
	s.Requests += r.Requests
	s.Turns += int64(r.Turns)
	for m, n := range r.World.Chaos.Happened {
		s.misfortunes[m] += int64(min(n, 1))
	}
	for m, n := range r.World.Plan.Happened {
		s.mischief[m] += int64(min(n, 1))
	}
	if r.Violation != nil {
		s.Failed = append(s.Failed, seed)
	}
}

// Table shows in how many runs each kind of fault happened, those that never did
// last.
func (s *Tally) Table() string {
	var b strings.Builder
	never := []string{}
	row := func(kind fmt.Stringer, runs int64) {
		if runs == 0 {
			never = append(never, kind.String())
			return
		}
		fmt.Fprintf(&b, "\n%6.2f %%  %v", 100*float64(runs)/float64(s.Seeds), kind)
	}
	for m, runs := range s.misfortunes {
		row(fake.Misfortune(m), runs)
	}
	for m, runs := range s.mischief {
		row(Mischief(m), runs)
	}
	if len(never) > 0 {
		fmt.Fprintf(&b, "\nnever: %s", strings.Join(never, ", "))
	}
	return b.String()
}
