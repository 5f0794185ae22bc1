// panic.go owns whose fault a panic is. One of the program is a violation that was
// found; one of the simulation itself finds nothing, and must not look as if.

package sim

import (
	"runtime"
	"strings"
)

// classHarness is the class of what is wrong with the simulation itself.
const classHarness = "harness"

// FailPanic notes a panic as a violation: what is what recover gave, nil where
// there was none. It must be called by the deferred function itself, while the
// stack still tells where the panic began.
func (w *World) FailPanic(what any) {
	if what == nil {
		return
	}
	class := "panic"
	if isHarness(panicFrame(), what) {
		class = classHarness
	}
	w.Fail(class, "%v", what)
}

// panicFrame is where the panic under way began.
func panicFrame() (at runtime.Frame) {
	const depth = 64
	callers := make([]uintptr, depth)
	frames := runtime.CallersFrames(callers[:runtime.Callers(0, callers)])
	panicking := false
	for more := true; more; {
		at, more = frames.Next()
		inRuntime := strings.HasPrefix(at.Function, "runtime.")
		if panicking && !inRuntime {
			return at
		}
		panicking = panicking || at.Function == "runtime.gopanic"
	}
	return at
}

// isHarness reports whether the code that panics there is the simulation's. The
// simulated kernel panics on purpose too, in words of its own, over a program that
// does what no program may.
func isHarness(at runtime.Frame, what any) bool {
	_, unforeseen := what.(runtime.Error)
	switch {
	case strings.HasSuffix(at.File, "_test.go"), strings.Contains(at.Function, "/foo/sim."):
		return true
	case strings.Contains(at.Function, "/poller/fake."):
		return unforeseen
	}
	return false
}
