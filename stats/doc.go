// Package stats counts what a loop does and tells it to others: counters,
// rates over moving windows, latencies, and a JSON snapshot of all of them.
//
// The loop's goroutine owns a Recorder; everyone else sees either the atomic
// counters in the registry or a Snapshot that the loop filled and gave away:
//
//	Add, Latency ──► Recorder ──EndTurn──► registry (atomic counters)
//	                    │     └──────────► windows
//	                    └──Fill──► Snapshot ──given away──► AppendJSON
package stats
