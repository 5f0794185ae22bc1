// This file owns the points at which conversations wait for each other. It
// must not know what is said before or after them.
package check

import (
	"context"
	"sync"
)

// gate opens for good when so many have arrived at it. It is for any
// goroutine.
type gate struct {
	mutex sync.Mutex
	due   int
	open  chan struct{}
}

func newGate(due int) *gate { return &gate{due: due, open: make(chan struct{})} }

func (g *gate) arrive() {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	if g.due--; g.due == 0 {
		close(g.open)
	}
}

// pass waits until the gate is open, and returns false where ctx ends first.
func (g *gate) pass(ctx context.Context) bool {
	select {
	case <-g.open:
		return true
	case <-ctx.Done():
		return false
	}
}
