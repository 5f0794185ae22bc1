//go:build race

package kv

// underRace has long tests of one goroutine be shorter: the detector finds nothing in
// them, and makes them ten times as slow.
const underRace = true
