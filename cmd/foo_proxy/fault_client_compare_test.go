// fault_client_compare_test.go owns the comparison of a proxy that has bad
// clients with others that have none, where the bad clients need longer to come
// than a window lasts. The windows take turns, so that the machine's own moods
// meet all alike.

package main

import (
	"testing"
	"time"

	"fooproxy/cmd/internal/proctest"
)

// windowTime is the length of a window: at 100,000 requests per second, 200 of
// them are above the p99.
const windowTime = 200 * time.Millisecond

// compareProxies has the load L ask one proxy after the other. Those without the
// fault are two, so that each difference has its null test. begin and end stand
// around the windows with the fault.
func compareProxies(t *testing.T, without, with, null string, begin, end func()) (c proctest.Comparison) {
	t.Helper()
	measure := func(addr string) proctest.LoadResult {
		load := proctest.StartLoad(t, proctest.StandardLoad(addr))
		load.Mark()
		time.Sleep(windowTime) // what is measured takes time
		window := load.Mark()
		if all := load.Stop(); !all.Faultless() {
			t.Errorf("the others: %v", all)
		}
		return window
	}
	for i := range proctest.Pairs() {
		if i%2 == 0 { // neither is always first
			c.Without = append(c.Without, measure(without))
		} else {
			c.Null = append(c.Null, measure(null))
		}
		begin()
		c.With = append(c.With, measure(with))
		end()
		if i%2 == 0 {
			c.Null = append(c.Null, measure(null))
		} else {
			c.Without = append(c.Without, measure(without))
		}
	}
	return c
}
